"""Answers that are bad in their status or content, each as near to a cleared one as it can be."""

from __future__ import annotations

import json

import pytest
import requests

from tests.campus.client import CampusClient
from tests.integration.campus.reading import (
    NUMBER,
    OTHER,
    every_call,
    looks_cleared,
    read_strictly,
    send_with,
)


@every_call
def test_without_a_fault_the_answer_is_whole_and_about_the_student(campus: CampusClient, name: str) -> None:
    response = send_with(campus, name, "none")
    assert response.status_code == 200
    assert NUMBER in response.text
    assert OTHER not in response.text
    read_strictly(response.text)


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
def test_error_envelope_and_null_data_hold_nothing(campus: CampusClient, name: str) -> None:
    error, null = (send_with(campus, name, fault) for fault in ("error_envelope", "null_data"))
    assert error.status_code == null.status_code == 200
    assert not looks_cleared(name, error.text)
    assert not looks_cleared(name, null.text)
    marks = ("success", "code", "errno", "status", "retcode", "meta")
    good = send_with(campus, name, "none").json()
    assert any(error.json().get(mark) != good.get(mark) for mark in marks)
    assert all(null.json().get(mark) == good.get(mark) for mark in marks if mark != "meta")
    if "meta" in good:
        assert null.json()["meta"] == good["meta"] | {"total": 0}


@every_call
def test_missing_fields_has_the_student_but_not_what_decides(campus: CampusClient, name: str) -> None:
    response = send_with(campus, name, "missing_fields")
    assert response.status_code == 200
    assert NUMBER in response.text
    keys = ("books", "cardState", "state", "lwzt", "checkoutDate", "arrear_amount", "balance", "cardstate")
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
    unknown = ("7", "审核通过（待复核）", "已审核（待补交）", "待核实", "挂账", "预销户", "已上交（缺页）")
    assert any(f'"{value}"' in text for value in unknown)
