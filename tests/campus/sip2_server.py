"""The pretend library's SIP2 server: the same readers as its JSON system, and the faults of `sip2_faults.py`."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from tests.campus.credentials import Credentials
from tests.campus.facts import LibraryLoans
from tests.campus.faults import DRIP_SECONDS, SLOW_SECONDS
from tests.campus.sip2_faults import ACTION, ANSWERS, damage, spoil
from tests.campus.sip2_wire import END, STANDARD, BadRequestError, Manner, Request, read_request, write_patron
from tests.campus.state import Fault, State

SYSTEM = "library_loans"
LOGIN_USER = "lixiao"
_TRUTHFUL = frozenset({Fault.NONE, Fault.SLOW_2S, Fault.TIMEOUT_AFTER})


class Sip2Library:
    """Answers connections from the campus' memory."""

    def __init__(self, state: State, credentials: Credentials, manner: Manner = STANDARD) -> None:
        self._state = state
        self._manner = manner
        self._password = credentials.library_loans_token

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection until it ends."""
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError, BadRequestError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._state.get_behaviour(SYSTEM).fault is Fault.REFUSE:
            self._state.record_call(SYSTEM, None, "SIP2", "fault refuse")
            return
        is_known = False
        while True:
            line = (await reader.readuntil(END)).removesuffix(END)
            request = read_request(line, is_checked=self._manner.checksum)
            if request.code == "93":
                is_known = self._knows(request)
                writer.write(self._manner.seal(f"94{int(is_known)}", request.sequence))
            elif is_known:
                await self._answer(request, reader, writer)
            else:
                return

    def _knows(self, request: Request) -> bool:
        is_refused = self._state.get_behaviour(SYSTEM).fault is Fault.HTTP_401
        given = (request.fields.get("CN"), request.fields.get("CO"))
        is_known = given == (LOGIN_USER, self._password) and not is_refused
        if not is_known:
            self._state.record_call(SYSTEM, None, "SIP2 93", "unauthorized")
        return is_known

    async def _answer(
        self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        behaviour = self._state.get_behaviour(SYSTEM)
        fault, number = behaviour.fault, request.fields.get("AA", "")
        if fault is Fault.TIMEOUT_AFTER and request.code != ACTION:
            fault = Fault.NONE
        outcome = "answered" if fault is Fault.NONE else f"fault {fault}"
        self._state.record_call(SYSTEM, number, f"SIP2 {request.code}", outcome)
        body = self._do(request, number) if fault in _TRUTHFUL else spoil(request.code, number, fault)
        await asyncio.sleep(behaviour.delay_ms / 1000)
        await _send(writer, reader, self._manner, self._manner.say(body), request.sequence, fault)

    def _do(self, request: Request, number: str) -> str:
        """Return the true answer, and block the patron when the message asks for it."""
        held = self._state.find_facts(number, SYSTEM)
        known = held if isinstance(held, LibraryLoans) else None
        message = ""
        if request.code == ACTION and known is not None and known.card != "cancelled":
            if known.refuses_cancel:
                message = "该读者证需到总服务台办理"
            else:
                changed = self._state.change_facts(number, SYSTEM, {"card": "cancelled"})
                known = changed if isinstance(changed, LibraryLoans) else None
        return write_patron(ANSWERS[request.code], number, known, message)


async def _send(
    writer: asyncio.StreamWriter,
    reader: asyncio.StreamReader,
    manner: Manner,
    body: str,
    sequence: str,
    fault: Fault,
) -> None:
    whole = manner.seal(body, sequence)
    match fault:
        case Fault.TIMEOUT | Fault.TIMEOUT_AFTER:
            await reader.read()
        case Fault.DRIP:
            await _drip(writer, whole)
        case Fault.RESET:
            await _reset(writer, whole)
        case Fault.HTTP_429:
            raise ConnectionAbortedError
        case Fault.SLOW_2S:
            await asyncio.sleep(SLOW_SECONDS)
    writer.write(damage(whole, body, sequence, fault))
    with contextlib.suppress(ConnectionError):
        await writer.drain()


async def _drip(writer: asyncio.StreamWriter, whole: bytes) -> None:
    """All but the end, one byte at a time, then blanks for ever: valid so far, and never complete."""
    for byte in whole.removesuffix(END):
        writer.write(bytes((byte,)))
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(DRIP_SECONDS)


async def _reset(writer: asyncio.StreamWriter, whole: bytes) -> None:
    writer.write(whole[: len(whole) // 2])
    await writer.drain()
    # Lets the first half arrive before the reset does.
    await asyncio.sleep(0.05)
    connection = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionAbortedError


async def start_sip2(listener: socket.socket, state: State, credentials: Credentials) -> asyncio.Server:
    """Serve the library by SIP2 on a loopback socket until the server is closed."""
    return await asyncio.start_server(Sip2Library(state, credentials).serve, sock=listener)
