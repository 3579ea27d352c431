"""Random grants at every page of staff: not a byte about students, steps or colleges outside of them, in pages, errors, JSON
or the log.

Pages that are added later are covered without a change here, but for arguments of new names and fields of new forms.
"""

from __future__ import annotations

import logging
import random
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from itertools import product
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import delete, insert

from app.domain import staff as rules
from app.domain.person import Person, Role
from app.domain.staff import Grants, Right, Scope, StaffRole
from app.extensions import Base, db
from app.factory import create_app
from app.models import DeskDecision, DeskEntry, StaffGrant, Waiver, write_transaction
from app.services.authenticated_rows import sign_row
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.staff import granted
from app.services.staff.grants import load_grants
from app.services.staff.roster import find_listed, list_person
from app.settings import load_settings
from tests.campus.client import PROJECT
from tests.campus.run import make_environment
from tests.fixtures.signed_in import SignedIn, sign_in_all
from tests.fixtures.staff import grant
from tests.fixtures.staff_routes import STAFF_ROUTES
from tests.fixtures.templates import prepare
from tests.integration.conftest import MakeDatabase

PORT, NOBODY = 8000, "http://127.0.0.1:9"
APP, PERIOD = "graduate_departure", "2026-06"
STEPS = ("archive", "dormitory", "library_loans")
COLLEGES = ("矿业工程学院", "机械工程学院", "化工学院")
VIEWERS = 8
SEEN_WITHOUT = ("姓名", "金额", "备注", "豁免原因", "授权原因")
"""The canaries that pages show to whom they should not once nothing asks for the scope."""
CONFIGS = tuple((PROJECT / "config").glob("demo_staff.toml"))


@dataclass(frozen=True)
class Student:
    """Somebody on the roster; `key` is the row's."""

    number: str
    name: str
    college: str
    key: str


@dataclass(frozen=True)
class Canary:
    """A text that stands only where the rows of this college and step are read, and by which right; "" in a scope is
    what has none. `grant` is the staff number of whoever holds the grant whose reason it is.
    """

    text: str
    right: Right
    step: str = ""
    college: str = ""
    grant: str = ""


@dataclass(frozen=True)
class Field:
    """The application with canaries in its database."""

    app: Flask
    installation: Installation
    students: tuple[Student, ...]
    canaries: tuple[Canary, ...]
    grant_ids: tuple[int, ...]
    viewers: tuple[SignedIn, ...]


def make_text(kind: str) -> str:
    """A canary that no other text holds, and nobody types."""
    return f"{kind}{secrets.token_hex(6)}"


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase) -> Iterator[Field]:
    """Students of three colleges at three steps, and grants of others, each with its canaries."""
    folder = tmp_path_factory.mktemp("scope")
    environment = make_environment(folder, PORT, NOBODY, CONFIGS)
    environment["LIXIAO_DATABASE__URL"] = make_database(folder)
    prepare(environment)
    viewers = tuple(sign_in_all(environment, [f"0077{place:06d}" for place in range(VIEWERS)]))
    app = create_app(load_settings(environment))
    with app.app_context():
        installation = app.extensions["installation"]
        students = tuple(_list(installation, college, place) for college in COLLEGES for place in range(2))
        canaries = [Canary(one.name, Right.STATUS, college=one.college) for one in students]
        for student, step in product(students, STEPS):
            canaries += _record(installation, student, step)
        grant_ids = []
        for place, step in enumerate(STEPS * 3):
            number, reason = f"0042{place:04d}", make_text("授权原因")
            grant_ids.append(_give(installation, number, step, reason))
            canaries.append(Canary(reason, Right.GRANT, step=step, grant=number))
    # Requests inside of one application context would share what each keeps of who asks.
    yield Field(app, installation, students, tuple(canaries), tuple(grant_ids), viewers)
    with app.app_context():
        db.session.remove()
        db.engine.dispose()


def _list(installation: Installation, college: str, place: int) -> Student:
    number, name = f"TS7{COLLEGES.index(college)}{place:06d}", make_text("姓名")
    installed = installation.get_mini_app(APP.replace("_", "-"))
    list_person(installed, Person(number, name, Role.STUDENT, college, "采矿工程", "硕士"))
    listed = find_listed(installed, number)
    assert listed is not None
    return Student(number, name, college, listed.key)


def _record(installation: Installation, student: Student, step: str) -> Iterator[Canary]:
    """What a desk recorded, and a waiver."""
    now, installed = get_now(), installation.get_mini_app(APP.replace("_", "-"))
    amount, note, reason = make_text("金额"), make_text("备注"), make_text("豁免原因")
    facts = {"building": amount, "room": None, "checkout_date": None, "checkout_by": None}
    facts = facts if step == "dormitory" else {"state": None, "reviewed_on": None}
    desk = installed.connectors[step].name
    entry = {
        "connector": desk,
        "student_number": student.number,
        "facts": facts,
        "recorded_by": "00429999",
        "recorded_at": now,
    }
    _insert(DeskEntry, sign_row(installation.row_keys, DeskEntry, entry, now))
    decision = {
        "connector": desk,
        "student_number": student.number,
        "version": 1,
        "mini_app": APP,
        "step": step,
        "period": PERIOD,
        "outcome": "done",
        "facts": facts,
        "before": None,
        "reason_key": "",
        "note": note,
        "actor": "00429999",
        "via": "typed",
        "nonce": secrets.token_hex(16),
        "undoes": None,
        "decided_at": now,
    }
    _insert(DeskDecision, sign_row(installation.row_keys, DeskDecision, decision, now))
    waiver = {
        "mini_app": APP,
        "period": PERIOD,
        "student_number": student.number,
        "step": step,
        "reason": reason,
        "granted_by": "00429999",
        "granted_at": now,
        "withdrawn_by": None,
        "withdrawn_at": None,
        "withdrawal_reason": None,
    }
    _insert(Waiver, sign_row(installation.row_keys, Waiver, waiver, now))
    if step == "dormitory":
        yield Canary(amount, Right.FACTS, step, student.college)
    yield Canary(note, Right.STATUS, step, student.college)
    yield Canary(reason, Right.STATUS, step, student.college)


def _give(installation: Installation, number: str, step: str, reason: str) -> int:
    now = get_now()
    row: dict[str, Any] = {
        "staff_number": number,
        "name": "",
        "role": "desk",
        "mini_app": APP,
        "step": step,
        "college": "",
        "period": "",
        "valid_from": now,
        "valid_until": None,
        "granted_by": "00429999",
        "granted_at": now,
        "reason": reason,
        "delegated_from": None,
        "revoked_at": None,
        "revoked_by": None,
        "revocation_reason": None,
    }
    return _insert(StaffGrant, sign_row(installation.row_keys, StaffGrant, row, now))


def _insert(model: type[Base], row: dict[str, Any]) -> Any:
    with write_transaction() as session:
        given = session.execute(insert(model).values(row)).inserted_primary_key
    return given[0]


def may_see(viewer: Grants, canary: Canary) -> bool:
    """Whether one of the grants brings the right for what the canary stands beside."""
    if canary.grant:
        here = Scope(APP, canary.step)
        return viewer.allows(Right.DELEGATE, here) or viewer.allows(Right.AUDIT, here)
    scope = Scope(APP, canary.step, canary.college, PERIOD)
    rights = (canary.right, Right.AUDIT)
    return any(
        one.allows(right)
        and all(own in ("", theirs) or not theirs for own, theirs in zip(one.scope, scope, strict=True))
        for right in rights
        for one in viewer.standing
    )


def choose_grants(chance: random.Random) -> list[tuple[StaffRole, dict[str, str]]]:
    """One to three grants of a person."""
    chosen: list[tuple[StaffRole, dict[str, str]]] = []
    for _ in range(chance.randint(1, 3)):
        role = chance.choice(list(StaffRole))
        scope: dict[str, str] = {}
        if role in (StaffRole.DESK, StaffRole.HEAD):
            scope = {"mini_app": APP, "step": chance.choice(STEPS)}
            scope["period"] = chance.choice(("", "", PERIOD, "2025-12"))
        if role is StaffRole.COLLEGE:
            scope = {"college": chance.choice(COLLEGES), "mini_app": chance.choice(("", APP))}
        if role in (StaffRole.SCHOOL, StaffRole.AUDITOR):
            scope = {"mini_app": chance.choice(("", APP, "postdoc_departure"))}
        if (role, scope) not in chosen:
            chosen.append((role, scope))
    return chosen


def list_arguments(field: Field) -> dict[str, list[str]]:
    """What addresses are tried with, by the arguments' names."""
    return {
        "app_path": ["graduate-departure"],
        "app": ["graduate-departure"],
        "period": [PERIOD],
        "step_key": list(STEPS),
        "step": list(STEPS),
        "key": [student.key for student in field.students],
        "grant_id": [str(one) for one in field.grant_ids[::3]],
        "approval_id": ["1"],
        "request_id": ["1"],
        "token": ["0"],
    }


def list_addresses(field: Field) -> Iterator[tuple[str, str]]:
    """Each address below /staff with each of its methods."""
    arguments = list_arguments(field)
    with field.app.test_request_context(base_url=f"http://127.0.0.1:{PORT}"):
        for rule in field.app.url_map.iter_rules():
            if not rule.rule.startswith("/staff"):
                continue
            assert rule.endpoint in STAFF_ROUTES, f"{rule.endpoint} is in no table of rights"
            unknown = rule.arguments - arguments.keys()
            assert not unknown, f"tell list_arguments what {unknown} of {rule.endpoint} may be"
            names = sorted(rule.arguments)
            for values in product(*(arguments[name] for name in names)):
                _, path = rule.build(dict(zip(names, values, strict=True))) or ("", "")
                for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                    yield method, path


def make_form(chance: random.Random, field: Field, token: str) -> dict[str, str]:
    """What is sent to every form: all fields that any of them reads. Nothing of it is a canary. The version is none that
    stands, so that nobody who may decide writes over the canaries.
    """
    student = chance.choice(field.students)
    today = field.installation.get_local_time(get_now()).date()
    return {
        "csrf_token": token,
        "q": student.number,
        "number": student.number,
        "student": student.number,
        "subject": student.number,
        "actor": "00429999",
        "kind": "",
        "day": today.isoformat(),
        "reason": "抽查",
        "note": "抽查",
        "outcome": chance.choice(("done", "not_done")),
        "version": "9",
        "nonce": secrets.token_hex(16),
        "role": "desk",
        "place": f"{APP}/{chance.choice(STEPS)}",
        "until": (today + timedelta(days=3)).isoformat(),
        "step": chance.choice(STEPS),
        "decision": "refuse",
        "unknown_number": "1",
    }


class Log(logging.Handler):
    """Everything that is logged, with what stands beside the message."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append(f"{record.getMessage()} {record.__dict__}")


def look_around(field: Field, chance: random.Random) -> list[str]:
    """Let each viewer, with grants by chance, open every address and send every form; what was seen that should not be."""
    log = Log()
    logging.getLogger().addHandler(log)
    leaks: list[str] = []
    try:
        for signed_in in field.viewers:
            with field.app.app_context():
                _drop_grants(signed_in.number)
                for role, scope in choose_grants(chance):
                    grant(field.app, signed_in.number, role, **scope)
                viewer = load_grants(field.installation, signed_in.number, get_now())
                db.session.remove()
            leaks += _look_as(field, signed_in, viewer, chance)
    finally:
        logging.getLogger().removeHandler(log)
    said = "\n".join(log.lines)
    return leaks + [f"log: {one}" for one in field.canaries if one.text in said]


def _drop_grants(number: str) -> None:
    with write_transaction() as session:
        session.execute(delete(StaffGrant).where(StaffGrant.staff_number == number))


def _look_as(field: Field, signed_in: SignedIn, viewer: Grants, chance: random.Random) -> list[str]:
    foreign = [one for one in field.canaries if not may_see(viewer, one)]
    held = [(one.role.value, tuple(one.scope)) for one in viewer.standing]
    client = field.app.test_client()
    name, _, value = signed_in.cookie.partition("=")
    client.set_cookie(name, value, domain="127.0.0.1")
    leaks = []
    for method, path in list_addresses(field):
        everything = _ask(field, client, method, path, make_form(chance, field, signed_in.token), chance)
        leaks += [f"{held} {method} {path}: {one}" for one in foreign if one.text in everything]
    return leaks


def _ask(
    field: Field, client: FlaskClient, method: str, path: str, form: dict[str, str], chance: random.Random
) -> str:
    """The answer to a request, and the page that it leads to; a server's error fails."""
    accept = chance.choice(("text/html", "application/json"))
    options: dict[str, Any] = {
        "base_url": f"http://127.0.0.1:{PORT}",
        "headers": {"Accept": accept, "Referer": f"http://127.0.0.1:{PORT}{path}"},
    }
    data = form if method == "POST" else None
    answer = client.open(path, method=method, data=data, follow_redirects=True, **options)
    assert answer.status_code < 500, (method, path, answer.text[:2000])
    assert "/sign-in" not in answer.request.path, (method, path)
    return unescape(answer.text) + str(answer.headers)


@pytest.mark.timeout(300)
def test_not_a_byte_outside_of_random_grants(field: Field) -> None:
    leaks = look_around(field, random.Random(16))
    assert not leaks, f"{len(leaks)}, such as {leaks[:3]}"


@pytest.mark.timeout(300)
def test_without_the_scope_foreign_rows_are_seen(field: Field, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(granted, "_is_in_sight", lambda _: StaffGrant.__table__.c.id > 0)
    monkeypatch.setattr(rules.Scope, "covers", lambda *_: True)
    leaks = "\n".join(look_around(field, random.Random(16)))
    missing = [kind for kind in SEEN_WITHOUT if f"text='{kind}" not in leaks]
    assert missing == []


def test_who_may_see_what_is_judged_by_right_and_scope(field: Field) -> None:
    def hold(role: str, **scope: str) -> Grants:
        one = rules.Grant(1, "1", "", StaffRole(role), Scope(**scope))
        return Grants("1", (one,))

    name = Canary("", Right.STATUS, college=COLLEGES[0])
    amount = Canary("", Right.FACTS, STEPS[0], COLLEGES[0])
    clerk = hold("desk", mini_app=APP, step=STEPS[0])
    assert (may_see(clerk, name), may_see(clerk, amount)) == (True, True)
    elsewhere = hold("desk", mini_app=APP, step=STEPS[1])
    assert (may_see(elsewhere, name), may_see(elsewhere, amount)) == (True, False)
    college = hold("college", college=COLLEGES[0])
    assert (may_see(college, name), may_see(college, amount)) == (True, False)
    other = hold("college", college=COLLEGES[1])
    assert (may_see(other, name), may_see(other, amount)) == (False, False)
    assert not may_see(hold("admin"), name)
