"""Faults of the transport: late, endless, cut off, or no answer at all."""

from __future__ import annotations

import threading

import pytest
import requests

from tests.campus.callers import CANCEL_CARD, ask, open_raw, send, system_of
from tests.campus.client import CampusClient
from tests.campus.state import COMMON_FAULTS
from tests.integration.campus.reading import (
    NUMBER,
    every_call,
    looks_cleared,
    read_strictly,
    receive_all,
    send_with,
)

MEGABYTE = 1_000_000


@every_call
def test_timeout_never_sends_a_byte(campus: CampusClient, name: str) -> None:
    campus.set_fault(system_of(name), "timeout")
    with pytest.raises(TimeoutError):
        receive_all(campus, name, timeout=0.3)


@every_call
def test_refuse_closes_the_connection_without_a_byte(campus: CampusClient, name: str) -> None:
    campus.set_fault(system_of(name), "refuse")
    assert receive_all(campus, name, timeout=30) == b""


@every_call
def test_reset_breaks_off_in_the_middle_of_a_good_answer(campus: CampusClient, name: str) -> None:
    campus.set_fault(system_of(name), "reset")
    with open_raw(campus.url, ask(name, NUMBER), 30) as connection:
        head = connection.recv(65_536)
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: connection.recv(65_536), b""))
    assert head.startswith(b"HTTP/1.1 200 OK")


@every_call
def test_drip_sends_a_good_answer_byte_by_byte_and_never_ends(campus: CampusClient, name: str) -> None:
    with send_with(campus, name, "drip", stream=True) as response:
        start = b"".join(response.raw.read(1) for _ in range(4))
    assert response.status_code == 200
    assert start.startswith(b'{"')


@every_call
def test_huge_is_good_json_of_megabytes_that_starts_like_any_other(campus: CampusClient, name: str) -> None:
    response = send_with(campus, name, "huge")
    assert len(response.content) > 5 * MEGABYTE
    assert "Content-Length" not in response.headers
    assert looks_cleared(name, response.text[:1000])
    read_strictly(response.text)


@pytest.mark.parametrize("name", ["finance", CANCEL_CARD])
def test_slow_2s_is_the_right_answer(campus: CampusClient, name: str) -> None:
    slow = send_with(campus, name, "slow_2s")
    assert slow.elapsed.total_seconds() >= 2
    assert looks_cleared(name, slow.text)


@pytest.mark.parametrize(
    "fault", [f for f in COMMON_FAULTS if f not in ("none", "slow_2s", "timeout_after", "timeout", "drip")]
)
def test_a_cancel_that_failed_has_cancelled_nothing(campus: CampusClient, fault: str) -> None:
    campus.set_fault("library_loans", fault)
    try:
        send(campus.url, ask(CANCEL_CARD, NUMBER))
    except requests.RequestException:
        assert fault in ("refuse", "reset")
    assert campus.get_facts(NUMBER, "library_loans")["card"] == "active"


def test_timeout_after_cancels_the_card_and_stays_silent_while_queries_are_answered(
    campus: CampusClient,
) -> None:
    campus.set_fault("library_loans", "timeout_after")
    with pytest.raises(TimeoutError):
        receive_all(campus, CANCEL_CARD, timeout=0.5)
    response = send(campus.url, ask("library_loans", NUMBER))
    assert response.json()["data"]["searchResult"][0]["cardState"] == "9"


def test_a_delay_keeps_only_its_own_system_back(campus: CampusClient) -> None:
    campus.set_fault("finance", "none", delay_ms=60_000)
    delayed = threading.Event()

    def call_finance() -> None:
        with pytest.raises(TimeoutError):
            receive_all(campus, "finance", timeout=1)
        delayed.set()

    caller = threading.Thread(target=call_finance)
    caller.start()
    assert send(campus.url, ask("archive", NUMBER)).ok
    assert not delayed.is_set()
    caller.join(30)
    assert delayed.is_set()


@pytest.mark.parametrize("fault", ["timeout", "drip", "huge"])
def test_callers_who_give_up_leave_nothing_behind(campus: CampusClient, fault: str) -> None:
    campus.set_fault("finance", fault)
    for _ in range(20):
        open_raw(campus.url, ask("finance", NUMBER), 30).close()
    campus.set_fault("finance")
    assert send(campus.url, ask("finance", NUMBER)).ok
