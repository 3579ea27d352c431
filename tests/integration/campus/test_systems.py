"""The department systems: their shapes, their credentials, and what no record looks like."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.campus.callers import CANCEL_CARD, EVERY_CALL, ask, send
from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO
from tests.integration.campus.reading import answer

WRONG = replace(
    DEMO,
    library_loans_token="wrong",
    library_thesis_key="wrong",
    archive_secret="wrong",
    dormitory_secret="wrong",
    finance_token="wrong",
    campus_card_key="wrong",
    student_card_token="wrong",
)


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
    account = {"sno": "08230002", "balance": 2340, "cardstate": "正常"}
    assert answer(campus, "campus_card", "08230002") == {
        "retcode": "0", "retmsg": "成功", "sno": "08230002", "account": account,
    }  # fmt: skip
    held = {"state": "未上交", "handed_in_on": None}
    assert answer(campus, "student_card", "08230002") == {
        "meta": {"result": "ok", "query": "08230002", "total": 1},
        "data": [{"type": "student-card", "id": "08230002", "attributes": held}],
    }
    arrears = answer(campus, "finance", "TS23000008")["data"]["arrears"]
    assert [row["arrear_amount"] for row in arrears] == ["50000", "30000"]


def test_an_unknown_number_is_echoed_and_has_no_record(campus: CampusClient) -> None:
    nobody = "00000000"
    thesis = {"student_no": nobody, "state": "未提交", "submitted_on": None}
    assert answer(campus, "library_thesis", nobody)["data"] == thesis
    assert answer(campus, "archive", nobody)["entities"] == [{"xh": nobody, "lwzt": "", "shrq": ""}]
    never = {"status": "OK", "student": nobody, "resident": False, "record": None}
    assert answer(campus, "dormitory", nobody) == never
    assert answer(campus, "finance", nobody)["data"] == {"card_number": nobody, "total": 0, "arrears": []}
    account = answer(campus, "campus_card", nobody)
    assert (account["sno"], account["account"]) == (nobody, None)
    cards = answer(campus, "student_card", nobody)
    assert cards == {"meta": {"result": "ok", "query": nobody, "total": 0}, "data": []}


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
