"""The finance office's system: arrears in 分 as decimal strings."""

from __future__ import annotations

from aiohttp import web

from tests.campus.facts import Finance
from tests.campus.kinds import in_fen
from tests.campus.signatures import is_same
from tests.campus.state import Fault
from tests.campus.systems.base import Body, Endpoint, read_json_field

_OWING: Body = {
    "project_name": "2025学年学费",
    "arrear_amount": "50000",
    "deferred_amount": "0",
    "reduced_amount": "0",
    "loan_amount": "0",
    "status": "欠费",
}


def _row(row: dict[str, str]) -> Body:
    return {
        "project_name": row["project"],
        "arrear_amount": in_fen(row["amount"]),
        "deferred_amount": in_fen(row["deferred"]),
        "reduced_amount": in_fen(row["reduced"]),
        "loan_amount": in_fen(row["loan"]),
        "status": "欠费",
    }


def _ok(data: object) -> Body:
    return {"code": 0, "message": "success", "data": data}


def _arrears(number: str, *rows: Body) -> Body:
    return {"card_number": number, "total": len(rows), "arrears": list(rows)}


class FinanceArrears(Endpoint):
    """POST /systems/finance/arrears with {"card_number": "<number>", "token": "<credential>"}."""

    system = "finance"
    method = "POST"
    path = "/systems/finance/arrears"
    contradiction = ("arrears", [_OWING])

    async def read_number(self, request: web.Request) -> str | None:
        return await read_json_field(request, "card_number")

    async def is_authorized(self, request: web.Request) -> bool:
        return is_same(await read_json_field(request, "token") or "", self.credentials.finance_token)

    def answer(self, number: str) -> Body:
        held = self.state.find_facts(number, self.system)
        rows = held.rows if isinstance(held, Finance) else ()
        return _ok(_arrears(number, *map(_row, rows)))

    def cleared(self, number: str) -> Body:
        return _ok(_arrears(number))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        settled = _OWING | {"arrear_amount": "0"}
        return {
            Fault.ERROR_ENVELOPE: {"code": 50001, "message": "服务不可用", "data": None},
            Fault.NULL_DATA: _ok(None),
            Fault.MISSING_FIELDS: _ok(_arrears(number, {"project_name": _OWING["project_name"]})),
            Fault.TWO_STUDENTS: _ok([_arrears(number), _arrears(other)]),
            Fault.NAN: _ok(_arrears(number, _OWING | {"arrear_amount": "NaN"})),
            Fault.UNKNOWN_VALUE: _ok(_arrears(number, settled | {"status": "挂账"})),
            Fault.MISSING_PAGE: _ok(_arrears(number) | {"total": 1}),
        }
