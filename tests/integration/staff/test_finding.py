"""Finding a student at a counter, however the clerk types it, and noting somebody whom nobody knows; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import insert, select, update

from app.domain.errors import UnknownNumber
from app.domain.person import MalformedNumber, Person, Role
from app.extensions import db
from app.models import AuditEvent, RosterEntry, Submission, write_transaction
from app.services.audit import find_broken_event
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.services.sign_in.consents import give_consent
from app.services.sign_in.sessions import SessionStore
from app.services.staff.finding import LEAST_DIGITS, MOST_FOUND, NOTED, find_students, note_number
from app.services.staff.roster import Listed, find_by_key, find_listed, list_person
from tests.fixtures.odd_names import NAMES
from tests.fixtures.office import Office

CLERK = "00420017"
MINING, PETROLEUM = "矿业工程学院", "石油工程学院"
CROWD = 3_000


@pytest.fixture
def installed(office: Office) -> InstalledMiniApp:
    """The graduate departure."""
    return office.installation.get_mini_app("graduate-departure")


def make_person(number: str, name: str, college: str = MINING, role: Role = Role.STUDENT) -> Person:
    return Person(number, name, role, college, "采矿工程", "硕士")


@pytest.fixture
def people(installed: InstalledMiniApp) -> None:
    """A roster of a few."""
    for person in (
        make_person("TS23000001", "王伟东"),
        make_person("TS23000002", "王伟", PETROLEUM),
        make_person("TS23010002", "李雷"),
        make_person("TS23000012", "O\u2019Connor-D'Arcy, Seán José"),
        make_person("TS23000013", "买买提·艾力"),
        make_person("TS23000014", "张 三"),
        make_person("TS23000015", "100%_真名"),
    ):
        list_person(installed, person)


def find(office: Office, installed: InstalledMiniApp, text: str, *colleges: str) -> list[str]:
    """The numbers that are found."""
    found = find_students(office.installation, installed, text, colleges)
    return [listed.student_number for listed in found]


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("typed", "numbers"),
    [
        ("TS23000002", ["TS23000002"]),
        (" ts23 0000 02 ", ["TS23000002"]),
        ("ＴＳ２３０００００２", ["TS23000002"]),
        ("\u200bTS23000002\u3000", ["TS23000002"]),
        ("TS-23000002", ["TS23000002"]),
        ("学号：TS23000002", ["TS23000002"]),
        ("TS23000002。", ["TS23000002"]),
        ("TS 23000002 王伟", ["TS23000002"]),
        ("王伟 TS23000002", ["TS23000002"]),
        ("TS23000002 李雷", []),
        ("TS23000002 TS23010002", []),
        ("TS23000002TS23010002", []),
        ("学号：002", []),
        ("0002", ["TS23000002", "TS23010002"]),
        ("０００２", ["TS23000002", "TS23010002"]),
        ("000002", ["TS23000002"]),
        ("002", []),
        ("王伟", ["TS23000002", "TS23000001"]),
        ("伟", ["TS23000001", "TS23000002"]),
        ("王\u3000伟", ["TS23000002", "TS23000001"]),
        ("o'connor", ["TS23000012"]),
        ("SEAN JOSE", ["TS23000012"]),
        ("Sea\u0301n", ["TS23000012"]),
        ("买买提•艾力", ["TS23000013"]),
        ("买买提艾力", ["TS23000013"]),
        ("买买提.艾", ["TS23000013"]),
        ("张三", ["TS23000014"]),
        ("%", []),
        ("_", []),
        ("王%", ["TS23000001", "TS23000002"]),
        ("T%", []),
        ("TS2300000_", []),
        ("TS23_00002", []),
        ("\\", []),
        ("' OR 1=1 --", []),
        ("", []),
        ("   ", []),
        ("\x00", []),
        ("王\x00伟", []),
        ("·", []),
        ("x" * 5000, []),
    ],
)
def test_a_student_is_found_as_people_type(
    office: Office, installed: InstalledMiniApp, typed: str, numbers: list[str]
) -> None:
    assert find(office, installed, typed) == numbers


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize(
    ("typed", "colleges", "numbers"),
    [
        ("TS23000002", [MINING], []),
        ("0002", [MINING], ["TS23010002"]),
        ("王伟", [MINING], ["TS23000001"]),
        ("王伟", [PETROLEUM], ["TS23000002"]),
        ("王伟", [MINING, PETROLEUM], ["TS23000002", "TS23000001"]),
        ("王伟", [f" {PETROLEUM[:2]}\u3000{PETROLEUM[2:]}"], ["TS23000002"]),
        ("王伟", ["外国语学院"], []),
        ("王伟", [f"{MINING}' OR '1'='1"], []),
    ],
)
def test_outside_its_colleges_a_scope_finds_nobody(
    office: Office, installed: InstalledMiniApp, typed: str, colleges: list[str], numbers: list[str]
) -> None:
    assert find(office, installed, typed, *colleges) == numbers


@pytest.mark.parametrize("sent", NAMES)
def test_everybody_is_found_by_the_name_that_is_kept_and_by_the_one_that_was_sent(
    office: Office, installed: InstalledMiniApp, sent: str
) -> None:
    list_person(installed, make_person("TS80000001", NAMES[sent]))
    for typed in (sent, NAMES[sent], NAMES[sent].upper(), NAMES[sent].replace(" ", "\u3000")):
        assert find(office, installed, typed) == ["TS80000001"], typed


@pytest.mark.usefixtures("people")
def test_another_period_and_another_mini_app_are_another_roster(
    office: Office, installed: InstalledMiniApp
) -> None:
    with write_transaction() as session:
        session.execute(
            insert(RosterEntry),
            [_make_row("other", "2026-06", 1), _make_row("graduate_departure", "2025-06", 2)],
        )
    assert find(office, installed, "某人") == []
    assert find_by_key(installed, "other0000001") is None


def _make_row(mini_app: str, period: str, number: int) -> dict[str, object]:
    told = {"name": "某人", "name_folded": "某人", "college": MINING, "major": "", "level": ""}
    return {
        "mini_app": mini_app,
        "period": period,
        "student_number": f"TS9{number:07d}",
        "key": f"{mini_app[:5]}{number:07d}",
        **told,
        "source": "sign_in",
        "listed_at": get_now(),
    }


def test_of_many_the_first_are_found(office: Office, installed: InstalledMiniApp) -> None:
    period = installed.settings.period
    with write_transaction() as session:
        session.execute(
            insert(RosterEntry),
            [_make_row("graduate_departure", period, number) for number in range(CROWD)],
        )
    assert find(office, installed, "某") == [f"TS9{number:07d}" for number in range(MOST_FOUND)]
    assert find(office, installed, "某", PETROLEUM) == []


def test_a_later_sign_in_brings_the_row_up_to_date_and_keeps_its_key(
    office: Office, installed: InstalledMiniApp
) -> None:
    list_person(installed, make_person("TS23000001", "王伟东"))
    key = _get(installed, "TS23000001").key
    list_person(installed, make_person("TS23000001", "王卫东", PETROLEUM))
    assert _get(installed, "TS23000001") == Listed(key, "TS23000001", "王卫东", PETROLEUM, "采矿工程", "硕士")
    assert find(office, installed, "王卫") == ["TS23000001"]
    assert find(office, installed, "王伟") == []


def test_many_at_once_make_one_row(office: Office, installed: InstalledMiniApp) -> None:
    names = [f"王伟{place}" for place in range(8)]
    acts = [partial(list_person, installed, make_person("TS23000001", name)) for name in names]
    _run_at_once(office, acts)
    assert db.session.scalars(select(RosterEntry.name)).one() in names


def test_who_signed_in_before_there_was_a_roster_is_found_by_the_whole_number(
    office: Office, installed: InstalledMiniApp
) -> None:
    person = make_person("TS23000007", "孙七")
    _leave_session(office, person)
    assert find(office, installed, "0007") == []
    assert find(office, installed, "ts23000007", PETROLEUM) == []
    assert find(office, installed, "ts23000007", MINING) == ["TS23000007"]
    assert find(office, installed, "0007") == ["TS23000007"]
    assert _get(installed, "TS23000007").name == "孙七"
    assert _list_events() == []


def test_of_whom_the_mini_app_only_knows_the_number_that_is_found(
    office: Office, installed: InstalledMiniApp
) -> None:
    give_consent(installed, "TS23000008")
    assert find(office, installed, "TS23000008") == ["TS23000008"]
    assert _get(installed, "TS23000008").name == ""


def test_who_submitted_is_found_by_the_name_on_the_slip(office: Office, installed: InstalledMiniApp) -> None:
    office.issue(student_number="TS23000009")
    with write_transaction() as session:
        session.execute(update(Submission).values(student=make_person("TS23000009", "周九").to_json()))
    assert find(office, installed, "TS23000009") == ["TS23000009"]
    assert _get(installed, "TS23000009").name == "周九"


def test_who_may_not_clear_here_is_no_student_though_signed_in(
    office: Office, installed: InstalledMiniApp
) -> None:
    _leave_session(office, make_person(CLERK, "李老师", role=Role.CLERK))
    assert find(office, installed, CLERK) == []
    assert find_listed(installed, CLERK) is None


def test_a_number_that_nobody_has_is_noted_once_the_clerk_confirms_it(
    office: Office, installed: InstalledMiniApp
) -> None:
    with pytest.raises(UnknownNumber):
        note_number(office.installation, installed, "TS23009999", CLERK, is_confirmed=False)
    assert find_listed(installed, "TS23009999") is None
    with pytest.raises(MalformedNumber):
        note_number(office.installation, installed, "王明", CLERK, is_confirmed=True)

    noted = note_number(office.installation, installed, " ts23009999", CLERK, is_confirmed=True)
    assert noted == find_by_key(installed, noted.key)
    assert find(office, installed, "9999") == ["TS23009999"]
    again = note_number(office.installation, installed, "TS23009999", CLERK, is_confirmed=True)
    assert again == noted
    assert _list_events() == [(CLERK, "TS23009999", "graduate_departure")]
    assert find_broken_event() is None


def test_who_was_noted_and_signs_in_later_keeps_the_row(office: Office, installed: InstalledMiniApp) -> None:
    noted = note_number(office.installation, installed, "TS23009999", CLERK, is_confirmed=True)
    list_person(installed, make_person("TS23009999", "吴十"))
    assert _get(installed, "TS23009999") == Listed(
        noted.key, "TS23009999", "吴十", MINING, "采矿工程", "硕士"
    )
    assert db.session.scalar(select(RosterEntry.source)) == "sign_in"


def test_a_known_number_is_noted_at_once_and_without_an_event(
    office: Office, installed: InstalledMiniApp
) -> None:
    give_consent(installed, "TS23000008")
    noted = note_number(office.installation, installed, "TS23000008", CLERK, is_confirmed=False)
    assert noted.student_number == "TS23000008"
    assert _list_events() == []


def test_of_clerks_who_note_one_number_at_once_one_did_it(
    office: Office, installed: InstalledMiniApp
) -> None:
    def note() -> None:
        note_number(office.installation, installed, "TS23009999", CLERK, is_confirmed=True)

    _run_at_once(office, [note] * 8)
    assert len(_list_events()) == 1
    assert len(db.session.scalars(select(RosterEntry.id)).all()) == 1


def test_fewer_digits_than_four_say_nobody(office: Office, installed: InstalledMiniApp) -> None:
    list_person(installed, make_person("TS23004321", "王伟"))
    ends = {length: find(office, installed, "TS23004321"[-length:]) for length in range(1, 10)}
    assert [length for length, found in ends.items() if found] == list(range(LEAST_DIGITS, 10))


def _get(installed: InstalledMiniApp, number: str) -> Listed:
    listed = find_listed(installed, number)
    assert listed is not None
    return listed


def _leave_session(office: Office, person: Person) -> None:
    """What a sign-in left before there was a roster."""
    store = SessionStore(office.installation.settings.service.secret_key)
    data = {"person": person.to_json()}
    store.begin(f"browser of {person.number}", person.number, data, get_now(), timedelta(hours=1))


def _list_events() -> list[tuple[str, str, str]]:
    db.session.rollback()
    events = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == NOTED))
    return [(event.actor, event.subject, event.details["mini_app"]) for event in events]


def _run_at_once(office: Office, acts: Sequence[Callable[[], None]]) -> None:
    barrier = threading.Barrier(len(acts))

    def run(act: Callable[[], None]) -> None:
        with office.app.app_context():
            barrier.wait(30)
            act()

    with ThreadPoolExecutor(len(acts)) as threads:
        for done in [threads.submit(run, act) for act in acts]:
            done.result(60)
    db.session.rollback()
