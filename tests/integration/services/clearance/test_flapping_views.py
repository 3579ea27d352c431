"""A view that is right now and then, or whose facts are emptied, gives no debtor a slip, however often one submits."""

from __future__ import annotations

import asyncio
import contextlib
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count

import pytest

from app.domain.clearance import Record, Status
from app.services.clearance import canaries, proofs
from app.services.clearance.canaries import CanaryWatch, begin_look
from app.services.clearance.canary_looks import Change, Look, LookBook, Outcome
from app.services.clearance.clearances import look_up_clearance
from app.services.clearance.live import get_live_step
from app.services.clearance.submissions import SubmissionRefused, submit
from app.services.installation import Installation, InstalledMiniApp
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
IsEmpty = Callable[[], bool]
SECONDS, SUSPEND_SECONDS = 20.0, 60.0
POSTS = 100
FLIP_SECONDS = 0.05
NOW = datetime(2026, 6, 18, tzinfo=UTC)
_numbers = (f"TS7{number:07d}" for number in count())


def empty_at_random(chance: float, seed: int) -> IsEmpty:
    """One of some backends is empty, so that each answer is with this chance."""
    draw = random.Random(seed)
    return lambda: draw.random() < chance


def empty_by_turns() -> bool:
    """The whole view is empty for a moment, and right for as long."""
    return int(time.monotonic() / FLIP_SECONDS) % 2 == 0


VIEWS: dict[str, Callable[[], IsEmpty]] = {
    "one backend of two is empty": lambda: empty_at_random(0.5, 2),
    "one backend of ten is empty": lambda: empty_at_random(0.1, 2),
    "the view comes and goes": lambda: empty_by_turns,
}


@pytest.fixture
def place(office: Office, departments: dict[str, Department]) -> Place:
    return install(office.installation, departments, deadline=SECONDS, suspend=SUSPEND_SECONDS)


@pytest.fixture
def debtor(place: Place, finance: Department) -> str:
    """A student who owes money, and has looked at the page."""
    number = next(_numbers)
    finance.of_student[number] = (OWING,)
    assert look_up_clearance(*place, number, wait_for_all=True)["finance"].status is Status.OUTSTANDING
    return number


@pytest.fixture
def unguarded(monkeypatch: pytest.MonkeyPatch, office: Office, departments: dict[str, Department]) -> Place:
    """The variant that trusts a step again at once, and believes each answer as it comes."""
    monkeypatch.setattr(proofs, "rest_on_look", lambda *_: None)
    monkeypatch.setattr(proofs, "_list_improved", lambda *_: [])
    monkeypatch.setattr(
        proofs, "_ask_again", lambda _installed, before, keys, *_: ({key: before[key] for key in keys}, {})
    )
    return install(office.installation, departments, deadline=SECONDS, suspend=0)


def flap(department: Department, is_empty: IsEmpty) -> None:
    """Answer after a moment, of nobody's records whenever the view is empty."""
    fetch = department.fetch_reading

    async def fetch_or_nothing(number: str) -> object:
        held = department.of_student
        await asyncio.sleep(FLIP_SECONDS if is_empty is empty_by_turns else 0)
        department.of_student = {} if is_empty() else held
        try:
            return await fetch(number)
        finally:
            department.of_student = held

    department.fetch_reading = fetch_or_nothing  # type: ignore[method-assign, assignment]


def count_posts_until_a_slip(place: Place, number: str) -> int | None:
    """The post that gave a slip, or None."""
    for post in range(1, POSTS + 1):
        with contextlib.suppress(SubmissionRefused):
            submit(*place, make_graduate(number))
            return post
    return None


@pytest.mark.parametrize("view", VIEWS)
def test_a_debtor_who_posts_again_and_again_at_a_flapping_view_gets_no_slip(
    place: Place, finance: Department, debtor: str, view: str
) -> None:
    flap(finance, VIEWS[view]())
    assert count_posts_until_a_slip(place, debtor) is None


@pytest.mark.parametrize("view", VIEWS)
def test_without_the_guard_the_debtor_gets_one(
    unguarded: Place, finance: Department, debtor: str, view: str
) -> None:
    flap(finance, VIEWS[view]())
    assert count_posts_until_a_slip(unguarded, debtor) is not None


def test_whoever_has_just_paid_gets_a_slip_after_three_more_answers(
    place: Place, finance: Department, debtor: str
) -> None:
    del finance.of_student[debtor]
    finance.questions = 0
    assert submit(*place, make_graduate(debtor)).startswith("LX")
    assert finance.questions == 4


def zero_all(department: Department, **facts: object) -> None:
    """Keep every row, and empty these facts in it."""
    department.of_student = {
        number: tuple(dict(record) | facts for record in records)  # type: ignore[misc]
        for number, records in department.of_student.items()
    }


EMPTIED: dict[str, tuple[Record, dict[str, object]]] = {
    "finance": (OWING, {"amount": Decimal(0)}),
    "library_loans": (
        {"overdue_books": 5, "fine": Decimal(0), "violations": 0, "card_status": "cancelled"},
        {"overdue_books": 0},
    ),
}


@pytest.mark.parametrize("step", EMPTIED)
@pytest.mark.parametrize("is_known", [True, False])
def test_rows_whose_facts_are_emptied_for_all_give_no_slip_at_the_first_post(
    place: Place, departments: dict[str, Department], step: str, is_known: bool
) -> None:
    number = next(_numbers)
    departments[step].of_student[number] = (EMPTIED[step][0],)
    if is_known:
        look_up_clearance(*place, number, wait_for_all=True)
        CanaryWatch({"x": place[1]}, SECONDS).check_all()  # so that a fresh look says that all is well
    zero_all(departments[step], **EMPTIED[step][1])
    with pytest.raises(SubmissionRefused) as refused:
        submit(*place, make_graduate(number))
    assert refused.value.states[step].status is Status.UNAVAILABLE
    assert place[1].suspended.keys() == {step}


@pytest.mark.parametrize("step", EMPTIED)
def test_without_a_look_at_submission_emptied_facts_give_one(
    unguarded: Place, departments: dict[str, Department], step: str
) -> None:
    number = next(_numbers)
    departments[step].of_student[number] = (EMPTIED[step][0],)
    zero_all(departments[step], **EMPTIED[step][1])
    assert submit(*unguarded, make_graduate(number)).startswith("LX")


def test_a_submission_asks_no_canary_student_of_records_while_the_last_look_is_fresh(
    place: Place, departments: dict[str, Department]
) -> None:
    for _ in range(3):
        submit(*place, make_graduate(next(_numbers)))
    assert departments["archive"].looks == 2


def weigh(book: LookBook, outcome: Outcome, began: float) -> Change:
    return book.weigh("finance", Look(outcome, began, NOW))


def test_a_step_stays_suspended_until_looks_were_right_for_the_stated_time() -> None:
    book = LookBook(60)
    assert weigh(book, Outcome.AGREED, 100) is Change.NONE
    assert weigh(book, Outcome.WRONG, 105) is Change.SUSPENDED
    assert weigh(book, Outcome.AGREED, 110) is Change.NONE
    assert weigh(book, Outcome.AGREED, 169) is Change.NONE
    assert weigh(book, Outcome.WRONG, 169.5) is Change.NONE
    assert weigh(book, Outcome.AGREED, 171) is Change.NONE
    assert weigh(book, Outcome.UNPROVEN, 180) is Change.NONE
    assert weigh(book, Outcome.AGREED, 230) is Change.NONE
    assert book.suspended == {"finance": NOW}
    assert weigh(book, Outcome.AGREED, 231) is Change.LIFTED
    assert book.suspended == {}


def test_a_wrong_look_that_ends_just_after_a_newer_right_one_still_counts() -> None:
    book = LookBook(60)
    weigh(book, Outcome.AGREED, 100)
    assert weigh(book, Outcome.WRONG, 99) is Change.SUSPENDED
    assert weigh(book, Outcome.AGREED, 99.5) is Change.NONE


def test_a_look_of_anybody_that_is_wrong_brings_the_watch_to_its_short_rhythm_at_once(
    place: Place, finance: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canaries, "EVERY_SECONDS_WHEN_WRONG", 0.01)
    watch = CanaryWatch({"x": place[1]}, SECONDS)
    place[1].looks.when_suspended = watch._woken.set
    pausing = threading.Thread(target=watch._pause, daemon=True)
    pausing.start()
    time.sleep(0.1)
    assert pausing.is_alive()
    del finance.of_student[FAILS]
    begin_look(place[1], "finance", SECONDS)
    pausing.join(30)
    assert not pausing.is_alive()


def test_while_a_step_is_suspended_no_earlier_pass_of_it_is_shown(place: Place, finance: Department) -> None:
    student = next(_numbers)
    assert look_up_clearance(*place, student, wait_for_all=True)["finance"].status is Status.CLEARED
    del finance.of_student[FAILS]
    CanaryWatch({"x": place[1]}, SECONDS).check_all()
    state = look_up_clearance(*place, student, wait_for_all=True)["finance"]
    assert (state.status, state.last_known) == (Status.UNAVAILABLE, None)


def test_an_emptied_answer_does_not_replace_what_was_owed(
    place: Place, finance: Department, debtor: str
) -> None:
    finance.of_student = {PASSES: ()}
    state = look_up_clearance(*place, debtor, wait_for_all=True)["finance"]
    assert state.status is Status.UNAVAILABLE
    assert state.last_known is not None
    assert state.last_known.finding.status is Status.OUTSTANDING


def test_a_page_shows_and_keeps_that_somebody_has_paid(
    place: Place, finance: Department, debtor: str
) -> None:
    del finance.of_student[debtor]
    assert look_up_clearance(*place, debtor, wait_for_all=True)["finance"].status is Status.CLEARED
    finance.questions = 0
    assert get_live_step(*place, "finance", debtor).status is Status.CLEARED
    assert finance.questions == 2
