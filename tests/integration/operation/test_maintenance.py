"""nginx's example while the service is down or its flag is up: a page that tells people so; and logs without queries."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from tests.conftest import get_free_port
from tests.integration.operation.proxy import EXAMPLE, require_nginx, running_nginx

PAGE = EXAMPLE.with_name("maintenance.html")
SECRET = "code=once-only"


class Upstream(BaseHTTPRequestHandler):
    """Answers 200, or 503 where the address says so."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(503 if self.path.startswith("/busy") else 200)
        self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(b"its own words")

    def log_message(self, *_: object) -> None:
        """Nothing."""


class Site:
    """The example before a service, or before nothing."""

    def __init__(self, folder: Path, port: int, certificate: Path) -> None:
        self.folder, self._port, self._certificate = folder, port, certificate

    def fetch(self, path: str, method: str = "GET") -> requests.Response:
        return requests.request(
            method, f"https://127.0.0.1:{self._port}{path}", verify=str(self._certificate), timeout=60
        )

    def fetch_plain(self, path: str) -> bytes:
        """By port 80."""
        with socket.socket(socket.AF_UNIX) as plain:
            plain.connect(str(self.folder / "plain.sock"))
            plain.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            return plain.recv(4096)

    def read_log(self, name: str, awaited: str) -> str:
        """A log, once it has this: nginx writes a line after its answer."""
        for _ in range(100):
            logged = (self.folder / name).read_text() if (self.folder / name).exists() else ""
            if awaited in logged:
                return logged
            time.sleep(0.05)
        raise AssertionError(f"{awaited!r} is in no line of {name}")


@contextmanager
def running_site(
    folder: Path, changes: dict[str, str] | None = None, service_port: int | None = None
) -> Iterator[Site]:
    require_nginx()
    port = get_free_port()
    with running_nginx(folder, service_port or get_free_port(), port, changes) as certificate:
        yield Site(folder, port, certificate)


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Site]:
    """The example before a service that answers."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Upstream) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with running_site(tmp_path / "nginx", service_port=server.server_port) as site:
            yield site
        server.shutdown()


def is_maintenance(answer: requests.Response) -> bool:
    """Whether people are told to come back."""
    if answer.content != PAGE.read_bytes():
        return False
    told = (answer.status_code, answer.headers["Retry-After"], answer.headers["Cache-Control"])
    assert told == (503, "120", "no-store")
    assert answer.headers["Content-Type"] == "text/html"
    return True


def test_while_the_service_is_down_people_are_told_and_who_watches_it_too(tmp_path: Path) -> None:
    with running_site(tmp_path / "nginx") as site:
        assert is_maintenance(site.fetch("/graduate-departure/"))
        assert is_maintenance(site.fetch("/graduate-departure/submission", "POST"))
        for path in ("/healthz", "/readyz", "/metrics"):
            answer = site.fetch(path)
            assert (answer.status_code, is_maintenance(answer)) == (502, False)


def test_a_flag_puts_the_page_up_while_the_service_is_watched_as_ever(up: Site) -> None:
    assert up.fetch("/").content == b"its own words"
    flag = up.folder / "lixiao-maintenance"
    flag.touch()
    assert is_maintenance(up.fetch("/"))
    assert [up.fetch(path).status_code for path in ("/healthz", "/readyz")] == [200, 200]
    flag.unlink()
    assert up.fetch("/").content == b"its own words"


def test_what_the_service_itself_says_of_being_busy_is_passed_on(up: Site) -> None:
    answer = up.fetch("/busy")
    assert (answer.status_code, answer.content, answer.headers["Retry-After"]) == (503, b"its own words", "7")


def test_nobody_opens_the_page_by_its_name(up: Site) -> None:
    assert up.fetch("/maintenance.html").status_code == 404


def test_the_page_needs_nothing_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for outside in ("http:", "https:", "src=", "url(", "<script", "<link"):
        assert outside not in text


def test_no_log_holds_a_query_by_port_80_or_of_a_service_that_is_down(tmp_path: Path) -> None:
    with running_site(tmp_path / "nginx") as site:
        assert b" 301 " in site.fetch_plain(f"/sign-in/campus/callback?{SECRET}")
        site.fetch(f"/sign-in/campus/callback?{SECRET}")
        site.read_log("lixiao.log", " GET /maintenance.html 503 ")
        logged = site.read_log("lixiao.log", " GET /sign-in/campus/callback 301 ")
        errors = "".join((site.folder / name).read_text() for name in ("error.log", "lixiao-error.log"))
        assert SECRET not in logged + errors


def test_nginx_would_log_it_if_it_were_not_told(tmp_path: Path) -> None:
    """The control: its usual form of a log, and its usual level of errors."""
    folder = tmp_path / "nginx"
    changes = {
        f"access_log {folder}/lixiao.log lixiao;": f"access_log {folder}/lixiao.log combined;",
        f"error_log {folder}/lixiao-error.log crit;": f"error_log {folder}/lixiao-error.log error;",
    }
    with running_site(folder, changes) as site:
        site.fetch_plain(f"/sign-in/campus/callback?{SECRET}")
        site.read_log("lixiao.log", SECRET)
        site.fetch(f"/sign-in/campus/callback?{SECRET}")
        site.read_log("lixiao-error.log", SECRET)
