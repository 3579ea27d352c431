"""Every fault of the pretend campus, as a raw caller sees it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.campus.callers import CANCEL_CARD, EVERY_CALL, ask, open_raw, send, system_of
from tests.campus.client import CampusClient, running_campus
from tests.campus.state import Fault

NUMBER = "TS23000001"
OTHER = "TS23000002"
MEGABYTE = 1_000_000
CLEARED = {
    "library_loans": ('"books":0', '"debt":"0.00"', '"cardState":"9"'),
    CANCEL_CARD: ('"success":true', '"cardState":"9"'),
    "library_thesis": ('"state":"审核通过"',),
    "archive": ('"lwzt":"已审核"',),
    "dormitory": ('"checkoutDate":"2026-06-10"', '"checkoutBy":"王建国"'),
    "finance": ('"arrears":[]',),
}
every_call = pytest.mark.parametrize("name", EVERY_CALL)


@pytest.fixture(scope="module")
def running() -> Iterator[CampusClient]:
    with running_campus() as campus:
        yield campus


@pytest.fixture
def campus(running: CampusClient) -> CampusClient:
    running.reset()
    return running


def send_with(campus: CampusClient, name: str, fault: str, stream: bool = False) -> requests.Response:
    campus.set_fault(system_of(name), fault)
    return send(campus.url, ask(name, NUMBER), stream)


def looks_cleared(name: str, text: str) -> bool:
    return all(mark in text for mark in CLEARED[name])


def read_strictly(text: str) -> Any:
    """Read JSON and object to what a strict reader must not take: NaN and a key that stands twice."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len(dict(pairs)) != len(pairs):
            raise ValueError("duplicate key")
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=unique)


def receive_all(campus: CampusClient, name: str, timeout: float) -> bytes:
    """Read until the connection is closed; raises TimeoutError and ConnectionResetError."""
    received = b""
    with open_raw(campus.url, ask(name, NUMBER), timeout) as connection:
        while chunk := connection.recv(65_536):
            received += chunk
    return received


@every_call
def test_without_a_fault_the_answer_is_whole_and_about_the_student(campus: CampusClient, name: str) -> None:
    response = send_with(campus, name, "none")
    assert response.status_code == 200
    assert NUMBER in response.text
    assert OTHER not in response.text
    read_strictly(response.text)


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
@pytest.mark.parametrize(
    ("fault", "status"), [("http_500", 500), ("http_429", 429), ("http_401", 401), ("redirect", 302)]
)
def test_an_error_status_carries_a_cleared_answer(
    campus: CampusClient, name: str, fault: str, status: int
) -> None:
    response = send_with(campus, name, fault)
    assert response.status_code == status
    assert looks_cleared(name, response.text)
    assert (response.headers.get("Retry-After") is not None) == (fault == "http_429")
    if fault == "redirect":
        landed = requests.get(campus.url + response.headers["Location"], timeout=30)
        assert landed.ok
        assert landed.headers["Content-Type"].startswith("text/html")


@every_call
def test_html_login_is_a_page_that_says_200(campus: CampusClient, name: str) -> None:
    response = send_with(campus, name, "html_login")
    assert response.status_code == 200
    assert response.headers["Content-Type"].startswith("text/html")
    assert "登录" in response.text


@every_call
def test_bad_json_and_empty_cannot_be_read(campus: CampusClient, name: str) -> None:
    cut = send_with(campus, name, "bad_json")
    assert cut.status_code == 200
    assert looks_cleared(name, cut.text)
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut.text)
    empty = send_with(campus, name, "empty")
    assert (empty.status_code, empty.content) == (200, b"")


@every_call
def test_huge_is_good_json_of_megabytes_that_starts_like_any_other(campus: CampusClient, name: str) -> None:
    response = send_with(campus, name, "huge")
    assert len(response.content) > 5 * MEGABYTE
    assert "Content-Length" not in response.headers
    assert looks_cleared(name, response.text[:1000])
    read_strictly(response.text)


@every_call
def test_error_envelope_and_null_data_hold_nothing(campus: CampusClient, name: str) -> None:
    error, null = (send_with(campus, name, fault) for fault in ("error_envelope", "null_data"))
    assert error.status_code == null.status_code == 200
    assert not looks_cleared(name, error.text)
    assert not looks_cleared(name, null.text)
    marks = ("success", "code", "errno", "status")
    good = send_with(campus, name, "none").json()
    assert any(error.json().get(mark) != good.get(mark) for mark in marks)
    assert all(null.json().get(mark) == good.get(mark) for mark in marks)


@every_call
def test_missing_fields_has_the_student_but_not_what_decides(campus: CampusClient, name: str) -> None:
    response = send_with(campus, name, "missing_fields")
    assert response.status_code == 200
    assert NUMBER in response.text
    keys = ("books", "cardState", "state", "lwzt", "checkoutDate", "arrear_amount")
    assert not any(f'"{key}":' in response.text for key in keys)


@every_call
def test_wrong_student_is_cleared_and_says_nothing_of_the_one_asked_for(
    campus: CampusClient, name: str
) -> None:
    text = send_with(campus, name, "wrong_student").text
    assert looks_cleared(name, text)
    assert OTHER in text
    assert NUMBER not in text


@every_call
def test_two_students_are_both_in_the_answer(campus: CampusClient, name: str) -> None:
    text = send_with(campus, name, "two_students").text
    assert looks_cleared(name, text)
    assert OTHER in text
    assert NUMBER in text


@every_call
def test_duplicate_keys_contradict_each_other_and_the_last_one_clears(
    campus: CampusClient, name: str
) -> None:
    text = send_with(campus, name, "duplicate_keys").text
    last_wins = json.dumps(json.loads(text), ensure_ascii=False, separators=(",", ":"))
    assert looks_cleared(name, last_wins)
    with pytest.raises(ValueError, match="duplicate key"):
        read_strictly(text)


@every_call
def test_nan_is_in_an_answer_that_a_lenient_reader_takes(campus: CampusClient, name: str) -> None:
    text = send_with(campus, name, "nan").text
    assert "NaN" in text
    assert json.loads(text)


@every_call
def test_unknown_value_was_never_seen_before(campus: CampusClient, name: str) -> None:
    text = send_with(campus, name, "unknown_value").text
    read_strictly(text)
    assert any(
        f'"{value}"' in text for value in ("7", "审核通过（待复核）", "已审核（待补交）", "待核实", "挂账")
    )


@pytest.mark.parametrize("name", ["finance", CANCEL_CARD])
def test_slow_2s_is_the_right_answer(campus: CampusClient, name: str) -> None:
    slow = send_with(campus, name, "slow_2s")
    assert slow.elapsed.total_seconds() >= 2
    assert looks_cleared(name, slow.text)


@pytest.mark.parametrize(
    "fault", [f for f in Fault if f not in ("none", "slow_2s", "timeout_after", "timeout", "drip")]
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
