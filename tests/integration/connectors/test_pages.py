"""Rows that come in pages: nothing is believed before it is proven that no page is missing."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.domain.clearance import Reading
from tests.fixtures.connectors import list_faults
from tests.integration.connectors.stand_in import (
    SECTION,
    STUDENT,
    StandIn,
    ask,
    connect,
    fault_of,
    hang,
    hang_up,
    response,
    running_stand_in,
)

BY_TOTAL = {"number_in": "query", "number_name": "page", "size_name": "size", "size": 2, "total": "total"}
BY_END = {"number_in": "query", "number_name": "page", "end": "empty_page", "echo": "page"}
BY_ROWS = {
    "number_in": "query",
    "number_name": "start",
    "counts": "rows",
    "first": 0,
    "size_name": "limit",
    "size": 2,
    "total": "total",
}
WITHOUT_SIZE = {key: value for key, value in BY_ROWS.items() if not key.startswith("size")}
BY_MARK = {"number_in": "query", "number_name": "page", "last": {"more": False}, "echo": "page"}
MANY: dict[str, Any] = {"rows": "many", "no_record": "empty"}


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running_stand_in() as stand_in:
        yield stand_in


def page(
    *books: int, total: int | None = 3, number: int = 1, no: str = STUDENT, code: int = 0, more: object = None
) -> bytes:
    """One page of an answer, with a row for each number of books."""
    rows = [{"books": count, "row": f"{number}-{place}"} for place, count in enumerate(books)]
    return response(
        json.dumps(
            {"code": code, "no": no, "rows": rows, "total": total, "page": number, "more": more}
        ).encode()
    )


def read_books(server: StandIn, pages: dict[str, Any]) -> list[object]:
    answer = ask(connect(server.url, **MANY, pages=pages))
    assert isinstance(answer, Reading), answer
    return [record["books"] for record in answer.records]


def fault_with(server: StandIn, pages: dict[str, Any], *answers: Any, **changes: Any) -> str:
    server.will_answer(*answers)
    return fault_of(connect(server.url, **(MANY | changes), pages=pages))


def list_asked(server: StandIn, name: str = "page") -> list[str]:
    return [parse_qs(urlsplit(request.split()[1]).query)[name][0] for request in server.requests]


def test_pages_are_asked_for_until_the_total_is_reached(server: StandIn) -> None:
    server.will_answer(page(1, 2), page(800, number=2))
    assert read_books(server, BY_TOTAL) == [1, 2, 800]
    assert list_asked(server) == ["1", "2"]
    assert list_asked(server, "size") == ["2", "2"]


def test_pages_are_asked_for_until_one_is_empty_however_short_they_are(server: StandIn) -> None:
    """A system that caps its pages at one row shows the debt on the second one."""
    server.will_answer(page(0), page(800, number=2), page(number=3), page(number=4))
    assert read_books(server, BY_END) == [0, 800]
    assert list_asked(server) == ["1", "2", "3", "4"]


def test_pages_may_be_asked_for_by_the_rows_before_them(server: StandIn) -> None:
    """A page that the system caps moves the next one's start by the rows that came."""
    server.will_answer(page(1, 2, total=4), page(3, total=4), page(800, total=4))
    assert read_books(server, BY_ROWS) == [1, 2, 3, 800]
    assert list_asked(server, "start") == ["0", "2", "3"]
    assert list_asked(server, "limit") == ["2"] * 3


def test_rows_that_are_counted_from_the_wrong_one_are_missed_by_the_total(server: StandIn) -> None:
    """The first row is passed over: what the total is for."""
    server.will_answer(page(2, 3, total=3), page(total=3))
    assert fault_of(connect(server.url, **MANY, pages=BY_ROWS | {"first": 1})) == "wrong_count"


def test_a_gap_moves_the_start_by_a_page(server: StandIn) -> None:
    by_end = {key: value for key, value in BY_ROWS.items() if key != "total"} | {
        "end": "empty_page",
        "echo": "page",
    }
    server.will_answer(page(1, 2, number=0), page(number=2), page(number=4))
    assert read_books(server, by_end) == [1, 2]
    assert list_asked(server, "start") == ["0", "2", "4"]


def test_pages_are_asked_for_until_one_says_to_be_the_last(server: StandIn) -> None:
    server.will_answer(page(1, 2, more=True), page(number=2, more=True), page(800, number=3, more=False))
    assert read_books(server, BY_MARK) == [1, 2, 800]


@pytest.mark.parametrize(
    ("changes", "answers", "fault"),
    [
        ({}, [page(1, more=True), page(2, number=1, more=False)], "wrong_count"),
        (
            {},
            [response(b'{"code": 0, "no": "%s", "rows": [], "page": 1}' % STUDENT.encode())],
            "missing_field",
        ),
        ({"most": 2}, [page(1, more="?"), page(2, number=2, more="?")], "too_large"),
        ({"total": "total"}, [page(1, more=False)], "wrong_count"),
        ({}, [page(1, more=True), page(1, number=2, more=False)], "repeated_page"),
    ],
)
def test_a_last_page_that_is_not_proven_to_be_one_is_not_believed(
    server: StandIn, changes: dict[str, Any], answers: list[bytes], fault: str
) -> None:
    assert fault_with(server, BY_MARK | changes, *answers) == fault


def test_without_the_total_a_page_that_says_to_be_the_last_is_believed(server: StandIn) -> None:
    """The control: what the mark alone costs in proof."""
    server.will_answer(page(1, total=3, more=False))
    assert read_books(server, BY_MARK) == [1]


def test_without_the_walk_the_debt_on_the_second_page_is_not_seen(server: StandIn) -> None:
    """The negative control: the same server, whose makers are said to send all."""
    server.will_answer(page(0), page(800, number=2), page(number=3))
    answer = ask(connect(server.url, **MANY, complete="the system sends all"))
    assert isinstance(answer, Reading)
    assert answer.records == ({"books": 0},)


def test_no_row_on_the_first_page_is_no_record_where_that_is_configured(server: StandIn) -> None:
    server.will_answer(page(total=0))
    assert read_books(server, BY_TOTAL) == []
    server.will_answer(page(total=None), page(total=None, number=2))
    assert read_books(server, BY_END) == []
    assert fault_with(server, BY_TOTAL, page(total=0), no_record="never") == "no_rows"


@pytest.mark.parametrize(
    ("answers", "fault"),
    [
        ([page(total=3)], "wrong_count"),
        ([page(1, 2), page(number=2)], "wrong_count"),
        ([page(1, 2), page(3, total=4, number=2)], "wrong_count"),
        ([page(1, 2, total=1)], "wrong_count"),
        ([page(1, 2, total=None)], "wrong_count"),
        ([page(1, 2, total=4), page(1, 2, total=4)], "repeated_page"),
        ([page(1, 2), page(3, number=2, no="TS23000009")], "wrong_student"),
        ([page(1, 2), page(3, number=2, code=1)], "no_success"),
        ([page(1, 2), response(b"{}")], "no_success"),
        ([page(1, 2), response(status="503 Busy")], "server_error"),
        ([page(1, 2), hang_up, hang_up], "disconnected"),
    ],
)
def test_a_page_that_is_not_the_next_one_makes_the_system_unavailable(
    server: StandIn, answers: list[Any], fault: str
) -> None:
    assert fault_with(server, BY_TOTAL, *answers) == fault


def test_an_empty_page_ends_the_walk_only_if_it_says_which_one_it_is(server: StandIn) -> None:
    assert fault_with(server, BY_END, page(0), page(number=1)) == "wrong_count"
    assert fault_with(server, BY_END, page(0), page(number=3)) == "wrong_count"


@pytest.mark.parametrize(
    "answers",
    [
        [page(1, 2, total=4), page(2, 3, total=4, number=2)],
        [page(1, 2, total=4), page(2, 1, total=4, number=2)],
        [page(1, 2, total=6), page(3, 4, total=6, number=2), page(1, 2, total=6, number=3)],
        [page(1, 1, total=2)],
    ],
    ids=["overlapping", "permuted", "not next to each other", "on one page"],
)
def test_a_row_that_comes_twice_proves_that_another_may_be_missing(
    server: StandIn, answers: list[bytes]
) -> None:
    """The total is reached each time, and a running number of the rows, as `row` here, hides what came twice."""
    assert fault_with(server, BY_TOTAL, *answers) == "repeated_page"


def test_pages_that_overlap_are_found_where_an_empty_page_ends_the_walk_too(server: StandIn) -> None:
    assert fault_with(server, BY_END, page(1, 2), page(2, 3, number=2)) == "repeated_page"


def test_with_a_key_of_their_own_equal_rows_are_two_and_one_key_is_one_row(server: StandIn) -> None:
    """The control of the guard: told apart by their keys, the rows of overlapping pages would all be believed."""
    keyed = BY_TOTAL | {"row_key": "row"}
    server.will_answer(page(1, 1), page(800, number=2))
    assert read_books(server, keyed) == [1, 1, 800]
    server.will_answer(page(1, 2, total=4), page(2, 1, total=4, number=2))
    assert read_books(server, keyed) == [1, 2, 2, 1]
    assert fault_with(server, keyed, page(1, 2, total=4), page(3, 4, total=4)) == "repeated_page"


@pytest.mark.parametrize(("key", "fault"), [("missing", "missing_field"), ("nothing", "wrong_type")])
def test_a_row_without_its_key_is_not_believed(server: StandIn, key: str, fault: str) -> None:
    body = {"code": 0, "no": STUDENT, "total": 1, "rows": [{"books": 1, "nothing": None}]}
    answer = response(json.dumps(body).encode())
    assert fault_with(server, BY_TOTAL | {"row_key": key}, answer) == fault


@pytest.mark.parametrize("before", [[], [1, 2]])
def test_a_page_without_rows_is_the_end_only_if_none_come_behind_it(
    server: StandIn, before: list[int]
) -> None:
    """A page may be empty because its rows were filtered away."""
    first = [page(*before)] if before else []
    gap = len(first) + 1
    answers = [*first, page(number=gap), page(800, number=gap + 1)]
    assert fault_with(server, BY_END, *answers) == "contradiction"


def test_a_page_is_asked_for_once_more_when_the_connection_fails(server: StandIn) -> None:
    server.will_answer(page(1, 2), hang_up, page(800, number=2))
    assert read_books(server, BY_TOTAL) == [1, 2, 800]


def test_all_pages_have_the_one_deadline(server: StandIn) -> None:
    server.will_answer(page(1, 2), hang)
    started = time.monotonic()
    assert fault_of(connect(server.url, **MANY, pages=BY_TOTAL, deadline_seconds=0.6)) == "timeout"
    assert time.monotonic() - started < 5


def test_a_walk_without_an_end_is_broken_off(server: StandIn) -> None:
    endless = [page(number, number=number) for number in range(1, 9)]
    assert fault_with(server, BY_END | {"most": 4}, *endless) == "too_large"
    assert len(server.requests) == 4


def test_a_page_may_be_asked_for_in_the_body_and_counted_from_zero(server: StandIn) -> None:
    server.will_answer(page(1, 2, number=0), page(5, number=1))
    pages = BY_TOTAL | {"number_in": "json", "first": 0, "echo": "page"}
    answer = ask(connect(server.url, **MANY, method="POST", number_in="json", pages=pages))
    assert isinstance(answer, Reading)
    bodies = [json.loads(request.partition("\r\n\r\n")[2]) for request in server.requests]
    assert bodies == [{"page": number, "size": 2, "no": STUDENT} for number in (0, 1)]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"rows": "many"}, "rows"),
        ({"rows": "many", "complete": True}, "complete"),
        ({"rows": "many", "complete": "probably"}, "complete"),
        ({"rows": "one", "complete": "the system sends all"}, "complete"),
        ({"rows": "one", "pages": BY_TOTAL}, "pages"),
        ({"rows": "many", "count": "total", "pages": BY_TOTAL}, "count"),
        ({"rows": "many", "pages": {"number_in": "query", "number_name": "page"}}, "pages.total"),
        ({"rows": "many", "pages": BY_TOTAL | {"end": "empty_page"}}, "pages.total"),
        ({"rows": "many", "pages": {**BY_END, "echo": ""}}, "pages.echo"),
        ({"rows": "many", "pages": BY_END | {"end": "short_page"}}, "pages.end"),
        ({"rows": "many", "pages": BY_TOTAL | {"number_in": "form"}}, "pages.number_in"),
        ({"rows": "many", "pages": BY_TOTAL | {"number_in": "path"}}, "pages.number_in"),
        ({"rows": "many", "pages": BY_TOTAL | {"most": 1}}, "pages.most"),
        ({"rows": "many", "pages": BY_END | {"most": 2}}, "pages.most"),
        ({"rows": "many", "pages": BY_TOTAL | {"row_key": "a..b"}}, "pages.row_key"),
        ({"rows": "many", "pages": BY_TOTAL | {"counts": "rows"}}, "pages.first"),
        ({"rows": "many", "pages": WITHOUT_SIZE}, "pages.size"),
        ({"rows": "many", "pages": {**BY_MARK, "echo": ""}}, "pages.echo"),
        ({"rows": "many", "pages": BY_MARK | {"end": "empty_page"}}, "pages.total"),
        ({"rows": "many", "pages": BY_MARK | {"number_name": "no"}}, "pages.number_name"),
        ({"rows": "many", "pages": BY_TOTAL | {"typo": 1}}, "pages.typo"),
        ({"fresh_for_minutes": 5}, "fresh_for_minutes"),
        ({"as_of": "at"}, "fresh_for_minutes"),
    ],
)
def test_rows_that_may_be_many_need_a_proof_that_none_is_missing(changes: dict[str, Any], named: str) -> None:
    faults = list_faults(x=SECTION | {"base_url": "http://localhost:1"} | changes)
    assert any(fault.startswith(f"connectors.x.{named} ") for fault in faults), faults
