"""Whatever strangers ask, and however often, no table grows: every address by every method that it takes, from fresh
browsers and from one that keeps its cookies, and sign-ins that begin and come to nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from app.domain.slip_code import Verdict
from app.extensions import Base
from app.factory import create_app
from app.services.sign_in.used_once import SLOTS
from app.services.verification.scan_log import Viewer
from app.settings import load_settings
from tests.conftest import Service
from tests.visitor import APP, Visitor

ROUNDS = 4
PARTS = {
    "app_path": APP.strip("/"),
    "name": "campus",
    "step_key": "archive",
    "number": "LX260000000000000",
    "filename": "lixiao.css",
    "code": "1" * 260,
    "grant_id": "1",
    "request_id": "1",
}
FORMS: tuple[dict[str, str], ...] = (
    {},
    {"code": "1" * 260, "name": "x"},
    {"code": "ABCD-EFGH-JKLM-NPQR", "choice": "0", "csrf_token": "x"},
    {"logoutRequest": "<samlp:LogoutRequest/>"},
)
BOUNDED = {"used_once": 2 * SLOTS, "scan_counts": 2 * len(Viewer) * len(Verdict), "journal_marks": 1}
"""Tables that strangers fill to so many rows and no further."""


@pytest.fixture(scope="module")
def addresses(running_service: Service) -> list[tuple[str, str]]:
    """Method and address of every route."""
    app = create_app(load_settings(running_service.environment))
    adapter = app.url_map.bind("localhost")
    return [
        (method, adapter.build(rule.endpoint, {name: PARTS.get(name, "x") for name in rule.arguments}))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"OPTIONS"})
    ]


def count_rows(service: Service) -> dict[str, int]:
    """How many rows each table has."""
    with closing(sqlite3.connect(service.data_dir / "lixiao.sqlite3", timeout=30)) as database:
        return {
            name: database.execute(f"SELECT count(*) FROM {name}").fetchone()[0]
            for name in Base.metadata.tables
        }


def ask_everything(service: Service, stranger: Visitor, addresses: list[tuple[str, str]]) -> int:
    """Ask for each address; how many requests that were."""
    asked = [
        (method, address, form)
        for method, address in addresses
        for form in (FORMS if method == "POST" else FORMS[:1])
    ]
    for method, address, form in asked:
        answer = stranger.http.request(
            method, service.url + address, data=form, timeout=30, allow_redirects=False
        )
        assert answer.status_code < 500, (method, address)
    return len(asked)


def come_to_nothing(stranger: Visitor) -> None:
    """Begin a sign-in, and come back with a code that the campus never gave."""
    begun = stranger.get("/sign-in?next=/completed", allow_redirects=False)
    (state,) = parse_qs(urlsplit(begun.headers["Location"]).query)["state"]
    refused = stranger.get(f"/sign-in/campus/callback?state={state}&code=x", allow_redirects=False)
    assert 'data-sign-in="' in refused.text
    assert 'data-sign-in="unknown_state"' not in refused.text


def test_no_table_grows_by_what_strangers_ask(service: Service, addresses: list[tuple[str, str]]) -> None:
    keeping = service.visit()
    before = count_rows(service)
    asked = 0
    for _ in range(ROUNDS):
        for stranger in (service.visit(), keeping):
            asked += ask_everything(service, stranger, addresses)
            come_to_nothing(stranger)
    after = count_rows(service)
    assert asked > 500
    assert {name for name, count in after.items() if count != before[name]} <= BOUNDED.keys()
    assert all(after[name] <= most for name, most in BOUNDED.items())


def test_a_begun_sign_in_is_kept_by_its_browser_alone(service: Service) -> None:
    before = count_rows(service)
    for _ in range(100):
        requests.get(f"{service.url}/sign-in", timeout=30, allow_redirects=False)
    assert count_rows(service) == before


def test_a_table_that_does_grow_is_noticed(service: Service) -> None:
    """The negative control."""
    before = count_rows(service)
    service.visit().sign_in("TS23000002", "/completed")
    assert count_rows(service)["browser_sessions"] == before["browser_sessions"] + 1
