"""Serves the department systems: checks the credential, remembers the call, answers as the fault demands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from aiohttp import web

from tests.campus.credentials import Credentials
from tests.campus.faults import LOGIN_PATH, login_page, send, text_response, write_answer
from tests.campus.state import Fault, State
from tests.campus.systems import create_endpoints
from tests.campus.systems.base import Endpoint
from tests.campus.systems.described import DescribedEndpoint

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def add_department_routes(app: web.Application, state: State, credentials: Credentials) -> None:
    """Add every address of the department systems to the application."""
    described = [DescribedEndpoint(name, each, state) for name, each in state.described.items()]
    for endpoint in (*create_endpoints(state, credentials), *described):
        app.router.add_route(endpoint.method, endpoint.path, _serve(endpoint, state))
    app.router.add_get(LOGIN_PATH, _show_login)


async def _show_login(request: web.Request) -> web.Response:
    return login_page()


def _serve(endpoint: Endpoint | DescribedEndpoint, state: State) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        number = await endpoint.read_number(request)
        behaviour = state.get_behaviour(endpoint.system)
        fault = _fault_for(endpoint, behaviour.fault)
        refused = await _refusal(endpoint, request, number)
        outcome = refused or ("answered" if fault is Fault.NONE else f"fault {fault}")
        state.record_call(endpoint.system, number, f"{request.method} {request.path_qs}", outcome)
        if refused or number is None:
            return text_response(f'{{"error":"{refused}"}}', 401 if refused == "unauthorized" else 400)
        # An action is done before its answer is delayed: a caller who gives up has still cancelled the card.
        text = write_answer(endpoint, number, fault)
        if behaviour.delay_ms:
            await asyncio.sleep(behaviour.delay_ms / 1000)
        return await send(request, text, fault, endpoint.content_type)

    return handle


def _fault_for(endpoint: Endpoint | DescribedEndpoint, fault: Fault) -> Fault:
    return Fault.NONE if fault is Fault.TIMEOUT_AFTER and not endpoint.is_action else fault


async def _refusal(
    endpoint: Endpoint | DescribedEndpoint, request: web.Request, number: str | None
) -> str | None:
    if not await endpoint.is_authorized(request):
        return "unauthorized"
    return "no student number" if number is None else None
