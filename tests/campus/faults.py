"""Sends an answer the way a fault demands: late, cut, foreign or not at all.

A bad answer is made from a cleared one, so that whoever reads it carelessly lets the student go.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from http import HTTPStatus
from typing import NoReturn

from aiohttp import web

from tests.campus.state import Fault
from tests.campus.systems.base import Endpoint
from tests.campus.systems.described import DescribedEndpoint

LOGIN_PATH = "/systems/login"
DRIP_SECONDS = 0.3
SLOW_SECONDS = 2.0
RETRY_AFTER_SECONDS = 30
HUGE_CHUNK = b" " * 65_536
HUGE_CHUNKS = 128
_OTHERS = ("TS23000002", "TS23000009")

_TRUTHFUL = frozenset({Fault.NONE, Fault.SLOW_2S, Fault.TIMEOUT_AFTER})
_STATUS = {
    Fault.HTTP_500: HTTPStatus.INTERNAL_SERVER_ERROR,
    Fault.HTTP_429: HTTPStatus.TOO_MANY_REQUESTS,
    Fault.HTTP_401: HTTPStatus.UNAUTHORIZED,
    Fault.REDIRECT: HTTPStatus.FOUND,
}
_HEADERS = {
    Fault.HTTP_429: {"Retry-After": str(RETRY_AFTER_SECONDS)},
    Fault.REDIRECT: {"Location": LOGIN_PATH},
}


JSON = "application/json"


def text_response(
    text: str, status: int = 200, headers: dict[str, str] | None = None, content_type: str = JSON
) -> web.Response:
    """Return JSON or XML text as the department systems send it."""
    return web.Response(text=text, status=status, headers=headers, content_type=content_type, charset="utf-8")


def other_student(number: str) -> str:
    """Return the number of a student who is not this one."""
    return _OTHERS[0] if number != _OTHERS[0] else _OTHERS[1]


def write_answer(endpoint: Endpoint | DescribedEndpoint, number: str, fault: Fault) -> str:
    """Return the text that a call is answered with; a truthful answer to an action does what was asked."""
    other = other_student(number)
    if isinstance(endpoint, DescribedEndpoint):
        return endpoint.write(number, other, Fault.NONE if fault in _TRUTHFUL else fault)
    if fault in _TRUTHFUL:
        return endpoint.dump(endpoint.answer(number))
    cleared = endpoint.dump(endpoint.cleared(number))
    match fault:
        case Fault.BAD_JSON:
            return cleared[:-1]
        case Fault.EMPTY:
            return ""
        case Fault.WRONG_STUDENT:
            return endpoint.dump(endpoint.cleared(other))
        case Fault.DUPLICATE_KEYS:
            return endpoint.contradict(endpoint.cleared(number))
        case Fault.HTTP_401:
            return endpoint.dump({"error": "unauthorized"} | endpoint.cleared(number))
    bad = endpoint.bad_answers(number, other)
    return endpoint.dump(bad[fault]) if fault in bad else cleared


async def send(request: web.Request, text: str, fault: Fault, content_type: str = JSON) -> web.StreamResponse:
    """Send the answer's text, or fail to, as the fault demands."""
    try:
        return await _send(request, text, fault, content_type)
    except ConnectionError:
        # The caller gave up. Cancelling ends the connection; any other error would be logged as the campus' own.
        raise asyncio.CancelledError from None


async def _send(request: web.Request, text: str, fault: Fault, content_type: str) -> web.StreamResponse:
    match fault:
        case Fault.SLOW_2S:
            await asyncio.sleep(SLOW_SECONDS)
        case Fault.TIMEOUT | Fault.TIMEOUT_AFTER:
            await _hang()
        case Fault.REFUSE:
            await _refuse(request)
        case Fault.RESET:
            await _reset(request, text.encode(), content_type)
        case Fault.DRIP:
            await _drip(request, text.encode(), content_type)
        case Fault.HUGE:
            return await _send_huge(request, text.encode(), content_type)
        case Fault.HTML_LOGIN:
            return login_page()
    status = _STATUS.get(fault, HTTPStatus.OK)
    return text_response(text, status, _HEADERS.get(fault), content_type)


def login_page() -> web.Response:
    """Return the page that a system shows when it has forgotten who is calling."""
    text = (
        '<!doctype html><html lang="zh-CN"><meta charset="utf-8"><title>统一身份认证</title>'
        "<h1>统一身份认证</h1><p>登录已过期，请重新登录。办理状态：审核通过、已审核、无欠费。</p>"
        '<form method="post"><input name="username"><input name="password" type="password"></form></html>'
    )
    return web.Response(text=text, content_type="text/html", charset="utf-8")


async def _hang() -> NoReturn:
    """Wait until the caller gives up: the handler is cancelled when the connection is lost."""
    await asyncio.Event().wait()
    raise asyncio.CancelledError


async def _refuse(request: web.Request) -> NoReturn:
    if request.transport is not None:
        request.transport.close()
    await _hang()


async def _start(request: web.Request, content_type: str, length: int | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": f"{content_type}; charset=utf-8"})
    response.content_length = length
    await response.prepare(request)
    return response


async def _reset(request: web.Request, body: bytes, content_type: str) -> NoReturn:
    response = await _start(request, content_type, len(body))
    await response.write(body[: len(body) // 2])
    # Lets the first half arrive before the reset does.
    await asyncio.sleep(0.05)
    if request.transport is not None:
        connection = request.transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        request.transport.abort()
    await _hang()


async def _drip(request: web.Request, body: bytes, content_type: str) -> NoReturn:
    """Send all but the last byte one at a time, then blanks for ever: valid so far, and never complete."""
    response = await _start(request, content_type)
    for byte in body[:-1]:
        await response.write(bytes((byte,)))
        await asyncio.sleep(DRIP_SECONDS)
    while True:
        await response.write(b" ")
        await asyncio.sleep(DRIP_SECONDS)


async def _send_huge(request: web.Request, body: bytes, content_type: str) -> web.StreamResponse:
    """Send the whole answer and 8 MiB of blanks, in JSON as text in a last field, without telling the length."""
    response = await _start(request, content_type)
    start, end = (body[:-1] + b',"padding":"', b'"}') if content_type == JSON else (body, b"")
    await response.write(start)
    for _ in range(HUGE_CHUNKS):
        await response.write(HUGE_CHUNK)
    await response.write(end)
    await response.write_eof()
    return response
