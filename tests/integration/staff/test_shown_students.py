"""Whoever is shown on a page of staff, by name or number, was logged as looked at before: every page and every form below
`/staff` is walked with students whom nothing else names. A page that comes later is covered without a change here, but for
arguments of new names.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from html import unescape
from itertools import product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.domain.person import Person, Role
from app.extensions import db
from app.factory import create_app
from app.services.clock import get_now
from app.services.desk.deciding import Outcome, Via, Wish, decide, make_nonce, open_desk_step
from app.services.desk.desk_code import make_code
from app.services.installation import Installation
from app.services.staff.acts import waive
from app.services.staff.roster import Listed, find_listed, list_person
from app.services.staff.views import list_views
from app.settings import load_settings
from app.web.staff import access
from tests.campus.client import PROJECT
from tests.campus.run import make_environment
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.staff import grant
from tests.fixtures.staff_routes import STAFF_ROUTES
from tests.fixtures.templates import prepare
from tests.integration.conftest import MakeDatabase

PORT, NOBODY = 8000, "http://127.0.0.1:9"
SLUG, PATH, PERIOD = "graduate_departure", "graduate-departure", "2026-06"
VIEWER, COLLEAGUE = "00770001", "00770002"
ROLES: dict[str, dict[str, str]] = {
    "desk": {"mini_app": SLUG, "step": "archive"},
    "school": {},
    "auditor": {},
    "admin": {},
}
TAIL = "4321"
"""The last digits of all: no form holds a whole number."""
NUMBERS = tuple(f"TS7{place}00{TAIL}" for place in range(3))
SHOWING = frozenset(
    {
        "staff_approvals.index",
        "staff_approvals.show",
        "staff_audit.events",
        "staff_audit.looks",
        "staff_desk.counter",
        "staff_desk.find",
        "staff_desk.item",
        "staff_desk.read_photo",
        "staff_students.search",
        "staff_students.show",
    }
)
"""Pages that the walk must have found to show somebody, lest it walks past them."""


@dataclass(frozen=True)
class Walked:
    """What a walk saw: the endpoints that answered 200 to GET, those that showed a student, and those that showed one whose
    look was not logged.
    """

    opened: set[str] = field(default_factory=set)
    showing: set[str] = field(default_factory=set)
    unlogged: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class House:
    """The application, the students, and one who may see all of them everywhere."""

    app: Flask
    installation: Installation
    students: tuple[Listed, ...]
    viewer: SignedIn
    request_id: int
    grant_id: int

    def count_looks(self) -> dict[str, int]:
        """How often the viewer was logged to look at each student."""
        with self.app.app_context():
            counts = dict.fromkeys(NUMBERS, 0)
            for look in list_views(viewer=VIEWER):
                if look.subject in counts:
                    counts[look.subject] += look.count
            db.session.remove()
            return counts

    def list_shown(self, answer: TestResponse) -> set[str]:
        """The numbers of the students whom an answer names, by number or name."""
        told = unescape(answer.text)
        return {number for number in NUMBERS if number in told or make_name(number) in told}


def make_name(number: str) -> str:
    """A name that nothing else holds."""
    return f"金丝雀{number[2:4]}号"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase) -> Iterator[House]:
    """Students whom the viewer handled today, and of whom a colleague asked something."""
    folder = tmp_path_factory.mktemp("shown")
    two = folder / "two.toml"
    two.write_text(f'[console]\ntwo_for = ["{SLUG}.dormitory"]\n', encoding="utf-8")
    environment = make_environment(folder, PORT, NOBODY, (PROJECT / "config" / "demo_staff.toml", two))
    environment["LIXIAO_DATABASE__URL"] = make_database(folder)
    prepare(environment)
    (viewer,) = sign_in_all(environment, [VIEWER])
    app = create_app(load_settings(environment))
    with app.app_context():
        installation = app.extensions["installation"]
        for role, scope in ROLES.items():
            grant_id = grant(app, VIEWER, role, **scope)
        grant(app, COLLEAGUE, "school")
        students = tuple(_enrol(installation, number) for number in NUMBERS)
        installed = installation.get_mini_app(PATH)
        asked = [waive(installation, installed, one, "dormitory", "论文涉密", COLLEAGUE) for one in students]
        assert asked[0] is not None
    yield House(app, installation, students, viewer, asked[0].id, grant_id)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _enrol(installation: Installation, number: str) -> Listed:
    """Let a student be on the roster, handled by the viewer."""
    installed = installation.get_mini_app(PATH)
    list_person(installed, Person(number, make_name(number), Role.STUDENT, "化工学院", "化学", "硕士"))
    wish = Wish(Outcome.DONE, 0, make_nonce(), VIEWER, Via.TYPED)
    decide(installation, open_desk_step(installation, PATH, "archive"), number, wish)
    listed = find_listed(installed, number)
    assert listed is not None
    return listed


def list_arguments(house: House) -> dict[str, list[str]]:
    """What addresses are tried with, by the arguments' names."""
    with house.app.app_context():
        code = make_code(house.installation, NUMBERS[0], get_now())
    return {
        "app_path": [PATH],
        "app": [PATH],
        "period": [PERIOD],
        "step": ["archive"],
        "key": [house.students[0].key],
        "grant_id": [str(house.grant_id)],
        "request_id": [str(house.request_id)],
        "token": [code],
    }


def list_addresses(house: House) -> list[tuple[str, str, str]]:
    """Each method, endpoint and address of pages of staff; those that change something come last."""
    arguments, found = list_arguments(house), []
    with house.app.test_request_context(base_url=f"http://127.0.0.1:{PORT}"):
        for rule in house.app.url_map.iter_rules():
            if rule.endpoint not in STAFF_ROUTES and rule.endpoint != "desk_codes.open_code":
                continue
            unknown = rule.arguments - arguments.keys()
            assert not unknown, f"tell list_arguments what {unknown} of {rule.endpoint} may be"
            names = sorted(rule.arguments)
            for values in product(*(arguments[name] for name in names)):
                _, path = rule.build(dict(zip(names, values, strict=True))) or ("", "")
                found += [
                    (method, rule.endpoint, path) for method in (rule.methods or set()) & {"GET", "POST"}
                ]
    return sorted(found)


def make_forms(house: House) -> list[dict[str, str]]:
    """What is sent to every form: searches, which find all, and what is not accepted, so that the page comes again."""
    today = house.installation.get_local_time(get_now()).date()
    empty = {"student": "", "actor": "", "kind": "", "day": ""}
    common = {"csrf_token": house.viewer.token, "step": "archive", "decision": "refuse", "note": "长" * 201}
    desk = {"outcome": "not_done", "version": "9", "nonce": secrets.token_hex(16), "reason": ""}
    given = {"number": "00420013", "role": "desk", "until": (today + timedelta(days=3)).isoformat()}
    with house.app.app_context():
        code = make_code(house.installation, NUMBERS[0], get_now())
    return [
        {**common, **empty, **desk, **given, "q": TAIL},
        {**common, **empty, **desk, **given, "q": TAIL, "mode": "scan"},
        {**common, **empty, **desk, **given, "q": code, "mode": "scan"},
        {**common, **empty, **desk, **given, "q": "金丝雀", "actor": VIEWER},
    ]


def walk(house: House) -> Walked:
    """Open every page and send every form; a redirect is opened as a page of its own."""
    client, walked = house.app.test_client(), Walked()
    name, _, value = house.viewer.cookie.partition("=")
    client.set_cookie(name, value, domain="127.0.0.1")
    for method, endpoint, path in list_addresses(house):
        forms: list[dict[str, str] | None] = [None] if method == "GET" else [*make_forms(house)]
        for form in forms:
            answer = _ask(house, client, walked, endpoint, path, form)
            target = answer.headers.get("Location", "")
            if target:
                _ask(house, client, walked, _name_endpoint(house, target), target, None)
    return walked


def _ask(
    house: House, client: FlaskClient, walked: Walked, endpoint: str, path: str, form: dict[str, str] | None
) -> TestResponse:
    before = house.count_looks()
    options: dict[str, Any] = {"headers": {"Referer": f"http://127.0.0.1:{PORT}{path}"}, "data": form}
    method = "GET" if form is None else "POST"
    answer = client.open(path, method=method, base_url=f"http://127.0.0.1:{PORT}", **options)
    assert answer.status_code < 500, (method, path, answer.text[:2000])
    after = house.count_looks()
    shown = house.list_shown(answer)
    if form is None and answer.status_code == 200:
        walked.opened.add(endpoint)
    if shown:
        walked.showing.add(endpoint)
    if any(after[number] == before[number] for number in shown):
        walked.unlogged.add(endpoint)
    return answer


def _name_endpoint(house: House, target: str) -> str:
    with house.app.test_request_context(target, base_url=f"http://127.0.0.1:{PORT}") as context:
        return str(context.request.endpoint)


def list_pages(house: House) -> set[str]:
    """The endpoints of staff that answer GET."""
    rules = house.app.url_map.iter_rules()
    return {
        rule.endpoint for rule in rules if rule.endpoint in STAFF_ROUTES and "GET" in (rule.methods or ())
    }


@pytest.mark.timeout(300)
def test_whoever_is_shown_to_staff_was_logged_as_looked_at(house: House) -> None:
    walked = walk(house)
    assert walked.unlogged == set()
    assert list_pages(house) - walked.opened == set()
    assert SHOWING - walked.showing == set()


@pytest.mark.timeout(300)
def test_pages_that_log_no_looks_are_found(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "log_views", lambda *_: None)
    walked = walk(house)
    assert walked.unlogged == walked.showing
    assert SHOWING - walked.unlogged == set()
