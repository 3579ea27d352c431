"""A student of several numbers: each is judged by itself, in pages, from what was kept and at submission."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from sqlalchemy import select

from app.connectors.base import Connector
from app.connectors.keys import KeyedConnector, KeyRule
from app.domain.clearance import Status, StepState
from app.domain.person import STUDENT_NUMBER, Keys, NumberForm
from app.extensions import db
from app.models import StoredAnswer, Submission
from app.services.clearance.clearances import look_up_clearance, look_up_kept
from app.services.clearance.submissions import SubmissionRefused, submit
from app.services.installation import Installation, InstalledMiniApp
from tests.fixtures.departments import FAILS, OWING, PASSES, Department, install, make_graduate
from tests.fixtures.office import Office

OLD, HOLDER = "08170001", "TS17000009"
_numbers = (f"TS77{number:06d}" for number in count())
RULES = (
    KeyRule(STUDENT_NUMBER, NumberForm()),
    KeyRule("earlier_number", NumberForm(), is_several=True, is_optional=True),
)
SETTLED = {**OWING, "amount": Decimal("0.00")}


@dataclass(frozen=True)
class Place:
    """A student at a mini-app whose finance is asked by several numbers."""

    installation: Installation
    installed: InstalledMiniApp
    student: str


@pytest.fixture
def place(office: Office, departments: dict[str, Department], finance: Department) -> Place:
    student = next(_numbers)
    known: Mapping[str, Keys] = {number: {"earlier_number": ()} for number in (PASSES, FAILS)}
    connectors: dict[str, Connector] = {**departments, "finance": KeyedConnector(finance, RULES, known)}
    installation, installed = install(office.installation, connectors)  # type: ignore[arg-type]
    return Place(installation, installed.bind(student, {"earlier_number": (OLD,)}), student)


def look(place: Place) -> StepState:
    return look_up_clearance(place.installation, place.installed, place.student, wait_for_all=True)["finance"]


def send(place: Place) -> str:
    return submit(place.installation, place.installed, make_graduate(place.student))


def refuse(place: Place) -> StepState:
    with pytest.raises(SubmissionRefused) as refused:
        send(place)
    return refused.value.states["finance"]


def get_stored(place: Place) -> list[Any]:
    query = select(StoredAnswer.records).where(StoredAnswer.step == "finance")
    found = db.session.scalars(query.where(StoredAnswer.student_number == place.student)).one()
    db.session.rollback()
    assert found is not None
    return found


def get_submission(place: Place) -> Submission:
    return db.session.scalars(select(Submission).where(Submission.student_number == place.student)).one()


def test_what_is_owed_under_the_old_number_counts_now_kept_and_at_submission(
    place: Place, finance: Department
) -> None:
    finance.of_student[OLD] = (OWING,)
    for state in (
        look(place),
        look_up_kept(place.installation, place.installed, place.student)["finance"],
        refuse(place),
    ):
        assert state.status is Status.OUTSTANDING
        assert state.reading is not None
        assert state.reading.parts == ((), (OWING,))
    assert [len(part) for part in get_stored(place)] == [0, 1]
    assert OLD not in str(get_stored(place))


def test_a_settled_record_under_one_number_hides_no_debt_under_another(
    place: Place, finance: Department
) -> None:
    finance.of_student |= {place.student: (SETTLED,), OLD: (OWING,)}
    assert refuse(place).status is Status.OUTSTANDING
    finance.of_student |= {place.student: (OWING,), OLD: (SETTLED,)}
    assert refuse(place).status is Status.OUTSTANDING


def test_nothing_under_any_number_clears_with_right_canary_students_and_the_key_is_no_evidence(
    place: Place, finance: Department
) -> None:
    finance.of_student[place.student] = (SETTLED,)
    assert send(place).startswith("LX")
    submission = get_submission(place)
    evidence = submission.evidence["finance"]
    assert evidence["controls_agreed_at"], "it rests on no record of the old number"
    assert OLD not in f"{submission.evidence} {submission.student}"
    db.session.rollback()


def test_an_emptied_view_clears_nobody_by_the_number_that_still_has_a_record(
    place: Place, finance: Department
) -> None:
    del finance.of_student[FAILS]
    finance.of_student[place.student] = (SETTLED,)
    assert refuse(place).status is Status.UNAVAILABLE
    assert place.installed.suspended.keys() == {"finance"}


def test_an_emptied_mapping_clears_nobody_in_a_page_or_at_submission(
    office: Office, departments: dict[str, Department], finance: Department
) -> None:
    student, mapping = next(_numbers), Department("number_view", ())
    mapping.of_student[HOLDER] = ({"number": "08170009"},)
    early = KeyRule("earlier_number", NumberForm(), True, True, mapping, "number", HOLDER)
    keyed = KeyedConnector(finance, (RULES[0], early))
    installation, installed = install(office.installation, {**departments, "finance": keyed})  # type: ignore[arg-type]
    place = Place(installation, installed, student)
    finance.of_student |= {student: (SETTLED,), OLD: (OWING,)}
    mapping.of_student[student] = ({"number": OLD},)
    assert refuse(place).status is Status.OUTSTANDING
    del mapping.of_student[student], mapping.of_student[HOLDER]
    for state in (look(place), refuse(place)):
        assert (state.status, state.fault) == (Status.UNAVAILABLE, "key_unproven")
    mapping.of_student[HOLDER] = ({"number": "08170009"},)
    assert send(place).startswith("LX"), "control: whoever has none, while the holder has one, passes"


def test_if_the_numbers_were_not_told_apart_the_emptied_view_would_clear(
    place: Place, finance: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counterpart: by all records together the pass rests on a record, and a look that is unproven suffices."""
    finance.of_student[place.student] = (SETTLED,)
    monkeypatch.setattr("app.domain.clearance.Reading.lacks_record", property(lambda one: not one.records))
    assert send(place).startswith("LX")
    submission = get_submission(place)
    assert not submission.evidence["finance"]["controls_agreed_at"]
    db.session.rollback()


def test_without_its_key_the_item_is_unavailable_and_says_which_is_missing(
    office: Office, departments: dict[str, Department], finance: Department
) -> None:
    rules = (KeyRule("card_number", NumberForm()),)
    connectors: dict[str, Connector] = {**departments, "finance": KeyedConnector(finance, rules)}
    place = Place(*install(office.installation, connectors), next(_numbers))  # type: ignore[arg-type]
    state = look(place)
    assert (state.status, state.fault, state.missing_key) == (Status.UNAVAILABLE, "no_key", "card_number")
    assert refuse(place).missing_key == "card_number"
    assert finance.questions == finance.looks == 0
