"""A pass that rests on "no record" counts only with right answers about the canary students, asked after the student."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from threading import Barrier

import pytest
from sqlalchemy import select

from app.connectors.base import FailureCode
from app.connectors.client import query_systems
from app.domain.clearance import Record, Status, StepState
from app.extensions import db
from app.models import Submission
from app.services.clearance import live, proofs
from app.services.clearance.canaries import CanaryWatch, _note, list_unwatched_facts
from app.services.clearance.canary_looks import Look, Outcome
from app.services.clearance.clearances import look_up_clearance
from app.services.clearance.proofs import prove_passes
from app.services.clearance.submissions import SubmissionRefused, submit
from app.services.clearance.waivers import grant_waiver
from app.services.installation import Installation, InstalledMiniApp
from app.settings import ANY_FACT, Canaries
from tests.fixtures.departments import (
    FAILS,
    OWING,
    PASSES,
    Department,
    install,
    make_graduate,
)
from tests.fixtures.office import Office

Place = tuple[Installation, InstalledMiniApp]
SECONDS = 20.0
_numbers = (f"TS6{number:07d}" for number in count())


@pytest.fixture
def place(office: Office, departments: dict[str, Department]) -> Place:
    return install(office.installation, departments, deadline=SECONDS)


@pytest.fixture
def debtor(finance: Department) -> str:
    """A student who owes money."""
    number = next(_numbers)
    finance.of_student[number] = (OWING,)
    return number


@pytest.fixture
def without_proof(monkeypatch: pytest.MonkeyPatch) -> None:
    """The variant that asks no canary student at submission."""

    def believe(
        _installed: object, systems: dict[str, Department], number: str, *_: object
    ) -> tuple[object, object]:
        return query_systems(systems, number, SECONDS), {}

    monkeypatch.setattr(live, "ask_proven", believe)


def empty(department: Department) -> dict[str, tuple[Record, ...]]:
    """Take all records out of a view; what it held."""
    held, department.of_student = department.of_student, {}
    return held


def refuse(place: Place, number: str) -> StepState:
    """The finance step of a submission that is refused for it."""
    with pytest.raises(SubmissionRefused) as refused:
        submit(*place, make_graduate(number))
    assert refused.value.fact.step_keys == ("finance",)
    return refused.value.states["finance"]


def test_a_view_emptied_just_now_gives_a_debtor_no_slip_and_is_distrusted_at_once(
    place: Place, finance: Department, debtor: str
) -> None:
    CanaryWatch({"x": place[1]}, SECONDS).check_all()
    empty(finance)
    assert refuse(place, debtor).status is Status.UNAVAILABLE
    assert place[1].suspended.keys() == {"finance"}


@pytest.mark.usefixtures("without_proof")
def test_a_variant_that_asks_no_canary_student_at_submission_gives_the_debtor_a_slip(
    place: Place, finance: Department, debtor: str
) -> None:
    CanaryWatch({"x": place[1]}, SECONDS).check_all()
    empty(finance)
    assert submit(*place, make_graduate(debtor)).startswith("LX")


def test_right_after_a_start_an_emptied_view_gives_no_slip_either(
    place: Place, finance: Department, debtor: str
) -> None:
    empty(finance)
    assert place[1].looks.get_latest("finance") is None
    assert refuse(place, debtor).status is Status.UNAVAILABLE


def test_a_view_emptied_between_the_answer_and_the_canary_students_gives_no_slip(
    place: Place, finance: Department
) -> None:
    student = next(_numbers)
    finance.when_asked = lambda: empty(finance)
    assert refuse(place, student).status is Status.UNAVAILABLE


def test_a_view_that_is_empty_for_the_first_answer_alone_is_found_out_by_the_second(
    place: Place, finance: Department, debtor: str
) -> None:
    CanaryWatch({"x": place[1]}, SECONDS).check_all()
    held = empty(finance)
    answers: list[Callable[[], object]] = [int, lambda: finance.of_student.update(held)]
    fetch = finance.fetch_reading

    async def fetch_and_refill(number: str) -> object:
        reading = await fetch(number)
        if number == debtor:
            answers.pop()()
        return reading

    finance.fetch_reading = fetch_and_refill  # type: ignore[method-assign, assignment]
    state = refuse(place, debtor)
    assert (state.status, state.fault) == (Status.UNAVAILABLE, "canary")
    assert place[1].suspended.keys() == {"finance"}
    assert answers == []


def test_a_wrong_control_answer_suffices_though_the_other_one_is_missing(
    place: Place, finance: Department, debtor: str
) -> None:
    empty(finance)
    ask_with_a_fault_about(finance, PASSES)
    assert refuse(place, debtor).status is Status.UNAVAILABLE
    assert place[1].suspended.keys() == {"finance"}


def ask_with_a_fault_about(department: Department, number: str) -> None:
    """Have the department not answer about this student."""
    fetch = department.fetch_reading

    async def fetch_or_fail(asked: str) -> object:
        department.fault = FailureCode.TIMEOUT if asked == number else None
        return await fetch(asked)

    department.fetch_reading = fetch_or_fail  # type: ignore[method-assign, assignment]


@pytest.mark.parametrize("control", [PASSES, FAILS])
def test_a_missing_control_answer_proves_nothing_and_is_no_distrust(
    place: Place, finance: Department, control: str
) -> None:
    ask_with_a_fault_about(finance, control)
    state = refuse(place, next(_numbers))
    assert (state.status, state.fault) == (Status.UNAVAILABLE, proofs.UNPROVEN)
    assert place[1].suspended == {}


def test_what_rests_on_records_counts_though_a_canary_student_was_not_answered(
    place: Place, departments: dict[str, Department]
) -> None:
    student = next(_numbers)
    departments["finance"].of_student[student] = (dict(OWING) | {"amount": 0},)
    for department in departments.values():
        ask_with_a_fault_about(department, FAILS)
    assert submit(*place, make_graduate(student)).startswith("LX")
    assert {department.looks for department in departments.values()} == {2}


def test_without_canary_students_no_record_never_counts(place: Place) -> None:
    settings = place[1].settings.model_copy(update={"canaries": {}})
    unwatched = (place[0], replace(place[1], settings=settings))
    assert refuse(unwatched, next(_numbers)).fault == proofs.UNPROVEN


def test_a_waived_step_needs_no_canary_student(place: Place, finance: Department, debtor: str) -> None:
    empty(finance)
    grant_waiver(place[1], "finance", debtor, "已由学院代缴", "00420014", accepts_unknown=True)
    assert submit(*place, make_graduate(debtor)).startswith("LX")


def test_the_evidence_tells_when_the_canary_students_agreed(place: Place) -> None:
    student, begun = next(_numbers), datetime.now(UTC)
    submit(*place, make_graduate(student))
    evidence = db.session.scalar(select(Submission.evidence).where(Submission.student_number == student))
    assert evidence is not None
    assert begun <= datetime.fromisoformat(evidence["finance"]["controls_agreed_at"]) <= datetime.now(UTC)
    assert evidence["archive"]["controls_agreed_at"] is None


@pytest.mark.parametrize(("before", "asked"), [("审核中", 4), ("审核通过", 1)])
def test_a_pass_of_who_was_pending_is_asked_for_again_and_of_who_passed_before_is_not(
    place: Place, departments: dict[str, Department], before: str, asked: int
) -> None:
    student, thesis = next(_numbers), departments["library_thesis"]
    thesis.of_student[student] = ({"state": before, "submitted_on": None},)
    look_up_clearance(*place, student, wait_for_all=True)
    del thesis.of_student[student]
    thesis.questions = 0
    assert submit(*place, make_graduate(student)).startswith("LX")
    assert thesis.questions == asked


def test_until_a_first_look_a_page_shows_no_pass_that_rests_on_no_record(
    place: Place, finance: Department, debtor: str
) -> None:
    empty(finance)
    page = look_up_clearance(*place, debtor, wait_for_all=True)
    assert page["finance"].status is Status.UNAVAILABLE
    assert page["archive"].status is Status.CLEARED


def test_a_page_whose_look_is_still_awaited_is_still_asking(place: Place, finance: Department) -> None:
    limits = place[0].settings.round.model_copy(update={"page_wait_seconds": 0.2})
    impatient = replace(place[0], settings=replace(place[0].settings, round=limits))
    fetch = finance.fetch_reading

    async def fetch_slowly(number: str) -> object:
        if number in (PASSES, FAILS):
            await asyncio.sleep(1)
        return await fetch(number)

    finance.fetch_reading = fetch_slowly  # type: ignore[method-assign, assignment]
    page = look_up_clearance(impatient, place[1], next(_numbers), wait_for_all=False)
    assert page["finance"].is_asking
    assert page["archive"].status is Status.CLEARED


def test_a_page_rests_on_a_look_that_is_some_seconds_old_and_no_longer(
    place: Place, finance: Department, debtor: str
) -> None:
    student = next(_numbers)
    look_up_clearance(*place, student, wait_for_all=True)
    looks = finance.looks
    look_up_clearance(*place, student, wait_for_all=True)
    assert finance.looks == looks
    empty(finance)
    limits = place[0].settings.round.model_copy(update={"canaries_fresh_seconds": 0})
    later = replace(place[0], settings=replace(place[0].settings, round=limits))
    assert (
        look_up_clearance(later, place[1], debtor, wait_for_all=True)["finance"].status is Status.UNAVAILABLE
    )


def test_a_crowd_shares_looks_and_each_of_them_begins_after_its_answer(
    place: Place, finance: Department
) -> None:
    fetch = finance.fetch_reading

    async def fetch_slowly(number: str) -> object:
        await asyncio.sleep(0.05)
        return await fetch(number)

    finance.fetch_reading = fetch_slowly  # type: ignore[method-assign, assignment]
    crowd = Barrier(40)

    def prove(number: str) -> bool:
        begun = datetime.now(UTC)
        answers = query_systems({"finance": finance}, number, SECONDS)
        answered = datetime.now(UTC)
        crowd.wait(30)
        _, agreed = prove_passes(place[1], answers, number, SECONDS, (), {})
        return begun <= answered <= agreed["finance"]

    with ThreadPoolExecutor(40) as threads:
        assert all(threads.map(prove, (next(_numbers) for _ in range(200))))
    assert finance.questions == 400
    assert finance.looks <= 200, "at least half of 400 are shared"


FACTS = ("overdue_books", "fine", "violations", "card_status")


@pytest.mark.parametrize("fact", FACTS)
def test_a_fact_that_is_never_filled_is_noticed_though_the_canary_student_fails_for_the_others(
    place: Place, departments: dict[str, Department], fact: str
) -> None:
    library = departments["library_loans"]
    library.of_student[FAILS] = (dict(library.of_student[FAILS][0]) | {fact: library.records[0][fact]},)
    CanaryWatch({"x": place[1]}, SECONDS).check_all()
    assert place[1].suspended.keys() == {"library_loans"}


@pytest.mark.parametrize("fact", FACTS)
def test_a_failing_canary_student_for_no_fact_in_particular_would_not_have_noticed(
    place: Place, departments: dict[str, Department], fact: str
) -> None:
    library = departments["library_loans"]
    library.of_student[FAILS] = (dict(library.of_student[FAILS][0]) | {fact: library.records[0][fact]},)
    controls = Canaries(passes=(PASSES,), fails={ANY_FACT: (FAILS,)})
    canaries = {**place[1].settings.canaries, "library_loans": controls}
    installed = replace(place[1], settings=place[1].settings.model_copy(update={"canaries": canaries}))
    CanaryWatch({"x": installed}, SECONDS).check_all()
    assert installed.suspended == {}


def test_facts_without_a_failing_canary_student_are_listed(place: Place) -> None:
    library, archive = place[1].get_step("library_loans"), place[1].get_step("archive")
    for_none, for_fine = (
        Canaries(passes=(PASSES,), fails={ANY_FACT: (FAILS,)}),
        Canaries(passes=(PASSES,), fails={"fine": (FAILS,)}),
    )
    assert list_unwatched_facts(library, for_none) == FACTS
    assert list_unwatched_facts(library, for_fine) == ("overdue_books", "violations", "card_status")
    assert list_unwatched_facts(library, None) == FACTS
    assert list_unwatched_facts(archive, for_none) == ()


def test_a_look_that_ends_after_a_newer_one_changes_nothing(place: Place) -> None:
    CanaryWatch({"x": place[1]}, SECONDS).check_all()
    old = Look(Outcome.WRONG, time.monotonic() - 60, datetime.now(UTC), ("amount",))
    _note(place[1], "finance", old)
    assert place[1].suspended == {}
