"""A clerk at a counter, as far as HTTP goes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import unescape

import requests

from app.extensions import db
from app.factory import create_app
from app.services.installation import Installation
from app.settings import load_settings
from tests.conftest import Service
from tests.fixtures.counter_service import DESK
from tests.visitor import SECONDS, Visitor, get_csrf_token


@contextmanager
def inside(service: Service) -> Iterator[Installation]:
    """The service's installation in this process, within its application's context."""
    app = create_app(load_settings(service.environment))
    with app.app_context():
        try:
            yield app.extensions["installation"]
        finally:
            db.session.remove()
            db.engine.dispose()


@dataclass
class Clerk:
    """Somebody at a counter."""

    visitor: Visitor
    desk: str = DESK

    def open_counter(self, query: str = "") -> requests.Response:
        """The counter's page."""
        return self.visitor.get(self.desk + query)

    def find(self, text: str, **data: str) -> requests.Response:
        """What the counter answers to a search, without following it."""
        return self.visitor.post(self.desk, self.open_counter(), q=text, **data)

    def open_item(self, number: str) -> requests.Response:
        """The page of the one student of this number."""
        answer = self.find(number)
        assert answer.status_code == 303, answer.text[:3000]
        return self.visitor.get(answer.headers["Location"])

    def decide(self, page: requests.Response, outcome: str, **data: str) -> requests.Response:
        """Send the form of this page that decides so, as it stands there but for `data`."""
        form = next(form for form in list_forms(page, "decision") if form["outcome"] == outcome)
        return self._send(f"{page.url.partition('?')[0]}/decision", {**form, **data})

    def undo(self, page: requests.Response, **data: str) -> requests.Response:
        """Send the page's form that takes back."""
        (form,) = list_forms(page, "undo")
        return self._send(f"{page.url.partition('?')[0]}/undo", {**form, **data})

    def send_photo(self, picture: bytes) -> requests.Response:
        """Send a photo of a code."""
        page = self.open_counter()
        return self.visitor.http.post(
            f"{self.visitor.url}{self.desk}/photo",
            data={"csrf_token": get_csrf_token(page)},
            files={"file": ("code.png", picture)},
            timeout=SECONDS,
            allow_redirects=False,
        )

    def _send(self, url: str, form: dict[str, str]) -> requests.Response:
        return self.visitor.http.post(url, data=form, timeout=SECONDS, allow_redirects=False)


def list_forms(page: requests.Response, end: str) -> list[dict[str, str]]:
    """The named fields with a value of each form of a page whose address ends so."""
    found = re.findall(rf'<form [^>]*action="[^"]*/{end}"[^>]*>(.*?)</form>', page.text, re.DOTALL)
    fields = r'<input type="hidden" name="([^"]+)" value="([^"]*)"'
    return [{name: unescape(value) for name, value in re.findall(fields, form)} for form in found]


def get_status(page: requests.Response) -> str:
    """The status of the item that a page shows."""
    found = re.search(r'data-item="archive" data-status="([^"]+)"', page.text)
    assert found, page.text[:3000]
    return found[1]


def get_version(page: requests.Response) -> str:
    """The version that the forms of a page saw."""
    versions = set(re.findall(r'name="version" value="([0-9]+)"', page.text))
    assert len(versions) == 1, versions
    return versions.pop()


def list_rows(page: requests.Response) -> list[str]:
    """The keys of the students that a page lists."""
    return re.findall(r'data-row="([^"]+)"', page.text)
