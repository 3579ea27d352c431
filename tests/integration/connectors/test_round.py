"""The round: side by side, in time, and no system at another's expense."""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from app.connectors.base import ActionOutcome, Connector, FailureCode, UnknownAction
from app.connectors.client import perform_action, query_systems
from app.connectors.registry import describe_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from app.event_loop import get_loop
from tests.integration.connectors.stand_in import (
    STUDENT,
    TRUTH,
    StandIn,
    ask,
    connect,
    drip,
    fault_of,
    hang,
    response,
    running_stand_in,
)

LONG = 60.0


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running_stand_in() as stand_in:
        yield stand_in


@pytest.fixture
def hung() -> Iterator[StandIn]:
    with running_stand_in() as stand_in:
        stand_in.will_answer(hang)
        yield stand_in


class OddConnector:
    """A connector that does what no connector should."""

    name = "odd"
    actions = frozenset({"act"})

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.may_end = threading.Event()

    async def fetch_reading(self, student_number: str) -> Reading:
        if self.error:
            raise self.error
        await self._ignore_cancelling()
        return Reading(self.name, student_number, (), datetime.now(UTC))

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        if self.error:
            raise self.error
        await self._ignore_cancelling()
        return ActionOutcome.CONFIRMED

    async def close(self) -> None:
        return

    async def _ignore_cancelling(self) -> None:
        while not self.may_end.is_set():
            try:
                await asyncio.sleep(0.1)
            except asyncio.CancelledError:
                continue


def test_a_hung_system_costs_the_others_nothing(server: StandIn, hung: StandIn) -> None:
    connectors = {
        "a": connect(server.url),
        "hung": connect(hung.url, deadline_seconds=0.5),
        "b": connect(server.url),
    }
    answers = query_systems(connectors, STUDENT, LONG)
    assert isinstance(answers["a"], Reading)
    assert isinstance(answers["b"], Reading)
    assert isinstance(answers["hung"], DepartmentUnavailable)


def test_the_systems_are_asked_side_by_side(hung: StandIn) -> None:
    connectors = {str(place): connect(hung.url, deadline_seconds=1.0) for place in range(10)}
    started = time.monotonic()
    query_systems(connectors, STUDENT, LONG)
    assert time.monotonic() - started < 8
    assert len(hung.requests) == 10


def test_the_deadline_of_the_round_holds_for_all(server: StandIn, hung: StandIn) -> None:
    with running_stand_in() as dripping:
        dripping.will_answer(drip)
        urls = {"good": server.url, "hung": hung.url, "drip": dripping.url}
        connectors = {name: connect(url, deadline_seconds=LONG) for name, url in urls.items()}
        started = time.monotonic()
        answers = query_systems(connectors, STUDENT, 0.5)
        assert time.monotonic() - started < 5
    assert isinstance(answers["good"], Reading)
    assert {str(answers[name]) for name in ("hung", "drip")} == {"stand_in: timeout"}


def test_a_round_without_time_asks_nobody_and_clears_nothing(server: StandIn) -> None:
    answers = query_systems({"a": connect(server.url)}, STUDENT, 0)
    assert isinstance(answers["a"], DepartmentUnavailable)
    assert query_systems({}, STUDENT, 1) == {}


def test_two_steps_of_one_system_share_one_call(server: StandIn) -> None:
    shared = connect(server.url)
    answers = query_systems({"a": shared, "b": shared}, STUDENT, LONG)
    assert answers["a"] is answers["b"]
    assert len(server.requests) == 1


def test_a_connector_that_will_not_end_does_not_hold_the_round(server: StandIn) -> None:
    odd = OddConnector()
    answers = query_systems({"odd": odd, "good": connect(server.url)}, STUDENT, 0.5)
    assert isinstance(answers["good"], Reading)
    assert isinstance(answers["odd"], DepartmentUnavailable)
    assert perform_action(odd, "act", STUDENT, 0.2) is ActionOutcome.UNKNOWN
    odd.may_end.set()  # only now: the round did not wait for it


def test_an_unforeseen_exception_is_that_systems_fault_and_its_text_is_not_told(
    server: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    odd = OddConnector(ValueError(f"cannot read {STUDENT}"))
    answers = query_systems({"odd": odd, "good": connect(server.url)}, STUDENT, LONG)
    assert isinstance(answers["good"], Reading)
    assert str(answers["odd"]) == "odd: internal"
    assert STUDENT not in caplog.text
    assert perform_action(odd, "act", STUDENT, LONG) is ActionOutcome.UNKNOWN


def test_an_action_that_no_configuration_names_is_a_named_mistake(server: StandIn) -> None:
    with pytest.raises(UnknownAction):
        perform_action(connect(server.url), "cancel", STUDENT, LONG)


async def ask_at_once(connector: Connector, count: int) -> list[str]:
    """What becomes of several calls that begin in the same turn of the loop, so that their deadlines coincide."""
    calls = (connector.fetch_reading(f"TS{place}") for place in range(count))
    answers = await asyncio.gather(*calls, return_exceptions=True)
    return [answer.fault for answer in answers if isinstance(answer, DepartmentUnavailable)]


def test_calls_beyond_a_systems_limit_wait_and_their_wait_counts(hung: StandIn) -> None:
    connector = connect(hung.url, max_connections=2, deadline_seconds=0.8, breaker_failures=1000)
    faults = asyncio.run_coroutine_threadsafe(ask_at_once(connector, 6), get_loop()).result(LONG)
    assert set(faults) == {"timeout", "busy"}
    assert len(hung.requests) <= faults.count("timeout")


def test_waiting_calls_go_out_when_a_place_is_free(server: StandIn) -> None:
    connector = connect(server.url, max_connections=1)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: ask(connector), range(20)))
    assert all(isinstance(answer, Reading) for answer in answers)
    assert server.connections == 1


def test_a_crowd_before_a_hung_system_holds_no_thread_beside_the_loops(hung: StandIn) -> None:
    connector = connect(hung.url, deadline_seconds=0.5, max_connections=50, breaker_failures=1000)
    ask(connector)
    before = threading.active_count()
    rounds = [threading.Thread(target=ask, args=(connector,)) for _ in range(30)]
    for thread in rounds:
        thread.start()
    most = threading.active_count()
    for thread in rounds:
        thread.join(20)
    assert most <= before + 30
    assert threading.active_count() == before


def test_a_breaker_opens_for_a_failing_system_and_closes_when_it_is_back(server: StandIn) -> None:
    server.will_answer(response(b"", status="503 Busy"))
    connector = connect(server.url, breaker_failures=4, breaker_pause_seconds=0.3)
    assert [fault_of(connector, number) for number in "ABCA"] == ["server_error"] * 4
    assert describe_systems([connector]) == {"stand_in": "not asked for 1 s after failures"}
    assert fault_of(connector, "D") == "breaker_open"
    assert len(server.requests) == 4
    server.will_answer(response())
    time.sleep(0.4)
    assert isinstance(ask(connector), Reading)
    assert describe_systems([connector]) == {"stand_in": "answers"}


def test_an_open_breaker_leaves_an_action_unknown_and_unsent(server: StandIn) -> None:
    action = {"path": "/cancel", "method": "POST", "number_in": "json", "number_name": "no", "echo": "no"}
    connector = connect(
        server.url,
        breaker_failures=3,
        breaker_pause_seconds=600,
        actions={"cancel": action | {"confirmed": {"code": 0}}},
    )
    server.will_answer(response(b"", status="503 Busy"))
    assert [fault_of(connector, number) for number in "ABC"] == ["server_error"] * 3
    server.will_answer(response())
    assert perform_action(connector, "cancel", STUDENT, LONG) is ActionOutcome.UNKNOWN
    assert len(server.requests) == 3


def test_answers_that_cannot_be_trusted_do_not_open_the_breaker(server: StandIn) -> None:
    connector = connect(server.url, breaker_failures=1)
    assert [fault_of(connector, number) for number in "ABCDEF"] == [FailureCode.WRONG_STUDENT] * 6
    server.will_answer(response(TRUTH.replace(b"0}", b"-1}")))
    assert fault_of(connector) == FailureCode.MALFORMED_NUMBER
    assert describe_systems([connector]) == {"stand_in": "answers"}


def test_a_student_whose_question_always_hangs_does_not_open_the_breaker(hung: StandIn) -> None:
    connector = connect(hung.url, breaker_failures=1, deadline_seconds=0.1)
    assert [fault_of(connector) for _ in range(5)] == ["timeout"] * 5
    hung.will_answer(response(TRUTH.replace(STUDENT.encode(), b"A")))
    assert isinstance(ask(connector, "A"), Reading)


def test_calls_cut_short_by_the_round_count_for_the_breaker(hung: StandIn) -> None:
    connector = connect(hung.url, breaker_failures=3, deadline_seconds=LONG, breaker_pause_seconds=600)
    assert [fault_of(connector, number, deadline=0.1) for number in "ABC"] == ["timeout"] * 3
    assert fault_of(connector, "D") == "breaker_open"


def test_faults_are_logged_by_name_without_the_student(
    server: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.will_answer(response(b"[]"))
    assert fault_of(connect(server.url)) == "no_success"
    [record] = [record for record in caplog.records if record.name.startswith("app.connectors")]
    assert (vars(record)["system"], vars(record)["fault"]) == ("stand_in", "no_success")
    assert STUDENT not in caplog.text


def _ask_in_child(connector: Connector, results: multiprocessing.SimpleQueue[str]) -> None:
    results.put(type(ask(connector)).__name__)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_process_has_a_loop_and_connections_of_its_own(server: StandIn) -> None:
    connector = connect(server.url)
    assert isinstance(ask(connector), Reading)
    context = multiprocessing.get_context("fork")
    results = context.SimpleQueue()
    child = context.Process(target=_ask_in_child, args=(connector, results))
    child.start()
    child.join(20)
    assert child.exitcode == 0
    assert results.get() == "Reading"
    assert isinstance(ask(connector), Reading)
    assert server.connections == 2
