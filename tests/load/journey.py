"""What one person does, for locust: sign in, look, submit, fetch the PDF, and a guard verifies the slip.

Runs in locust's own environment (tests/load/requirements.txt) and knows the service by its pages alone.
"""

import itertools
import random
import re
import time
from html import unescape
from urllib.parse import urljoin, urlsplit

import gevent
from locust import FastHttpUser, constant, events, task
from locust.env import Environment
from locust.exception import RescheduleTask, StopUser

APP = "/graduate-departure"
PASSWORD = "demo"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
EVERY_SECONDS = 5
REDIRECTS = (301, 302, 303)
MOST_REDIRECTS = 8

# A run never meets the students of the one before: they have submitted.
_numbers = itertools.count(random.SystemRandom().randrange(10_000) * 500)


class Graduate(FastHttpUser):
    """One student after the other, each with a fresh browser."""

    wait_time = constant(0.2)
    network_timeout = 30.0
    connection_timeout = 30.0

    @task
    def depart(self) -> None:
        """The journey; a step that fails is reported under its name and ends it."""
        self.client.client.cookiejar.clear()
        number = f"TS9{next(_numbers):07d}"
        began = time.monotonic()
        self._open("1 guide", f"{APP}/", "研究生离校")
        form = self._open("2 to the campus sign-in", f"{APP}/clearance", "password")
        data = {"username": number, "password": PASSWORD}
        came = self._open("3 sign in and look", form.url, "csrf_token", data)
        if "data-consent" in came.text:
            agreed = {"csrf_token": _find_token(came)}
            self._open("3 agree to the notice", f"{APP}/consent", 'data-step="finance"', agreed)
        self._open("4 wait for all departments", f"{APP}/clearance?wait=1", 'data-status="cleared"')
        check = self._open("5 check page", f"{APP}/submission", 'name="csrf_token"')
        answers = {"csrf_token": _find_token(check)}
        slip = self._open("6 submit and see the slip", f"{APP}/submission", "/v/", answers)
        number = urlsplit(slip.url).path.rpartition("/")[2]
        self._open("7 PDF", f"/slips/{number}.pdf?download=1", b"%PDF-")
        digits = re.search(r"/v/(\d+)", slip.text)[1]
        self.client.client.cookiejar.clear()
        self._open("8 verify", f"/v/{digits}", 'data-verdict="valid"')
        seconds = time.monotonic() - began
        self.environment.events.request.fire(
            request_type="",
            name="the whole journey",
            response_time=seconds * 1000,
            response_length=0,
            exception=None,
        )

    def _open(
        self, name: str, path: str, expected: str | bytes, data: dict[str, str] | None = None
    ) -> "Page":
        """Open a page, following redirects as a browser does, each hop timed under the step's name."""
        url = urljoin(self.host, path)
        for _ in range(MOST_REDIRECTS):
            _require_loopback(url)
            method = "GET" if data is None else "POST"
            with self.client.request(
                method, url, name=name, data=data, allow_redirects=False, catch_response=True
            ) as answer:
                if answer.status_code in REDIRECTS:
                    url, data = urljoin(url, answer.headers["Location"]), None
                    continue
                body = answer.content or b""
                wanted = expected if isinstance(expected, bytes) else expected.encode()
                if answer.status_code != 200 or wanted not in body:
                    answer.failure(f"status {answer.status_code}, not the page that was to come")
                    break
                return Page(url, body.decode(errors="replace"))
        raise RescheduleTask  # the failure is in the report


class Page:
    """Where a step ended, and what it saw."""

    def __init__(self, url: str, text: str) -> None:
        self.url = url
        self.text = text


def _find_token(page: Page) -> str:
    return unescape(re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1])


def _require_loopback(url: str) -> None:
    """Nobody else's servers are ever loaded, whatever the pages say."""
    if urlsplit(url).hostname not in LOOPBACK:
        raise StopUser(f"not on this machine: {urlsplit(url).hostname}")


@events.test_start.add_listener
def _report_as_it_goes(environment: Environment, **_options: object) -> None:
    began = time.monotonic()

    def report() -> None:
        while True:
            gevent.sleep(EVERY_SECONDS)
            total = environment.stats.total
            done = environment.stats.get("the whole journey", "").num_requests
            print(
                f"{time.monotonic() - began:5.0f} s  {environment.runner.user_count} people"
                f"  {total.num_requests} requests  {total.num_failures} failed  {done} slips",
                flush=True,
            )

    gevent.spawn(report)
