"""The product in this process, with a small provider to sign in at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.extensions import db
from app.factory import create_app
from app.settings import load_settings
from tests.campus.run import make_environment
from tests.integration.auth.small_provider import CALLBACK, CLIENT_SECRET, SmallProvider

BASE_URL = CALLBACK.removesuffix("/sign-in/campus/callback")
COOKIE = "__Host-lixiao"
CLEARANCE = "/graduate-departure/clearance"
SUBMISSION = "/graduate-departure/submission"
STUDENT = {
    "sub": "u-17",
    "number": "TS23000002",
    "name": "李文静",
    "role": "student",
    "graduation_period": "2026-06",
}


@dataclass(frozen=True)
class Site:
    """A running product; `browser` has its own cookies."""

    app: Flask
    provider: SmallProvider

    def browser(self) -> FlaskClient:
        """A fresh browser."""
        return self.app.test_client()

    def get(self, browser: FlaskClient, path: str, **options: object) -> TestResponse:
        """Open a page without following redirects."""
        return browser.get(path, base_url=BASE_URL, **options)  # type: ignore[arg-type]

    def leave(self, browser: FlaskClient, path: str = CLEARANCE) -> str:
        """Open a page that needs a sign-in and answer the provider's page; the callback's path and query."""
        answer = self.get(browser, path)
        while answer.location.startswith("/"):
            answer = self.get(browser, answer.location)
        assert answer.location.startswith(self.provider.url), answer.location
        return f"{urlsplit(CALLBACK).path}?{urlencode(self.provider.come_back(answer.location))}"

    def sign_in(self, browser: FlaskClient, path: str = CLEARANCE) -> TestResponse:
        """Leave and come back; the callback's answer."""
        return self.get(browser, self.leave(browser, path))

    def is_signed_in(self, browser: FlaskClient) -> bool:
        """Whether a personal page opens."""
        return self.get(browser, "/completed").status_code == 200

    def rows(self) -> list[dict[str, str]]:
        """The stored sessions."""
        with self.app.app_context(), db.engine.connect() as connection:
            return [
                dict(row) for row in connection.execute(text("SELECT * FROM browser_sessions")).mappings()
            ]


@contextmanager
def open_site(folder: Path, provider: SmallProvider, **settings: str) -> Iterator[Site]:
    """Make the product on a database of its own; `settings` are environment variables without `LIXIAO_`."""
    provider.userinfo = dict(STUDENT)
    chosen = {
        "SERVICE__BASE_URL": BASE_URL,
        "SERVICE__TRUSTED_HOSTS": "lixiao.example.edu,other.example.edu",
        "SIGN_IN__CAMPUS__ISSUER": provider.issuer,
        "SIGN_IN__CAMPUS__CLIENT_SECRET": CLIENT_SECRET,
        **settings,
    }
    environment = make_environment(folder, 1, provider.url)
    app = create_app(
        load_settings({**environment, **{f"LIXIAO_{key}": value for key, value in chosen.items()}})
    )
    with app.app_context():
        db.create_all()
    try:
        yield Site(app, provider)
    finally:
        with app.app_context():
            db.engine.dispose()


def count_waiting(browser: FlaskClient) -> int:
    """How many sign-ins this browser has begun and not finished."""
    names = (f"__Host-lixiao-sign_in_{number}" for number in range(1, 10))
    return sum(get_cookie(browser, name) != "" for name in names)


def get_cookie(browser: FlaskClient, name: str = COOKIE) -> str:
    """The value of the session's cookie, "" if there is none."""
    cookie = browser.get_cookie(name, "lixiao.example.edu")
    return cookie.value if cookie else ""
