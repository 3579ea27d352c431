"""The library's thesis system."""

from __future__ import annotations

from aiohttp import web

from tests.campus.facts import LibraryThesis
from tests.campus.signatures import is_same
from tests.campus.state import Fault
from tests.campus.systems.base import Body, Endpoint

_UNKNOWN = LibraryThesis(state="未提交", submitted_on=None)


def _thesis(number: str, held: LibraryThesis) -> Body:
    submitted_on = None if held.state == "未提交" else held.submitted_on
    return {"student_no": number, "state": held.state, "submitted_on": submitted_on}


def _ok(data: object) -> Body:
    return {"code": 0, "msg": "ok", "data": data}


class ThesisQuery(Endpoint):
    """GET /systems/library_thesis/v2/students/<number>/thesis."""

    system = "library_thesis"
    method = "GET"
    path = "/systems/library_thesis/v2/students/{number}/thesis"
    contradiction = ("state", "退回修改")

    async def read_number(self, request: web.Request) -> str | None:
        return request.match_info["number"] or None

    async def is_authorized(self, request: web.Request) -> bool:
        return is_same(request.headers.get("X-Api-Key", ""), self.credentials.library_thesis_key)

    def answer(self, number: str) -> Body:
        held = self.state.find_facts(number, self.system)
        return _ok(_thesis(number, held if isinstance(held, LibraryThesis) else _UNKNOWN))

    def cleared(self, number: str) -> Body:
        return _ok(_thesis(number, LibraryThesis()))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        thesis = _thesis(number, LibraryThesis())
        return {
            Fault.ERROR_ENVELOPE: {"code": 50001, "msg": "服务繁忙", "data": None},
            Fault.NULL_DATA: _ok(None),
            Fault.MISSING_FIELDS: _ok({"student_no": number}),
            Fault.TWO_STUDENTS: _ok([thesis, thesis | {"student_no": other}]),
            Fault.NAN: _ok(thesis | {"submitted_on": float("nan")}),
            Fault.UNKNOWN_VALUE: _ok(thesis | {"state": "审核通过（待复核）"}),
            Fault.FUTURE_DAY: _ok(thesis | {"submitted_on": "2099-06-01"}),
            Fault.NOTHING_TEXT: _ok(thesis | {"state": "暂无"}),
        }
