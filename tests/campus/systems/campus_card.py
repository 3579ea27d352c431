"""The campus card centre's system: the balance in 分 as a number, the account's status in words."""

from __future__ import annotations

from aiohttp import web

from tests.campus.facts import CampusCard
from tests.campus.kinds import in_fen
from tests.campus.signatures import is_same
from tests.campus.state import Fault
from tests.campus.systems.base import Body, Endpoint


def _account(number: str, held: CampusCard) -> Body:
    return {"sno": number, "balance": int(in_fen(held.balance)), "cardstate": held.status}


def _ok(number: str, account: object) -> Body:
    return {"retcode": "0", "retmsg": "成功", "sno": number, "account": account}


class CampusCardAccount(Endpoint):
    """GET /systems/campus_card/openapi/account?sno=<number>&accesskey=<credential>."""

    system = "campus_card"
    method = "GET"
    path = "/systems/campus_card/openapi/account"
    contradiction = ("balance", 2340)

    async def read_number(self, request: web.Request) -> str | None:
        return request.query.get("sno") or None

    async def is_authorized(self, request: web.Request) -> bool:
        return is_same(request.query.get("accesskey", ""), self.credentials.campus_card_key)

    def answer(self, number: str) -> Body:
        held = self.state.find_facts(number, self.system)
        return _ok(number, _account(number, held) if isinstance(held, CampusCard) else None)

    def cleared(self, number: str) -> Body:
        return _ok(number, _account(number, CampusCard()))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        account = _account(number, CampusCard())
        return {
            Fault.ERROR_ENVELOPE: _ok(number, None) | {"retcode": "50001", "retmsg": "系统繁忙"},
            Fault.NULL_DATA: _ok(number, None),
            Fault.MISSING_FIELDS: _ok(number, {"sno": number}),
            Fault.TWO_STUDENTS: _ok(number, [account, account | {"sno": other}]),
            Fault.NAN: _ok(number, account | {"balance": float("nan")}),
            Fault.UNKNOWN_VALUE: _ok(number, account | {"cardstate": "预销户"}),
        }
