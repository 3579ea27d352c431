"""The archive's system: a form with an MD5 signature."""

from __future__ import annotations

from aiohttp import web

from tests.campus.facts import Archive
from tests.campus.signatures import is_fresh, is_same, sign_md5
from tests.campus.state import Fault
from tests.campus.systems.base import Body, Endpoint, read_form

_UNKNOWN = Archive(state="", reviewed_on=None)


def _row(number: str, held: Archive) -> Body:
    reviewed_on = held.reviewed_on if held.state else None
    return {"xh": number, "lwzt": held.state, "shrq": reviewed_on or ""}


def _ok(number: str, *rows: Body) -> Body:
    return {"errno": 0, "errmsg": "", "entities": list(rows), "xh": number}


class ArchiveQuery(Endpoint):
    """POST /systems/archive/query with xh, appid, timestamp, nonce and sign."""

    system = "archive"
    method = "POST"
    path = "/systems/archive/query"
    contradiction = ("lwzt", "")

    async def read_number(self, request: web.Request) -> str | None:
        return (await read_form(request)).get("xh") or None

    async def is_authorized(self, request: web.Request) -> bool:
        fields = await read_form(request)
        sign = fields.pop("sign", "")
        return (
            fields.get("appid") == self.credentials.archive_app_id
            and is_same(sign, sign_md5(fields, self.credentials.archive_secret))
            and is_fresh(fields.get("timestamp", ""))
            and bool(fields.get("nonce"))
            and self.state.use_nonce(self.system, fields["nonce"])
        )

    def answer(self, number: str) -> Body:
        held = self.state.find_facts(number, self.system)
        return _ok(number, _row(number, held if isinstance(held, Archive) else _UNKNOWN))

    def cleared(self, number: str) -> Body:
        return _ok(number, _row(number, Archive()))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        row = _row(number, Archive())
        return {
            Fault.ERROR_ENVELOPE: {
                "errno": 50001,
                "errmsg": "系统维护中",
                "entities": None,
                "xh": number,
            },
            Fault.NULL_DATA: _ok(number) | {"entities": None},
            Fault.MISSING_FIELDS: _ok(number, {"xh": number}),
            Fault.TWO_STUDENTS: _ok(number, row, row | {"xh": other}),
            Fault.NAN: _ok(number, row | {"shrq": float("nan")}),
            Fault.UNKNOWN_VALUE: _ok(number, row | {"lwzt": "已审核（待补交）"}),
            Fault.FUTURE_DAY: _ok(number, row | {"shrq": "2099-06-05"}),
            Fault.NOTHING_TEXT: _ok(number, row | {"lwzt": "-"}),
        }
