"""The pretend campus as a program: how it starts and ends, its systems, its control addresses, its front page."""

from __future__ import annotations

import contextlib
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.campus.callers import CANCEL_CARD, EVERY_CALL, ask, open_raw, send, system_of
from tests.campus.client import PROJECT, CampusClient, running_campus, start_campus
from tests.campus.credentials import DEMO

WRONG = replace(
    DEMO,
    library_loans_token="wrong",
    library_thesis_key="wrong",
    archive_secret="wrong",
    dormitory_secret="wrong",
    finance_token="wrong",
)


@pytest.fixture(scope="module")
def running() -> Iterator[CampusClient]:
    with running_campus() as campus:
        yield campus


@pytest.fixture
def campus(running: CampusClient) -> CampusClient:
    running.reset()
    return running


def answer(campus: CampusClient, system: str, number: str) -> Any:
    response = send(campus.url, ask(system, number))
    assert response.headers["Content-Type"] == "application/json; charset=utf-8"
    return response.json()


def wait_until(is_so: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.com"])
def test_it_refuses_to_listen_on_anything_but_loopback(host: str) -> None:
    command = [sys.executable, "-m", "tests.campus", "--port", "0", "--host", host]
    ended = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 2
    assert "loopback addresses only" in ended.stderr
    assert "ready" not in ended.stdout


def test_it_ends_at_once_with_callers_still_hanging_and_frees_its_port() -> None:
    process, campus = start_campus()
    with process, contextlib.ExitStack() as hanging:
        campus.set_fault("finance", "timeout")
        campus.set_fault("archive", "drip")
        for system in ("finance", "archive") * 20:
            hanging.enter_context(open_raw(campus.url, ask(system, "TS23000002"), 30))
        wait_until(lambda: len(campus.calls()) == 40)
        process.terminate()
        hanging.callback(process.kill)
        assert process.wait(timeout=10) == 0
        with socket.socket() as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", urlsplit(campus.url).port or 0))


def test_hanging_callers_do_not_keep_others_waiting(campus: CampusClient) -> None:
    campus.set_fault("finance", "timeout")
    with contextlib.ExitStack() as hanging, ThreadPoolExecutor(20) as crowd:
        for n in range(300):
            hanging.enter_context(open_raw(campus.url, ask("finance", f"TS9{n:07}"), 30))
        answers = list(crowd.map(lambda n: answer(campus, "archive", f"TS9{n:07}"), range(200)))
    assert {found["entities"][0]["lwzt"] for found in answers} == {"已审核"}


def test_the_library_answers_in_its_shape(campus: CampusClient) -> None:
    row = {"readerId": "TS23000003", "books": 2, "debt": "12.50", "violations": 1, "cardState": "1"}
    data = {"readerId": "TS23000003", "total": 1, "searchResult": [row]}
    assert answer(campus, "library_loans", "TS23000003") == {
        "success": True, "errCode": 200, "errMsg": "", "data": data,
    }  # fmt: skip
    assert answer(campus, "library_loans", "TS23000002")["errCode"] == 80000
    nobody = answer(campus, "library_loans", "TS00000000")["data"]
    assert nobody == {"readerId": "TS00000000", "total": 0, "searchResult": []}


def test_the_library_cancels_a_card_once_and_may_refuse(campus: CampusClient) -> None:
    assert answer(campus, CANCEL_CARD, "TS23000001") == {
        "success": True, "errCode": 200, "errMsg": "", "data": {"readerId": "TS23000001", "cardState": "9"},
    }  # fmt: skip
    assert campus.get_facts("TS23000001", "library_loans")["card"] == "cancelled"
    again = answer(campus, CANCEL_CARD, "TS23000001")
    assert (again["success"], again["errCode"], again["data"]["cardState"]) == (True, 80001, "9")
    refused = answer(campus, CANCEL_CARD, "TS23000011")
    assert (refused["success"], refused["errCode"], refused["data"]["cardState"]) == (False, 40310, "1")


def test_the_other_systems_answer_in_their_shapes(campus: CampusClient) -> None:
    thesis = {"student_no": "TS23000004", "state": "审核中", "submitted_on": "2026-06-01"}
    assert answer(campus, "library_thesis", "TS23000004") == {"code": 0, "msg": "ok", "data": thesis}
    assert answer(campus, "archive", "TS23000002") == {
        "errno": 0, "errmsg": "", "xh": "TS23000002",
        "entities": [{"xh": "TS23000002", "lwzt": "已审核", "shrq": "2026-06-05"}],
    }  # fmt: skip
    room = {"building": "竹园2号楼", "room": "B412", "checkoutDate": None, "checkoutBy": None}
    assert answer(campus, "dormitory", "TS23000006") == {
        "status": "OK", "student": "TS23000006", "resident": True, "record": room,
    }  # fmt: skip
    arrears = answer(campus, "finance", "TS23000008")["data"]["arrears"]
    assert [row["arrear_amount"] for row in arrears] == ["50000", "30000"]


def test_an_unknown_number_is_echoed_and_has_no_record(campus: CampusClient) -> None:
    nobody = "00000000"
    thesis = {"student_no": nobody, "state": "未提交", "submitted_on": None}
    assert answer(campus, "library_thesis", nobody)["data"] == thesis
    assert answer(campus, "archive", nobody)["entities"] == [{"xh": nobody, "lwzt": "", "shrq": ""}]
    never = {"status": "OK", "student": nobody, "resident": False, "record": None}
    assert answer(campus, "dormitory", nobody) == never
    assert answer(campus, "finance", nobody)["data"] == {"card_number": nobody, "arrears": []}


@pytest.mark.parametrize("name", EVERY_CALL)
def test_a_wrong_credential_is_refused_and_does_nothing(campus: CampusClient, name: str) -> None:
    refused = send(campus.url, ask(name, "TS23000001", WRONG))
    assert (refused.status_code, refused.json()) == (401, {"error": "unauthorized"})
    assert campus.get_facts("TS23000001", "library_loans")["card"] == "active"
    assert send(campus.url, ask(name, "TS23000001")).ok


@pytest.mark.parametrize("system", ["archive", "dormitory"])
def test_a_signed_call_is_good_only_once(campus: CampusClient, system: str) -> None:
    call = ask(system, "TS23000002")
    assert [send(campus.url, call).status_code for _ in range(2)] == [200, 401]


def test_every_call_is_remembered_with_its_outcome(campus: CampusClient) -> None:
    for name in EVERY_CALL:
        send(campus.url, ask(name, "TS23000002"))
    send(campus.url, ask("finance", "TS23000003", WRONG))
    calls = campus.calls()
    assert [call["system"] for call in calls[:-1]] == [system_of(name) for name in EVERY_CALL]
    assert [call["outcome"] for call in campus.calls("finance")] == ["answered", "unauthorized"]
    assert calls[0].keys() == {"time", "system", "student", "address", "outcome"}
    counts = requests.get(f"{campus.url}/control/calls", timeout=30).json()["counts"]
    assert counts["library_loans"] == {"TS23000002": 2}
    assert counts["finance"]["TS23000003"] == 1


def test_changed_facts_are_answered_until_the_reset(campus: CampusClient) -> None:
    campus.set_facts("TS23000002", "archive", state="")
    assert answer(campus, "archive", "TS23000002")["entities"][0] == {
        "xh": "TS23000002",
        "lwzt": "",
        "shrq": "",
    }
    campus.reset()
    assert answer(campus, "archive", "TS23000002")["entities"][0]["lwzt"] == "已审核"


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "named"),
    [
        ("GET", "/control/students/TS00000000/finance", None, 404, "TS00000000"),
        ("GET", "/control/students/TS23000002/gym", None, 404, "gym"),
        ("PUT", "/control/students/TS23000002/archive", {"status": "x"}, 400, "status"),
        ("PUT", "/control/students/TS23000002/archive", ["state"], 400, "JSON object"),
        ("PUT", "/control/systems/gym", {"fault": "none"}, 404, "gym"),
        ("PUT", "/control/systems/finance", {"fault": "boom"}, 400, "boom"),
        ("PUT", "/control/systems/finance", {"fault": "timeout_after"}, 400, "timeout_after"),
        ("PUT", "/control/systems/finance", {"delay": 5}, 400, "delay"),
        ("GET", "/control/nothing", None, 404, "/control/nothing"),
    ],
)
def test_a_control_request_that_makes_no_sense_says_why(
    campus: CampusClient, method: str, path: str, body: object, status: int, named: str
) -> None:
    refused = requests.request(method, campus.url + path, json=body, timeout=30)
    assert refused.status_code == status
    assert named in refused.json()["error"]


def test_the_front_page_shows_and_changes_what_is_held(campus: CampusClient) -> None:
    page = requests.get(campus.url, timeout=30).text
    assert "陈思远" in page
    assert "TS25000012" in page
    assert "2 项，金额合计 800.00" in page
    form = {"books": "3", "debt": "0.00", "violations": "0", "card": "active", "refuses_cancel": "true"}
    saved = requests.post(
        f"{campus.url}/facts/TS23000002/library_loans", form, timeout=30, allow_redirects=False
    )
    assert saved.status_code == 303
    held = campus.get_facts("TS23000002", "library_loans")
    assert held == form | {"books": 3, "violations": 0, "refuses_cancel": True}


def test_the_front_pages_finance_form_adds_and_drops_rows(campus: CampusClient) -> None:
    columns = {"project": ["", "书费"], "amount": ["500.00", "9.90"]}
    form = columns | {name: ["0.00", "0.00"] for name in ("deferred", "reduced", "loan")}
    requests.post(f"{campus.url}/facts/TS23000008/finance", form, timeout=30)
    rows = campus.get_facts("TS23000008", "finance")["rows"]
    assert [(row["project"], row["amount"]) for row in rows] == [("书费", "9.90")]


def test_the_front_page_sets_faults_and_says_what_it_cannot_follow(campus: CampusClient) -> None:
    requests.post(f"{campus.url}/systems-form/finance", {"fault": "http_500", "delay_ms": "5"}, timeout=30)
    assert send(campus.url, ask("finance", "TS23000002")).status_code == 500
    page = requests.get(campus.url, timeout=30).text
    assert re.search(r"<option selected>http_500", page)
    assert "fault http_500" in page
    refused = requests.post(f"{campus.url}/facts/TS23000002/library_loans", {"books": "many"}, timeout=30)
    assert refused.status_code == 400
    assert "books: expected" in refused.text
    requests.post(f"{campus.url}/reset", timeout=30)
    assert send(campus.url, ask("finance", "TS23000002")).ok
