"""Questions under way: joined, taken once, dropped when nobody comes for the answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from app import event_loop
from app.connectors.base import ActionOutcome
from app.domain.clearance import DepartmentUnavailable, Reading
from app.event_loop import get_loop
from app.services.clearance import in_flight
from app.services.clearance.in_flight import InFlightQueries, Key, Question

KEY = ("some_departure", "TS23000002", "archive")
LONG = 20.0


class Department:
    """A connector that answers when the test lets it, and counts the questions."""

    name = "archive"
    actions: frozenset[str] = frozenset()

    def __init__(self) -> None:
        self.questions = 0
        self.may_answer = threading.Event()

    async def fetch_reading(self, student_number: str) -> Reading:
        self.questions += 1
        while not self.may_answer.is_set():  # noqa: ASYNC110 (set by another thread)
            await asyncio.sleep(0.005)
        return Reading(self.name, student_number, (), datetime.now(UTC))

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        return ActionOutcome.UNKNOWN

    async def close(self) -> None:
        return


def ask(book: InFlightQueries, key: Key, department: Department, deadline: float) -> Question:
    """Ask one department."""
    mini_app, student, step = key
    return book.ask(mini_app, student, {step: department}, deadline)[step]


@pytest.fixture
def department() -> Iterator[Department]:
    department = Department()
    yield department
    department.may_answer.set()


@pytest.fixture
def quick() -> Department:
    department = Department()
    department.may_answer.set()
    return department


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """From its use on, whatever is answered is stale."""
    monkeypatch.setattr(in_flight, "KEPT_SECONDS", -1.0)


def test_a_second_page_joins_the_question_under_way_and_both_get_the_answer(department: Department) -> None:
    book = InFlightQueries()
    first, second = ask(book, KEY, department, LONG), ask(book, KEY, department, LONG)
    assert first is second
    assert book.take({"archive": first}, 0.05) == {}
    department.may_answer.set()
    answers = [book.take({"archive": question}, LONG)["archive"] for question in (first, second)]
    assert answers[0] is answers[1]
    assert department.questions == 1


def test_a_page_that_waits_for_the_next_answer_gets_it_and_leaves_the_others_under_way(
    department: Department, quick: Department
) -> None:
    book = InFlightQueries()
    questions = book.ask("some_departure", "TS23000002", {"archive": department, "finance": quick}, LONG)
    assert book.take(questions, LONG, is_first_enough=True).keys() == {"finance"}
    rest = book.ask("some_departure", "TS23000002", {"archive": department}, LONG)
    assert rest["archive"] is questions["archive"]
    department.may_answer.set()
    assert book.take(rest, LONG, is_first_enough=True).keys() == {"archive"}
    assert (department.questions, quick.questions) == (1, 1)


def test_an_answer_is_taken_once_and_then_asked_for_anew(quick: Department) -> None:
    book = InFlightQueries()
    for asked in (1, 2, 3):
        assert "archive" in book.take({"archive": ask(book, KEY, quick, LONG)}, LONG)
        assert quick.questions == asked
        assert len(book) == 0


def test_an_answer_that_came_after_its_page_is_there_for_the_next_one(department: Department) -> None:
    book = InFlightQueries()
    question = ask(book, KEY, department, LONG)
    assert book.take({"archive": question}, 0) == {}
    department.may_answer.set()
    question.future.result(LONG)
    assert ask(book, KEY, department, LONG) is question


def test_whoever_takes_an_old_answer_leaves_the_new_question_alone(quick: Department) -> None:
    book = InFlightQueries()
    old = ask(book, KEY, quick, LONG)
    book.take({"archive": old}, LONG)
    new = ask(book, KEY, quick, LONG)
    book.take({"archive": old}, LONG)
    assert len(book) == 1
    assert "archive" in book.take({"archive": new}, LONG)


@pytest.mark.usefixtures("impatient")
def test_a_stale_answer_is_dropped_and_asked_for_anew(quick: Department) -> None:
    book = InFlightQueries()
    old = ask(book, KEY, quick, LONG)
    old.future.result(LONG)
    other = ("some_departure", "TS23000003", "archive")
    assert ask(book, other, quick, LONG) is not old
    assert len(book) == 1
    assert ask(book, KEY, quick, LONG) is not old


@pytest.mark.usefixtures("impatient")
def test_a_question_is_kept_for_as_long_as_its_department_takes(department: Department) -> None:
    book = InFlightQueries()
    question = ask(book, KEY, department, LONG)
    assert ask(book, KEY, department, LONG) is question
    department.may_answer.set()
    assert "archive" in book.take({"archive": question}, LONG)


def test_a_department_that_hangs_does_not_delay_the_others(department: Department, quick: Department) -> None:
    book = InFlightQueries()
    questions = {
        "hung": ask(book, ("some_departure", "TS23000002", "hung"), department, LONG),
        "quick": ask(book, ("some_departure", "TS23000002", "quick"), quick, LONG),
    }
    questions["quick"].future.result(LONG)
    assert book.take(questions, 0).keys() == {"quick"}


def test_departments_that_are_asked_together_answer_each_in_its_own_time(
    department: Department, quick: Department
) -> None:
    book = InFlightQueries()
    questions = book.ask("some_departure", "TS23000002", {"hung": department, "quick": quick}, LONG)
    questions["quick"].future.result(LONG)
    assert book.take(questions, 0).keys() == {"quick"}
    again = book.ask("some_departure", "TS23000002", {"hung": department, "quick": quick}, LONG)
    assert again["hung"] is questions["hung"]
    assert again["quick"] is not questions["quick"]


def test_steps_of_one_system_that_are_asked_together_share_one_call(quick: Department) -> None:
    book = InFlightQueries()
    questions = book.ask("some_departure", "TS23000002", {"loans": quick, "thesis": quick}, LONG)
    answers = book.take(questions, LONG)
    assert answers["loans"] is answers["thesis"]
    assert quick.questions == 1


def test_a_department_that_hangs_is_unavailable_at_its_deadline(department: Department) -> None:
    book = InFlightQueries()
    answer = book.take({"archive": ask(book, KEY, department, 0.1)}, LONG)["archive"]
    assert isinstance(answer, DepartmentUnavailable)
    assert answer.fault == "timeout"


def test_nothing_is_left_after_a_thousand_rounds(quick: Department) -> None:
    book = InFlightQueries()
    before = threading.active_count()

    def look(place: int) -> int:
        keys = [("some_departure", f"TS{place % 50}", step) for step in "abcde"]
        return len(book.take({key[2]: ask(book, key, quick, LONG) for key in keys}, LONG))

    with ThreadPoolExecutor(20) as threads:
        assert set(threads.map(look, range(1000))) == {5}
    assert len(book) == 0
    assert threading.active_count() <= before + 1

    async def count_tasks() -> int:
        return len(asyncio.all_tasks()) - 1

    assert asyncio.run_coroutine_threadsafe(count_tasks(), get_loop()).result(LONG) == 0
    assert not event_loop._tasks


def test_abandoned_answers_go_with_the_next_question(
    quick: Department, monkeypatch: pytest.MonkeyPatch
) -> None:
    book = InFlightQueries()
    asked = [ask(book, ("some_departure", f"TS{place}", "archive"), quick, LONG) for place in range(200)]
    for question in asked:
        question.future.result(LONG)
    assert len(book) == 200
    monkeypatch.setattr(in_flight, "KEPT_SECONDS", -1.0)
    ask(book, KEY, quick, LONG)
    assert len(book) == 1
