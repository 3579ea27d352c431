"""The equipment office 设备处: instruments on loan, behind a token, a tenant's header, a nested body and a cursor.

It stands beside the departments of the demo and has a control address of its own: `PUT /control/equipment` with
`{"fault": name}` brings back all but the tokens to the start, `GET /control/equipment` tells what was called how often.
"""

from __future__ import annotations

import asyncio
import base64
import itertools
from collections import Counter
from enum import StrEnum
from typing import Any, NoReturn

from aiohttp import web

SECRET = "demo-equipment-secret"
APP_ID = "lixiao-equipment"
TENANT = "graduate"
PAGE_ROWS = 2
Row = dict[str, Any]


class EquipmentFault(StrEnum):
    """How the office misbehaves."""

    NONE = "none"
    TOKEN_REFUSED = "token_refused"
    TOKEN_HANGS = "token_hangs"
    TOKEN_HTTP_500 = "token_http_500"
    TOKEN_MISSING = "token_missing"
    TOKEN_LIFE_MISSING = "token_life_missing"
    # The next question's token is told to be over: by 401, or inside an answer with 200.
    TOKEN_ENDS_EARLY = "token_ends_early"
    TOKEN_ENDS_IN_ANSWER = "token_ends_in_answer"
    TOKEN_NEVER_ACCEPTED = "token_never_accepted"
    TOKENS_FORGOTTEN = "tokens_forgotten"
    # What was asked for is done, and then said not to be allowed.
    DONE_AND_401 = "done_and_401"
    CURSOR_REPEATS = "cursor_repeats"
    CURSOR_ENDLESS = "cursor_endless"
    CURSOR_MISSING = "cursor_missing"
    LAST_PAGE_MISSING = "last_page_missing"
    PAGE_OF_ANOTHER = "page_of_another"


def _make_rows(states: str) -> list[Row]:
    words = {"1": "已归还", "0": "未归还"}
    return [
        {"id": f"D{place}", "name": f"示波器{place}", "state": words[state]}
        for place, state in enumerate(states)
    ]


LOANS = {"TS23000002": "111", "TS23000003": "11110", "TS23000007": ""}
"""The demo students' instruments, returned or not, in the order in which they are told."""


class EquipmentOffice:
    """The office's memory and its answers."""

    def __init__(self) -> None:
        self._tokens: set[str] = set()
        self._numbers = itertools.count(1)
        self.restart(EquipmentFault.NONE)

    def restart(self, fault: EquipmentFault) -> None:
        """Back to the start but for the tokens, with a fault."""
        self.fault = fault
        self.loans = {number: _make_rows(states) for number, states in LOANS.items()}
        self.calls: Counter[str] = Counter()
        if fault is EquipmentFault.TOKENS_FORGOTTEN:
            self._tokens.clear()

    async def give_token(self, request: web.Request) -> web.Response:
        """POST /systems/equipment/oauth/token: HTTP Basic, grant_type in a form."""
        self.calls["token"] += 1
        match self.fault:
            case EquipmentFault.TOKEN_HANGS:
                await _hang()
            case EquipmentFault.TOKEN_HTTP_500:
                return web.json_response({"code": 500}, status=500)
        form = await request.post()
        pair = base64.b64encode(f"{APP_ID}:{SECRET}".encode()).decode()
        is_known = request.headers.get("Authorization") == f"Basic {pair}"
        if self.fault is EquipmentFault.TOKEN_REFUSED or not is_known:
            return web.json_response({"code": 40001, "message": "invalid client"}, status=401)
        if form.get("grant_type") != "client_credentials":
            return web.json_response({"code": 40002, "message": "unsupported grant"}, status=400)
        token = f"token-{next(self._numbers)}"
        self._tokens.add(token)
        data = {"access_token": token, "expires_in": 7200}
        if self.fault is EquipmentFault.TOKEN_MISSING:
            del data["access_token"]
        if self.fault is EquipmentFault.TOKEN_LIFE_MISSING:
            del data["expires_in"]
        return web.json_response({"code": 0, "data": data})

    async def list_loans(self, request: web.Request) -> web.Response:
        """POST /systems/equipment/api/loans: `{"data": {"filter": {"xh": …}}, "page": {"cursor": …}}`."""
        self.calls["loans"] += 1
        if refused := self._refuse(request):
            return refused
        body = await request.json()
        number = body["data"]["filter"]["xh"]
        return web.json_response(self._make_page(number, body.get("page", {}).get("cursor")))

    async def return_all(self, request: web.Request) -> web.Response:
        """POST /systems/equipment/api/return: everything is back."""
        self.calls["return"] += 1
        if refused := self._refuse(request):
            return refused
        number = (await request.json())["data"]["xh"]
        self.calls["done"] += 1
        for row in self.loans.get(number, []):
            row["state"] = "已归还"
        if self.fault is EquipmentFault.DONE_AND_401:
            return web.json_response({"code": 40101}, status=401)
        return web.json_response({"code": 0, "data": {"xh": number, "returned": True}})

    def _refuse(self, request: web.Request) -> web.Response | None:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if request.headers.get("X-Tenant") != TENANT:
            return web.json_response({"code": 40301, "message": "no tenant"}, status=403)
        if self.fault in (EquipmentFault.TOKEN_ENDS_EARLY, EquipmentFault.TOKEN_ENDS_IN_ANSWER):
            in_answer = self.fault is EquipmentFault.TOKEN_ENDS_IN_ANSWER
            self.fault = EquipmentFault.NONE
            self._tokens.clear()
            return web.json_response({"code": 42001}, status=200 if in_answer else 401)
        if token not in self._tokens or self.fault is EquipmentFault.TOKEN_NEVER_ACCEPTED:
            return web.json_response({"code": 40101, "message": "token expired"}, status=401)
        return None

    def _make_page(self, number: str, cursor: str | None) -> dict[str, Any]:
        rows, start = self.loans.get(number, []), int((cursor or "c0")[1:])
        page, next_start = rows[start : start + PAGE_ROWS], start + PAGE_ROWS
        following: str | None = f"c{next_start}" if next_start < len(rows) else None
        match self.fault:
            case EquipmentFault.CURSOR_REPEATS if start:
                page, following = [], cursor
            case EquipmentFault.CURSOR_ENDLESS:
                page, following = [], f"c{next_start}"
            case EquipmentFault.LAST_PAGE_MISSING if following and next_start + PAGE_ROWS >= len(rows):
                following = None
            case EquipmentFault.PAGE_OF_ANOTHER if start:
                number = "TS23000009"
        data = {
            "xh": number,
            "total": len(rows),
            "next": following,
            "more": following is not None,
            "items": page,
        }
        if self.fault is EquipmentFault.CURSOR_MISSING and following is None:
            del data["next"], data["more"]
        return {"code": 0, "data": data}

    async def show(self, _request: web.Request) -> web.Response:
        """GET /control/equipment."""
        return web.json_response({"fault": self.fault, "calls": self.calls})

    async def change(self, request: web.Request) -> web.Response:
        """PUT /control/equipment."""
        self.restart(EquipmentFault((await request.json())["fault"]))
        return web.json_response({"fault": self.fault})


async def _hang() -> NoReturn:
    await asyncio.Event().wait()
    raise asyncio.CancelledError


def add_equipment_routes(app: web.Application) -> None:
    """Add the office's addresses to the application."""
    office = EquipmentOffice()
    app.router.add_post("/systems/equipment/oauth/token", office.give_token)
    app.router.add_post("/systems/equipment/api/loans", office.list_loans)
    app.router.add_post("/systems/equipment/api/return", office.return_all)
    app.router.add_get("/control/equipment", office.show)
    app.router.add_put("/control/equipment", office.change)
