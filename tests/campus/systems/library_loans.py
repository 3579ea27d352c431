"""The library's reader system: what a reader owes, and cancelling the reader's card."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from tests.campus.facts import LibraryLoans
from tests.campus.signatures import is_same
from tests.campus.state import Fault
from tests.campus.systems.base import Body, Endpoint, read_json_field

_CARD_STATES = {"active": "1", "cancelled": "9"}
_ERROR: Body = {"success": False, "errCode": 50001, "errMsg": "系统繁忙，请稍后再试", "data": None}


def _row(number: str, held: LibraryLoans) -> Body:
    return {
        "readerId": number,
        "books": held.books,
        "debt": held.debt,
        "violations": held.violations,
        "cardState": _CARD_STATES[held.card],
    }


def _found(number: str, *rows: Body) -> Body:
    """Return a good answer; good ones carry either of two codes, as the real system's do."""
    code = 80000 if number[-1] in "02468" else 200
    data = {"readerId": number, "total": len(rows), "searchResult": list(rows)}
    return {"success": True, "errCode": code, "errMsg": "", "data": data}


def _cancelled(
    number: str, card_state: object, code: int = 200, message: str = "", success: bool = True
) -> Body:
    data = {"readerId": number, "cardState": card_state}
    return {"success": success, "errCode": code, "errMsg": message, "data": data}


class _Library(Endpoint):
    system = "library_loans"

    async def is_authorized(self, request: web.Request) -> bool:
        expected = f"Bearer {self.credentials.library_loans_token}"
        return is_same(request.headers.get("Authorization", ""), expected)

    def find(self, number: str) -> LibraryLoans | None:
        held = self.state.find_facts(number, self.system)
        return held if isinstance(held, LibraryLoans) else None


class ReadersQuery(_Library):
    """GET /systems/library_loans/readers?readerId=<number>."""

    method = "GET"
    path = "/systems/library_loans/readers"
    contradiction = ("books", 2)

    async def read_number(self, request: web.Request) -> str | None:
        return request.query.get("readerId") or None

    def answer(self, number: str) -> Body:
        held = self.find(number)
        return _found(number) if held is None else _found(number, _row(number, held))

    def cleared(self, number: str) -> Body:
        return _found(number, _row(number, LibraryLoans()))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        row = _row(number, LibraryLoans())
        return {
            Fault.ERROR_ENVELOPE: _ERROR,
            Fault.NULL_DATA: _found(number) | {"data": None},
            Fault.MISSING_FIELDS: _found(number, {"readerId": number}),
            Fault.TWO_STUDENTS: _found(number, row, row | {"readerId": other}),
            Fault.NAN: _found(number, row | {"books": float("nan"), "debt": "NaN"}),
            Fault.UNKNOWN_VALUE: _found(number, row | {"cardState": "7"}),
            Fault.MISSING_PAGE: _found(number, row) | {"data": _found(number, row)["data"] | {"total": 2}},
        }


class CancelCard(_Library):
    """POST /systems/library_loans/readers/cancel with {"readerId": "<number>"}."""

    method = "POST"
    path = "/systems/library_loans/readers/cancel"
    contradiction = ("cardState", "1")
    is_action = True

    async def read_number(self, request: web.Request) -> str | None:
        return await read_json_field(request, "readerId")

    def answer(self, number: str) -> Body:
        held = self.find(number)
        if held is None:
            return _cancelled(number, None, 40404, "无此读者", success=False)
        if held.card == "cancelled":
            return _cancelled(number, "9", 80001, "读者证已注销")
        if held.refuses_cancel:
            return _cancelled(number, "1", 40310, "该读者证需到总服务台办理", success=False)
        self.state.change_facts(number, self.system, {"card": "cancelled"})
        return self.cleared(number)

    def cleared(self, number: str) -> Body:
        return _cancelled(number, "9")

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        both: list[Any] = [self.cleared(number)["data"], self.cleared(other)["data"]]
        return {
            Fault.ERROR_ENVELOPE: _ERROR,
            Fault.NULL_DATA: self.cleared(number) | {"data": None},
            Fault.MISSING_FIELDS: self.cleared(number) | {"data": {"readerId": number}},
            Fault.TWO_STUDENTS: self.cleared(number) | {"data": both},
            Fault.NAN: _cancelled(number, float("nan")),
            Fault.UNKNOWN_VALUE: _cancelled(number, "7"),
        }
