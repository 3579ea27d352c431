"""The dormitory's system: headers with an HMAC signature."""

from __future__ import annotations

from aiohttp import web

from tests.campus.facts import Dormitory
from tests.campus.signatures import is_fresh, is_same, sign_hmac
from tests.campus.state import Fault
from tests.campus.systems.base import Body, Endpoint


def _record(held: Dormitory) -> Body:
    return {
        "building": held.building,
        "room": held.room,
        "checkoutDate": held.checkout_date,
        "checkoutBy": held.checkout_by,
    }


def _ok(number: str, record: object, resident: bool = True) -> Body:
    return {"status": "OK", "student": number, "resident": resident, "record": record}


class DormitoryCheckout(Endpoint):
    """GET /systems/dormitory/checkout?student=<number>."""

    system = "dormitory"
    method = "GET"
    path = "/systems/dormitory/checkout"
    contradiction = ("checkoutDate", None)

    async def read_number(self, request: web.Request) -> str | None:
        return request.query.get("student") or None

    async def is_authorized(self, request: web.Request) -> bool:
        app_id, timestamp, nonce, signature = (
            request.headers.get(name, "") for name in ("X-App-Id", "X-Timestamp", "X-Nonce", "X-Signature")
        )
        student = request.query.get("student", "")
        expected = sign_hmac(app_id, timestamp, nonce, student, self.credentials.dormitory_secret)
        return (
            app_id == self.credentials.dormitory_app_id
            and is_same(signature, expected)
            and is_fresh(timestamp)
            and bool(nonce)
            and self.state.use_nonce(self.system, nonce)
        )

    def answer(self, number: str) -> Body:
        held = self.state.find_facts(number, self.system)
        if not isinstance(held, Dormitory) or not held.resident:
            return _ok(number, None, resident=False)
        return _ok(number, _record(held))

    def cleared(self, number: str) -> Body:
        return _ok(number, _record(Dormitory()))

    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        record = _record(Dormitory())
        both = [{"student": number, **record}, {"student": other, **record}]
        never_lived_in = _ok(number, None, resident=False)
        return {
            Fault.ERROR_ENVELOPE: never_lived_in | {"status": "ERROR"},
            Fault.NULL_DATA: _ok(number, None),
            Fault.MISSING_FIELDS: _ok(number, {"building": record["building"], "room": record["room"]}),
            Fault.TWO_STUDENTS: _ok(number, both),
            Fault.NAN: _ok(number, record | {"checkoutDate": float("nan")}),
            Fault.UNKNOWN_VALUE: _ok(number, record | {"checkoutDate": "待核实"}),
            Fault.SENTINEL_DAY: _ok(number, record | {"checkoutDate": "9999-12-31"}),
            Fault.FUTURE_DAY: _ok(number, record | {"checkoutDate": "2099-06-10"}),
            Fault.NOTHING_TEXT: _ok(number, record | {"checkoutBy": "未办理"}),
        }
