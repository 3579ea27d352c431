"""The control addresses of the pretend campus."""

from __future__ import annotations

from dataclasses import replace

import pytest
import requests

from tests.campus.callers import EVERY_CALL, ask, send, system_of
from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO
from tests.integration.campus.reading import answer

WRONG = replace(DEMO, finance_token="wrong")


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
