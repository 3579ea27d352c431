"""Rows behind a cursor: nothing is believed before it is proven that none is missing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.connectors.base import Connector
from app.connectors.http import cursor as cursor_module
from app.domain.clearance import Reading
from tests.campus.client import CampusClient
from tests.fixtures.connectors import connect_all, list_faults
from tests.integration.connectors.stand_in import (
    SECTION,
    STUDENT,
    StandIn,
    ask,
    fault_of,
    hang_up,
    response,
    running_stand_in,
)
from tests.integration.connectors.stand_in import connect as connect_to
from tests.integration.connectors.test_token import EQUIPMENT

OWING = "TS23000003"
CURSOR: dict[str, Any] = {
    "cursor_in": "json",
    "cursor_name": "page.cursor",
    "size_name": "page.limit",
    "size": 2,
    "next": "data.next",
    "row_key": "id",
}
BY_TOTAL = CURSOR | {"total": "data.total"}
BY_END = CURSOR | {"end": "null"}
BY_MARK = CURSOR | {"last": {"data.more": False}}
ALL_THREE = BY_TOTAL | BY_END | BY_MARK
PLAIN: dict[str, Any] = {"cursor_in": "query", "cursor_name": "after", "next": "next"}
MANY: dict[str, Any] = {"rows": "many", "no_record": "empty"}


@pytest.fixture
def campus(campus: CampusClient) -> CampusClient:
    """The test process's campus with its equipment office as at the start."""
    campus.set_equipment_fault()
    return campus


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running_stand_in() as stand_in:
        yield stand_in


def connect(campus: CampusClient, cursor: dict[str, Any]) -> Connector:
    table = {key: value for key, value in EQUIPMENT.items() if key != "complete"}
    return connect_all({"equipment": table | {"base_url": campus.url, "cursor": cursor}})["equipment"]


def read_states(campus: CampusClient, cursor: dict[str, Any], number: str = OWING) -> list[object]:
    answer = ask(connect(campus, cursor), number)
    assert isinstance(answer, Reading), answer
    return [record["state"] for record in answer.records]


def part(*books: int, no: str = STUDENT, **further: Any) -> bytes:
    """One answer, with a row for each number of books."""
    return response(
        json.dumps({"code": 0, "no": no, "rows": [{"books": count} for count in books], **further}).encode()
    )


def fault_with(server: StandIn, cursor: dict[str, Any], *answers: Any, **changes: Any) -> str:
    server.will_answer(*answers)
    return fault_of(connect_to(server.url, **(MANY | changes), cursor=PLAIN | cursor))


@pytest.mark.parametrize("cursor", [BY_TOTAL, BY_END, BY_MARK, ALL_THREE])
def test_the_debt_behind_the_last_cursor_is_seen(campus: CampusClient, cursor: dict[str, Any]) -> None:
    assert read_states(campus, cursor) == ["已归还"] * 4 + ["未归还"]
    assert campus.count_equipment_calls()["loans"] == 3


def test_without_the_walk_the_debt_behind_the_cursor_is_not_seen(campus: CampusClient) -> None:
    """The negative control: the same office, whose makers are said to send all."""
    answer = ask(connect_all({"x": EQUIPMENT | {"base_url": campus.url}})["x"], OWING)
    assert isinstance(answer, Reading)
    assert {record["state"] for record in answer.records} == {"已归还"}


@pytest.mark.parametrize("cursor", [BY_TOTAL, BY_END, BY_MARK, ALL_THREE])
def test_no_row_at_all_is_no_record_where_that_is_configured(
    campus: CampusClient, cursor: dict[str, Any]
) -> None:
    assert read_states(campus, cursor, "TS23000007") == []


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("cursor_repeats", "repeated_page"),
        ("cursor_endless", "too_large"),
        ("cursor_missing", "missing_field"),
        ("last_page_missing", "wrong_count"),
        ("page_of_another", "wrong_student"),
        ("token_refused", "token_refused"),
    ],
)
def test_every_fault_of_the_cursor_makes_the_office_unavailable(
    campus: CampusClient, fault: str, named: str
) -> None:
    campus.set_equipment_fault(fault)
    assert fault_of(connect(campus, ALL_THREE | {"most": 5}), OWING) == named


def test_without_the_total_an_office_that_forgets_its_last_page_is_believed(campus: CampusClient) -> None:
    """The control: what an end mark alone costs in proof."""
    campus.set_equipment_fault("last_page_missing")
    assert read_states(campus, BY_END | BY_MARK) == ["已归还"] * 4


def test_without_the_guard_a_cursor_that_repeats_is_followed_to_the_last(
    campus: CampusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control."""

    class Forgetful(set[str]):
        def __contains__(self, _cursor: object) -> bool:
            return False

    campus.set_equipment_fault("cursor_repeats")
    connector = connect(campus, BY_TOTAL | {"most": 5})
    assert fault_of(connector, OWING) == "repeated_page"
    assert campus.count_equipment_calls()["loans"] == 2
    init = cursor_module.CursorWalk.__init__

    def forget(walk: Any, *arguments: Any) -> None:
        init(walk, *arguments)
        walk._used = Forgetful()

    monkeypatch.setattr(cursor_module.CursorWalk, "__init__", forget)
    assert fault_of(connector, OWING) == "too_large"
    assert campus.count_equipment_calls()["loans"] == 2 + 5


def test_a_token_that_ends_between_two_pages_is_renewed(campus: CampusClient) -> None:
    connector = connect(campus, ALL_THREE)
    campus.set_equipment_fault("token_ends_early")
    answer = ask(connector, OWING)
    assert isinstance(answer, Reading)
    assert campus.count_equipment_calls() == {"token": 2, "loans": 4}


@pytest.mark.parametrize(
    ("cursor", "answers"),
    [
        ({"end": "empty"}, [part(1, next="a"), part(2, next="")]),
        ({"end": "missing"}, [part(1, next="a"), part(2)]),
        ({"end": "null"}, [part(1, next=7), part(next=8), part(2, next=None)]),
        ({"last": {"more": "N"}}, [part(1, next="a", more="Y"), part(2, next="a", more="N")]),
        ({"total": "total"}, [part(1, next="a", total=2), part(2, next="a", total=2)]),
        ({"end": "null", "total": "total"}, [part(1, next="a", total=2), part(2, next=None, total=2)]),
    ],
)
def test_the_end_is_what_the_configuration_names(
    server: StandIn, cursor: dict[str, Any], answers: list[bytes]
) -> None:
    server.will_answer(*answers)
    answer = ask(connect_to(server.url, **MANY, cursor=PLAIN | cursor))
    assert isinstance(answer, Reading), answer
    assert [record["books"] for record in answer.records] == [1, 2]
    asked = [parse_qs(urlsplit(request.split()[1]).query).get("after") for request in server.requests]
    assert asked[:2] == [None, ["7" if len(answers) > 2 else "a"]]


def test_a_total_that_is_reached_before_a_new_cursor_is_tried_by_one_more_answer(server: StandIn) -> None:
    """A total of the rows of one page would be reached on each; a system may hand out a cursor behind its last row."""
    server.will_answer(part(1, next="a", total=1), part(next="b", total=1))
    answer = ask(connect_to(server.url, **MANY, cursor=PLAIN | {"total": "total"}))
    assert isinstance(answer, Reading), answer
    assert [record["books"] for record in answer.records] == [1]
    assert len(server.requests) == 2


def test_without_one_more_answer_a_total_of_one_page_is_believed(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative control: the debt stands behind the cursor."""
    monkeypatch.setattr(cursor_module.CursorWalk, "_leads_on", lambda *_: False)
    server.will_answer(part(0, next="a", total=1), part(800, next=None, total=1))
    answer = ask(connect_to(server.url, **MANY, cursor=PLAIN | {"total": "total"}))
    assert isinstance(answer, Reading)
    assert [record["books"] for record in answer.records] == [0]


def test_the_first_cursor_is_sent_where_there_is_one(server: StandIn) -> None:
    server.will_answer(part(1, next="a"), part(2, next=None))
    cursor = PLAIN | {"end": "null", "first": 0, "cursor_in": "json"}
    answer = ask(connect_to(server.url, **MANY, cursor=cursor, method="POST", number_in="json"))
    assert isinstance(answer, Reading)
    bodies = [json.loads(request.partition("\r\n\r\n")[2]) for request in server.requests]
    assert [body["after"] for body in bodies] == [0, "a"]


@pytest.mark.parametrize(
    ("cursor", "answers", "fault"),
    [
        ({"end": "null"}, [part(1)], "missing_field"),
        ({"end": "null"}, [part(1, next="")], "wrong_type"),
        ({"end": "empty"}, [part(1, next=None)], "wrong_type"),
        ({"end": "missing"}, [part(1, next=None)], "wrong_type"),
        ({"end": "missing"}, [part(1, next="a", Next="b")], "duplicate_key"),
        ({"total": "n"}, [part(1, n=1, next="a", Next="b")], "duplicate_key"),
        ({"end": "null"}, [part(1, next=False)], "wrong_type"),
        ({"end": "null"}, [part(1, next=["a"])], "wrong_type"),
        ({"end": "null"}, [part(1, next="a\nb")], "wrong_type"),
        ({"end": "null"}, [part(1, next="x" * 3000)], "wrong_type"),
        ({"end": "null"}, [part(1, next="a"), part(2, next="b"), part(3, next="a")], "repeated_page"),
        ({"end": "null", "first": "a"}, [part(1, next="a")], "repeated_page"),
        ({"end": "null"}, [part(1, next="a"), part(1, next=None)], "repeated_page"),
        ({"end": "null"}, [part(1, next="a"), part(2, next=None, no="TS23000009")], "wrong_student"),
        ({"end": "null"}, [part(1, next="a"), hang_up, hang_up], "disconnected"),
        ({"end": "null"}, [part(1, next="a"), part(next=None, rows=None)], "no_rows"),
        ({"last": {"more": False}}, [part(1, next="a")], "missing_field"),
        ({"last": {"more": False}}, [part(1, next=None, more=True)], "wrong_type"),
        ({"last": {"more": False}, "end": "null"}, [part(1, next="a", more=False)], "contradiction"),
        ({"last": {"more": False}, "end": "null"}, [part(1, next=None, more=True)], "contradiction"),
        ({"total": "total"}, [part(1, next=None, total=2)], "wrong_type"),
        ({"total": "total"}, [part(1, next="a", total=3), part(2, next="b", total=2)], "wrong_count"),
        ({"total": "total"}, [part(1, 2, next="a", total=1)], "wrong_count"),
        ({"total": "total"}, [part(1, next="a", total=1), part(2, next=None, total=1)], "wrong_count"),
        ({"total": "total"}, [part(1, next="a", total="2")], "wrong_count"),
        ({"total": "total", "end": "null"}, [part(1, next=None, total=2)], "wrong_count"),
        ({"end": "null", "most": 2}, [part(1, next="a"), part(2, next="b")], "too_large"),
    ],
)
def test_an_answer_that_does_not_lead_on_as_configured_is_not_believed(
    server: StandIn, cursor: dict[str, Any], answers: list[Any], fault: str
) -> None:
    assert fault_with(server, cursor, *answers) == fault


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"no_record": "null"}, part(next="a", rows=None)),
        ({"no_record": "marked", "no_record_mark": {"none": True}}, part(next="a", none=True)),
    ],
)
def test_no_record_with_more_behind_it_contradicts_itself(
    server: StandIn, changes: dict[str, Any], first: bytes
) -> None:
    answers = (first, part(800, next=None, none=False))
    assert fault_with(server, {"end": "null"}, *answers, **changes) == "contradiction"


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"cursor": PLAIN}, "cursor.end"),
        ({"cursor": PLAIN | {"end": "short_page"}}, "cursor.end"),
        ({"cursor": PLAIN | {"end": "null", "cursor_in": "header"}}, "cursor.cursor_in"),
        ({"cursor": PLAIN | {"end": "null", "cursor_in": "form"}}, "cursor.cursor_in"),
        ({"cursor": PLAIN | {"end": "null", "cursor_name": "no"}}, "cursor.cursor_name"),
        ({"cursor": PLAIN | {"end": "null", "size": 2}}, "cursor.size"),
        ({"cursor": PLAIN | {"end": "null", "size_name": "n"}}, "cursor.size"),
        ({"cursor": PLAIN | {"last": {}}}, "cursor.last"),
        ({"cursor": PLAIN | {"end": "null", "next": "a..b"}}, "cursor.next"),
        ({"cursor": PLAIN | {"end": "null"}, "count": "total"}, "count"),
        ({"cursor": PLAIN | {"end": "null"}, "rows": "one"}, "cursor"),
        ({"cursor": PLAIN | {"end": "null", "most": 1}}, "cursor.most"),
    ],
)
def test_a_cursor_that_cannot_work_is_told_at_start(changes: dict[str, Any], named: str) -> None:
    faults = list_faults(x=SECTION | {"base_url": "http://localhost:1", "rows": "many"} | changes)
    assert any(fault.startswith(f"connectors.x.{named} ") for fault in faults), faults
