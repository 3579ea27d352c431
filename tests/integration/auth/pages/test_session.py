"""The session's cookie and its cost, over the whole product."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
import time_machine
from sqlalchemy import event

from app.extensions import db
from app.web import session as web_session
from app.web.session import DatabaseSessionInterface
from tests.integration.auth.pages.site import BASE_URL, Site, get_cookie, open_site
from tests.integration.auth.small_provider import SmallProvider

MORNING = datetime(2026, 6, 1, 8, tzinfo=UTC)


@contextmanager
def counted(site: Site) -> Iterator[list[str]]:
    """Gather the statements that the block sends to the database."""
    statements: list[str] = []
    with site.app.app_context():
        engine = db.engine

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(engine, "before_cursor_execute", note)


def about_sessions(statements: list[str]) -> list[str]:
    return [statement.split()[0] for statement in statements if "browser_sessions" in statement]


@pytest.mark.parametrize("path", ["/", "/graduate-departure/", "/healthz", "/nowhere"])
def test_a_page_that_needs_no_session_touches_none(path: str, site: Site) -> None:
    browser = site.browser()
    with counted(site) as statements:
        answer = site.get(browser, path)
    assert about_sessions(statements) == []
    assert "Set-Cookie" not in answer.headers


def test_a_public_page_reads_one_row_to_name_the_account_of_a_signed_in_browser(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    with counted(site) as statements:
        site.get(browser, "/graduate-departure/")
    assert about_sessions(statements) == ["SELECT"]


def test_a_personal_page_reads_one_row_and_writes_none(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    site.get(browser, "/completed")
    with counted(site) as statements:
        answer = site.get(browser, "/completed")
    assert about_sessions(statements) == ["SELECT"]
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert "Cookie" in answer.headers["Vary"]
    assert "Set-Cookie" not in answer.headers


def test_the_cookie_over_https_is_bound_to_this_host(site: Site) -> None:
    header = site.sign_in(site.browser()).headers["Set-Cookie"]  # the first one
    parts = {part.strip() for part in header.split(";")}
    assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} < parts
    assert header.startswith("__Host-lixiao=")
    assert "Domain" not in header
    assert "Expires" not in header


def test_the_cookie_over_http_has_a_plain_name(tmp_path: Path, provider: SmallProvider) -> None:
    settings = {"SERVICE__BASE_URL": "http://127.0.0.1:1", "SERVICE__TRUSTED_HOSTS": "127.0.0.1"}
    with open_site(tmp_path, provider, **settings) as site:
        header = site.browser().get("/sign-in", base_url="http://127.0.0.1:1").headers["Set-Cookie"]
        assert cast("DatabaseSessionInterface", site.app.session_interface).cookie_name == "lixiao_session"
    assert re.match("lixiao_sign_in_[1-5]=", header)
    assert "Secure" not in header
    assert {"HttpOnly", "SameSite=Lax", "Max-Age=1800"} < {part.strip() for part in header.split(";")}


def test_every_cookie_over_https_is_sent_over_https_alone_and_to_no_script(site: Site) -> None:
    browser = site.browser()
    answers = [site.get(browser, "/graduate-departure/?language=en"), site.sign_in(browser)]
    answers.append(site.get(site.browser(), "/sign-in?next=/completed"))
    form = re.search(r'name="csrf_token" value="([^"]+)"', site.get(browser, "/completed").text)
    assert form
    headers = {"Referer": f"{BASE_URL}/completed"}
    answers.append(
        browser.post("/sign-out", base_url=BASE_URL, data={"csrf_token": form[1]}, headers=headers)
    )
    cookies = [header for answer in answers for header in answer.headers.getlist("Set-Cookie")]
    names = {re.sub("_[1-5]$", "", header.partition("=")[0]) for header in cookies}
    assert names == {"__Host-lixiao", "__Host-lixiao-sign_in", "language", "lixiao_signed_out"}
    for header in cookies:
        parts = {part.strip() for part in header.split(";")}
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= parts, header
        assert "Domain" not in header


COOKIES = [
    "",
    "x",
    "x" * 43,
    "x" * 5000,
    "%00",
    "\x7f",
    "../../etc",
    "é" * 43,
    '"',
    "a=b;c",
    "' OR 1=1 --",
    "-" * 42,
]


@pytest.mark.parametrize("value", COOKIES)
def test_a_cookie_that_is_none_is_nobody(value: str, site: Site) -> None:
    header = {"Cookie": f"__Host-lixiao={value}"}
    browser = site.app.test_client(use_cookies=False)
    answer = browser.get("/completed", base_url=BASE_URL, headers=header)
    assert (answer.status_code, answer.location) == (302, "/sign-in?next=/completed")
    assert browser.get("/sign-in", base_url=BASE_URL, headers=header).status_code == 302


def test_an_identifier_that_the_browser_brings_along_is_never_taken_over(site: Site) -> None:
    browser = site.browser()
    browser.set_cookie("__Host-lixiao", "A" * 43, domain="lixiao.example.edu", secure=True)
    site.sign_in(browser)
    assert get_cookie(browser) != "A" * 43


def test_unused_for_half_an_hour_a_sign_in_ends(site: Site) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        browser = site.browser()
        site.sign_in(browser)
        clock.shift(timedelta(minutes=30))
        assert site.is_signed_in(browser)
        clock.shift(timedelta(minutes=30))
        assert site.is_signed_in(browser)
        clock.shift(timedelta(minutes=31))
        assert not site.is_signed_in(browser)


def test_after_eight_hours_a_sign_in_ends_however_much_it_is_used(site: Site) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        browser = site.browser()
        site.sign_in(browser)
        for _ in range(23):
            clock.shift(timedelta(minutes=20))
            assert site.is_signed_in(browser)
        clock.shift(timedelta(minutes=20))
        assert not site.is_signed_in(browser)


def test_that_a_session_is_in_use_is_written_once_a_minute(site: Site) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        browser = site.browser()
        site.sign_in(browser)
        site.get(browser, "/completed")
        with counted(site) as statements:
            for _ in range(12):
                clock.shift(timedelta(seconds=10))
                site.get(browser, "/completed")
    assert about_sessions(statements).count("UPDATE") == 2


def test_expired_sessions_are_cleared_away_now_and_then(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_session, "CLEAN_EVERY_SECONDS", 0)
    with time_machine.travel(MORNING, tick=False) as clock:
        for _ in range(3):
            site.sign_in(site.browser())
        assert len(site.rows()) == 3
        clock.shift(timedelta(hours=8))
        site.sign_in(site.browser())
        assert len(site.rows()) == 1


def test_what_a_session_holds_but_cannot_be_read_is_nobody(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    with site.app.app_context(), browser.session_transaction(base_url=BASE_URL) as session:
        session["person"] = {"number": "TS1", "from": "another version"}
    assert not site.is_signed_in(browser)


@contextmanager
def locked(site: Site) -> Iterator[None]:
    """Hold the database's write lock."""
    with site.app.app_context():
        path = db.engine.url.database
    connection = sqlite3.connect(path or "", isolation_level=None)
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
    finally:
        connection.rollback()
        connection.close()


def test_a_session_that_cannot_be_written_is_a_503_and_no_half_sign_in(site: Site) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    with locked(site):
        answer = site.get(browser, callback)
        assert answer.status_code == 503
        assert "Location" not in answer.headers
        assert "Set-Cookie" not in answer.headers
        assert site.get(site.browser(), "/sign-in").status_code == 302, "to begin needs no database"
    assert site.get(browser, callback).location == "/graduate-departure/clearance"


def test_a_locked_database_does_not_stop_who_only_reads(site: Site) -> None:
    browser = site.browser()
    with time_machine.travel(MORNING, tick=False) as clock:
        site.sign_in(browser)
        site.get(browser, "/completed")
        clock.shift(timedelta(minutes=2))
        with locked(site):
            assert site.is_signed_in(browser)
