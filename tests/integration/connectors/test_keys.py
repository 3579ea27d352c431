"""Systems that know people by another key than the student number: the examples of the documents."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import ActionOutcome, Connector
from app.connectors.client import Answer, close_connectors, perform_action, query_systems
from app.connectors.keys import KeyedConnector, KeyRule, bind_keys
from app.domain.clearance import DepartmentUnavailable, KeyMissing, Reading, Status
from app.domain.person import STUDENT_NUMBER, NumberForm
from app.domain.rules import NothingOwed, judge_reading
from tests.campus.client import CampusClient, running_campus
from tests.fixtures.departments import Department
from tests.fixtures.key_examples import DEPARTMENTS, connect_example, make_views

STUDENT, OTHER, THIRD = "TS23000002", "TS23000003", "TS23000009"
SECONDS = 10.0
IDENTITY = "11010119990101001X"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CampusClient]:
    path = tmp_path_factory.mktemp("departments") / "departments.toml"
    path.write_text(DEPARTMENTS, encoding="utf-8")
    with running_campus(0, "--departments", str(path)) as started:
        yield started


class Office:
    """The example's connectors; `ask` asks one for a student whose sign-in told these keys."""

    def __init__(self, url: str, views: Path, changes: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.connectors = connect_example(url, views, changes)

    def ask(self, name: str, number: str = STUDENT, **told: tuple[str, ...]) -> Answer:
        connectors: Mapping[str, Connector] = {name: self.connectors[name]}
        if told:
            connectors = bind_keys(connectors, number, told)
        return query_systems(connectors, number, SECONDS)[name]

    def find_fault(self, name: str, number: str = STUDENT, **told: tuple[str, ...]) -> str:
        answer = self.ask(name, number, **told)
        assert isinstance(answer, DepartmentUnavailable)
        return answer.fault


@pytest.fixture
def views(tmp_path: Path) -> Path:
    return tmp_path / "views.sqlite3"


@pytest.fixture
def office(running: CampusClient, views: Path) -> Iterator[Office]:
    running.reset()
    make_views(views)
    made = Office(running.url, views)
    yield made
    close_connectors(made.connectors.values())


def test_a_key_that_the_sign_in_told_is_asked_by_and_the_student_stays_the_student(
    office: Office, running: CampusClient
) -> None:
    answer = office.ask("gym", card_number=("60010002",))
    assert isinstance(answer, Reading)
    assert (answer.student_number, answer.records) == (STUDENT, ({"lent": 0},))
    assert [call["student"] for call in running.calls("gym")] == ["60010002"]


def test_another_key_in_the_answer_is_another_student(office: Office, running: CampusClient) -> None:
    running.set_fault("gym", "wrong_student")
    assert office.find_fault("gym", card_number=("60010002",)) == "wrong_student"


def test_without_a_key_nobody_is_asked_and_nobody_passes(office: Office, running: CampusClient) -> None:
    missing = office.ask("gym")
    assert isinstance(missing, KeyMissing)
    assert (missing.fault, missing.key) == ("no_key", "card_number")
    assert office.find_fault("gym", card_number=()) == "no_key"
    assert office.find_fault("gym", OTHER, other_key=("60010003",)) == "no_key"
    assert running.calls("gym") == []


def test_two_keys_where_there_is_to_be_one_are_a_fault(office: Office, running: CampusClient) -> None:
    assert office.find_fault("gym", card_number=("60010002", "60010003")) == "several_keys"
    assert office.find_fault("gym", card_number=("6001/2",)) == "malformed_key"
    assert office.find_fault("gym", card_number=("6001",)) == "malformed_key"
    assert running.calls("gym") == []
    assert isinstance(office.ask("gym", card_number=("60010002", " ６0010002")), Reading)


def test_canary_students_are_asked_by_the_keys_of_the_configuration(office: Office) -> None:
    bound = bind_keys({"gym": office.connectors["gym"]}, STUDENT, {"card_number": ("60010002",)})
    for connectors in (bound, {"gym": office.connectors["gym"]}):
        passing = query_systems(connectors, "TS00000001", SECONDS)["gym"]
        failing = query_systems(connectors, "TS00000002", SECONDS)["gym"]
        assert isinstance(passing, Reading)
        assert isinstance(failing, Reading)
        assert (passing.records, failing.records) == (({"lent": 0},), ({"lent": 1},))


def test_a_view_tells_the_key_in_its_one_form(office: Office, running: CampusClient) -> None:
    answer = office.ask("household")
    assert isinstance(answer, Reading)
    assert (answer.student_number, answer.records) == (STUDENT, ({"state": "已迁出"},))
    assert [call["student"] for call in running.calls("household")] == [IDENTITY]


def test_a_key_that_two_people_have_is_a_fault_of_both(running: CampusClient, views: Path) -> None:
    make_views(views, f"UPDATE ryxx SET sfzh = '{IDENTITY}'")
    office = Office(running.url, views)
    assert {office.find_fault("household", number) for number in (STUDENT, OTHER)} <= {
        "wrong_student",
        "several_records",
    }


IDENTITY_ROWS = (
    "SELECT xh, sfzh, gxsj FROM ryxx WHERE sfzh IN (SELECT sfzh FROM ryxx WHERE xh = :student_number)"
)
RAW_VIEW = {"statement": IDENTITY_ROWS, "keys_statement": "SELECT DISTINCT sfzh FROM ryxx"}


@pytest.mark.parametrize("twin", [IDENTITY.lower(), f"{IDENTITY} ", f" {IDENTITY.lower()}"])
def test_a_key_that_two_people_have_in_two_forms_is_a_fault_of_both(
    running: CampusClient, views: Path, twin: str
) -> None:
    running.reset()
    make_views(
        views,
        f"UPDATE ryxx SET sfzh = '{IDENTITY}' WHERE xh = '{STUDENT}'",
        f"UPDATE ryxx SET sfzh = '{twin}' WHERE xh = '{OTHER}'",
    )
    tidied, raw = Office(running.url, views), Office(running.url, views, {"identity_view": RAW_VIEW})
    assert {tidied.find_fault("household", number) for number in (STUDENT, OTHER)} == {"wrong_student"}
    assert {raw.find_fault("household", number) for number in (STUDENT, OTHER)} == {"malformed_key"}
    assert running.calls("household") == []
    unguarded = Office(running.url, views, {"identity_view": RAW_VIEW | {"keys_statement": ""}})
    assert isinstance(unguarded.ask("household"), Reading), "control: one of the two is asked about"
    assert unguarded.find_fault("household", OTHER) == "malformed_key", "the other's own is in no one form"


def test_a_row_without_a_key_is_no_key_in_another_form(running: CampusClient, views: Path) -> None:
    make_views(views, f"UPDATE ryxx SET sfzh = NULL WHERE xh = '{OTHER}'")
    office = Office(running.url, views)
    assert isinstance(office.ask("household"), Reading)
    assert isinstance(office.ask("household", OTHER), DepartmentUnavailable)


def test_a_key_that_is_asked_for_elsewhere_must_stand_in_its_form_too(
    office: Office, running: CampusClient
) -> None:
    for untidy in ("r0002", " R0002"):
        running.set_facts(STUDENT, "reader_centre", no=untidy)
        assert office.find_fault("rare_books") == "malformed_key"
    assert running.calls("rare_books") == []


def test_two_rows_of_one_student_are_a_fault(running: CampusClient, views: Path) -> None:
    make_views(views, f"INSERT INTO ryxx SELECT '{STUDENT}', '110101199901010044', gxsj FROM ryxx LIMIT 1")
    office = Office(running.url, views)
    assert office.find_fault("household") == "several_records"


def test_a_student_whom_the_view_lacks_is_unavailable(office: Office, running: CampusClient) -> None:
    running.reset()
    assert office.find_fault("household", THIRD) == "no_rows"
    assert running.calls("household") == []


def test_another_department_tells_the_key_and_its_faults_are_the_items(
    office: Office, running: CampusClient
) -> None:
    answer = office.ask("rare_books")
    assert isinstance(answer, Reading)
    assert (answer.system, answer.records) == ("rare_books", ({"lent": 0},))
    assert [call["student"] for call in running.calls("rare_books")] == ["R0002"]
    missing = office.ask("rare_books", THIRD)
    assert isinstance(missing, KeyMissing)
    assert missing.key == "reader_number"
    running.set_fault("reader_centre", "error_envelope")
    assert office.find_fault("rare_books") == "no_success"


def test_every_number_is_asked_about_and_the_worst_counts(office: Office, running: CampusClient) -> None:
    answer = office.ask("fees")
    assert isinstance(answer, Reading)
    assert sorted(call["student"] for call in running.calls("fees")) == ["08190002", STUDENT]
    assert answer.parts == (({"owed": Decimal("0.00")},), ({"owed": Decimal("5.00")},))
    rule = NothingOwed(amount="owed", reduced_by=())
    assert judge_reading(rule, Status.CLEARED, answer).status is Status.OUTSTANDING
    settled = office.ask("fees", THIRD)
    assert isinstance(settled, Reading)
    assert judge_reading(rule, Status.CLEARED, settled).status is Status.CLEARED


def test_a_number_that_cannot_be_asked_about_hides_behind_no_other(
    running: CampusClient, views: Path
) -> None:
    make_views(views, "INSERT INTO cyxh VALUES ('TS23000002', '0819-2')")
    assert Office(running.url, views).find_fault("fees") == "malformed_key"


def test_whoever_has_no_earlier_number_is_asked_about_by_the_other_alone(
    running: CampusClient, views: Path
) -> None:
    make_views(views, "DELETE FROM cyxh WHERE xh = 'TS23000002'")
    answer = Office(running.url, views).ask("fees")
    assert isinstance(answer, Reading)
    assert (answer.counts, len(answer.records)) == ((), 1)
    strict = Office(running.url, views, {"earlier_number": {"optional": False, "holder": ""}})
    assert strict.find_fault("fees") == "no_key"


def test_an_emptied_mapping_hides_no_debt_under_the_number_that_it_lost(
    running: CampusClient, views: Path
) -> None:
    running.reset()
    make_views(views, "DELETE FROM cyxh")
    office = Office(running.url, views)
    assert {office.find_fault("fees", number) for number in (STUDENT, THIRD, OTHER)} == {"key_unproven"}
    assert running.calls("fees") == []


def test_if_none_of_the_holder_were_believed_the_emptied_mapping_would_hide_the_debt(
    running: CampusClient, views: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def believe(*_: object) -> None:
        pass

    monkeypatch.setattr(KeyedConnector, "_prove_none", believe)
    make_views(views, "DELETE FROM cyxh")
    answer = Office(running.url, views).ask("fees")
    assert isinstance(answer, Reading)
    rule = NothingOwed(amount="owed", reduced_by=())
    assert judge_reading(rule, Status.CLEARED, answer).status is Status.CLEARED


class Flapping:
    """A mapping whose view is emptied and filled again: `has_rows` says which, look by look."""

    def __init__(self, inner: Connector, views: Path, *has_rows: bool) -> None:
        self.name, self.actions = inner.name, inner.actions
        self.inner, self.views, self.has_rows, self.looks = inner, views, list(has_rows), list[str]()
        self.perform_action, self.close = inner.perform_action, inner.close

    async def fetch_reading(self, student_number: str) -> Reading:
        self.looks.append(student_number)
        rows = f"INSERT INTO cyxh VALUES ('{STUDENT}', '08190002'), ('{THIRD}', '08190009')"
        with sqlite3.connect(self.views) as connection:
            connection.execute("DELETE FROM cyxh")
            connection.execute(rows if self.has_rows.pop(0) else "SELECT 1")
        connection.close()
        return await self.inner.fetch_reading(student_number)


@pytest.mark.parametrize("has_rows", [(False, True, True), (False, False, True), (False, False, False)])
def test_a_mapping_that_is_filled_and_emptied_between_two_looks_proves_no_absence(
    office: Office, views: Path, has_rows: tuple[bool, ...]
) -> None:
    keyed = office.connectors["fees"]
    assert isinstance(keyed, KeyedConnector)
    mapping = Flapping(office.connectors["number_view"], views, *has_rows)
    rule = KeyRule("earlier_number", NumberForm(), True, True, mapping, "earlier_number", THIRD)
    office.connectors["fees"] = KeyedConnector(keyed.inner, (KeyRule(STUDENT_NUMBER, NumberForm()), rule))
    assert office.find_fault("fees") == "key_unproven"
    assert mapping.looks == [STUDENT, THIRD, STUDENT]


def test_a_holder_who_is_told_to_have_none_is_not_his_own_proof(office: Office, views: Path) -> None:
    keyed = office.connectors["fees"]
    assert isinstance(keyed, KeyedConnector)
    mapping = Flapping(office.connectors["number_view"], views, False, True, False)
    rule = KeyRule("earlier_number", NumberForm(), True, True, mapping, "earlier_number", THIRD)
    office.connectors["fees"] = KeyedConnector(keyed.inner, (KeyRule(STUDENT_NUMBER, NumberForm()), rule))
    assert office.find_fault("fees", THIRD) == "key_unproven"


def test_a_mapping_that_cannot_be_asked_proves_no_absence(running: CampusClient, views: Path) -> None:
    make_views(views, "DELETE FROM tb")
    assert isinstance(Office(running.url, views).ask("fees"), DepartmentUnavailable)


def test_one_that_may_have_several_and_has_two_without_leave_is_unavailable(
    running: CampusClient, views: Path
) -> None:
    make_views(views, "INSERT INTO cyxh VALUES ('TS23000002', '08190009')")
    assert isinstance(Office(running.url, views).ask("fees"), Reading)
    strict = Office(running.url, views, {"earlier_number": {"several": False}})
    assert strict.find_fault("fees") == "several_keys"


def test_no_key_is_in_a_log(office: Office, caplog: pytest.LogCaptureFixture, running: CampusClient) -> None:
    caplog.set_level(logging.DEBUG)
    running.set_fault("household", "http_500")
    running.set_fault("gym", "unknown_value")
    office.ask("household")
    office.ask("gym", card_number=("60010002",))
    office.ask("gym", card_number=("60010002", "60010003"))
    assert "several_keys" in str([record.__dict__ for record in caplog.records])
    told = "".join(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    assert IDENTITY not in told
    assert "60010002" not in told


def test_a_mapping_that_is_asked_by_a_key_of_the_sign_in_is_told_it() -> None:
    readers, books = Department("readers", ()), Department("books", ())
    readers.of_student["60010002"] = ({"no": "R0002"},)
    mapping = KeyedConnector(readers, (KeyRule("card_number", NumberForm()),))
    keyed = KeyedConnector(books, (KeyRule("reader_number", NumberForm(), mapping=mapping, fact="no"),))
    bound = bind_keys({"books": keyed}, STUDENT, {"card_number": ("60010002",)})
    assert isinstance(query_systems(bound, STUDENT, SECONDS)["books"], Reading)
    unbound = query_systems({"books": keyed}, STUDENT, SECONDS)["books"]
    assert (str(unbound), books.questions) == ("books: no_key", 1)


class Acting(Department):
    """A department that takes one action, and remembers by which numbers."""

    actions = frozenset({"cancel"})

    def __init__(self, *outcomes: ActionOutcome) -> None:
        super().__init__("card", ())
        self.outcomes, self.numbers = list(outcomes), list[str]()

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        self.numbers.append(student_number)
        return self.outcomes.pop(0)


def act(department: Acting, keys: tuple[str, ...]) -> ActionOutcome:
    rules = (KeyRule("card_number", NumberForm(), is_several=True),)
    connector = KeyedConnector(department, rules, {STUDENT: {"card_number": keys}} if keys else {})
    return perform_action(connector, "cancel", STUDENT, SECONDS)


def test_an_action_is_taken_under_every_key_and_confirmed_by_all() -> None:
    done, refused = ActionOutcome.CONFIRMED, ActionOutcome.REFUSED
    both = Acting(done, done)
    assert (act(both, ("K1", "K2")), both.numbers) == (done, ["K1", "K2"])
    assert act(Acting(done, refused), ("K1", "K2")) is ActionOutcome.UNKNOWN
    nobody = Acting(done)
    assert (act(nobody, ()), nobody.numbers) == (ActionOutcome.UNKNOWN, [])
