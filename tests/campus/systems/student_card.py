"""The registrar's system of student IDs: a form, and rows with their facts one level down."""

from __future__ import annotations

from aiohttp import web

from tests.campus.facts import StudentCard
from tests.campus.signatures import is_same
from tests.campus.state import Fault
from tests.campus.systems.base import Body, Endpoint, read_form


def _row(number: str, held: StudentCard) -> Body:
    handed_in_on = None if held.state == "未上交" else held.handed_in_on
    return {
        "type": "student-card",
        "id": number,
        "attributes": {"state": held.state, "handed_in_on": handed_in_on},
    }


def _ok(number: str, *rows: Body) -> Body:
    return {"meta": {"result": "ok", "query": number, "total": len(rows)}, "data": list(rows)}


class StudentCardQuery(Endpoint):
    """POST /systems/student_card/cards with the form field student_id."""

    system = "student_card"
    method = "POST"
    path = "/systems/student_card/cards"
    contradiction = ("state", "未上交")

    async def read_number(self, request: web.Request) -> str | None:
        return (await read_form(request)).get("student_id") or None

    async def is_authorized(self, request: web.Request) -> bool:
        return is_same(request.headers.get("X-Service-Token", ""), self.credentials.student_card_token)

    def answer(self, number: str) -> Body:
        held = self.state.find_facts(number, self.system)
        return _ok(number, _row(number, held)) if isinstance(held, StudentCard) else _ok(number)

    def cleared(self, number: str) -> Body:
        return _ok(number, _row(number, StudentCard()))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        row = _row(number, StudentCard())
        good = row["attributes"]
        error = {"result": "error", "query": number, "total": 0}
        return {
            Fault.ERROR_ENVELOPE: {"meta": error, "data": []},
            Fault.NULL_DATA: _ok(number) | {"data": None},
            Fault.MISSING_FIELDS: _ok(number, row | {"attributes": {}}),
            Fault.TWO_STUDENTS: _ok(number, row, row | {"id": other}),
            Fault.NAN: _ok(number, row | {"attributes": good | {"handed_in_on": float("nan")}}),
            Fault.UNKNOWN_VALUE: _ok(number, row | {"attributes": good | {"state": "已上交（缺页）"}}),
        }
