"""The control addresses: what the departments hold, how they misbehave, and which calls they received."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tests.campus.facts import FactsRefusedError, as_json
from tests.campus.state import Behaviour, Fault, State, UnknownNameError, list_faults

MAX_DELAY_MS = 60_000
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class RequestRefusedError(ValueError):
    """A control request that cannot be followed; the message says what is wrong with it."""


@web.middleware
async def name_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn what is wrong with a control request into a JSON error that names it."""
    try:
        return await handler(request)
    except UnknownNameError as error:
        return web.json_response({"error": str(error)}, status=404)
    except (FactsRefusedError, RequestRefusedError) as error:
        return web.json_response({"error": str(error)}, status=400)


def add_control_routes(app: web.Application, state: State) -> None:
    """Add the control addresses to the application."""
    control = Control(state)
    app.router.add_get("/control/students/{number}/{system}", control.show_facts)
    app.router.add_put("/control/students/{number}/{system}", control.change_facts)
    app.router.add_get("/control/systems/{system}", control.show_behaviour)
    app.router.add_put("/control/systems/{system}", control.change_behaviour)
    app.router.add_get("/control/calls", control.list_calls)
    app.router.add_post("/control/reset", control.reset)
    for prefix in ("/control", "/systems"):
        app.router.add_route("*", prefix + "/{rest:.*}", _refuse_address)


async def _refuse_address(request: web.Request) -> web.StreamResponse:
    raise UnknownNameError(f"no such address: {request.method} {request.path}")


class Control:
    """The handlers of the control addresses."""

    def __init__(self, state: State) -> None:
        self.state = state

    async def show_facts(self, request: web.Request) -> web.Response:
        """Answer what a system holds about a student."""
        info = request.match_info
        return web.json_response(as_json(self.state.get_facts(info["number"], info["system"])))

    async def change_facts(self, request: web.Request) -> web.Response:
        """Merge the given facts into what a system holds, and answer all of it."""
        info = request.match_info
        changes = await _read_object(request)
        return web.json_response(as_json(self.state.change_facts(info["number"], info["system"], changes)))

    async def show_behaviour(self, request: web.Request) -> web.Response:
        """Answer a system's fault and delay."""
        return _behaviour_response(self.state.get_behaviour(request.match_info["system"]))

    async def change_behaviour(self, request: web.Request) -> web.Response:
        """Set a system's fault, delay or both."""
        system = request.match_info["system"]
        self.state.get_behaviour(system)
        changes = parse_behaviour(system, await _read_object(request))
        return _behaviour_response(self.state.change_behaviour(system, **changes))

    async def list_calls(self, request: web.Request) -> web.Response:
        """Answer the calls received, oldest first, and their number by system and student."""
        calls = self.state.list_calls(request.query.get("system"), request.query.get("student"))
        return web.json_response({"calls": calls, "counts": self.state.count_calls()})

    async def reset(self, _request: web.Request) -> web.Response:
        """Bring back the demo facts, no faults and no calls."""
        self.state.reset()
        return web.json_response({"reset": True})


def parse_behaviour(system: str, given: dict[str, Any]) -> dict[str, Any]:
    """Return checked `fault` and `delay_ms`; raises RequestRefusedError naming what is wrong."""
    wrong = [f"{name}: no such setting" for name in given if name not in ("fault", "delay_ms")]
    allowed = list_faults(system)
    if "fault" in given and given["fault"] not in allowed:
        wrong.append(f"fault: {given['fault']!r} is not one of {' '.join(allowed)}")
    delay = given.get("delay_ms", 0)
    if type(delay) is not int or not 0 <= delay <= MAX_DELAY_MS:
        wrong.append(f"delay_ms: expected an integer from 0 to {MAX_DELAY_MS}")
    if wrong or not given:
        raise RequestRefusedError("; ".join(wrong) or "expected fault, delay_ms or both")
    return given | ({"fault": Fault(given["fault"])} if "fault" in given else {})


def _behaviour_response(behaviour: Behaviour) -> web.Response:
    return web.json_response({"fault": behaviour.fault, "delay_ms": behaviour.delay_ms})


async def _read_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise RequestRefusedError("expected a JSON object") from error
    if not isinstance(body, dict):
        raise RequestRefusedError("expected a JSON object")
    return body
