"""The pretend library's SIP2 server: the same readers as its JSON system, and the same faults as far as they make sense.

| fault | what happens |
| --- | --- |
| `refuse` | the connection is closed before the login |
| `http_401` | the login is refused |
| `http_429` | the connection is closed after the login, without an answer |
| `http_500` | the library asks for the message again (96) |
| `timeout`, `slow_2s`, `timeout_after` | as in the JSON system |
| `drip` | a byte at a time, and the message never ends |
| `reset` | half of the answer, then a reset |
| `html_login` | a page, which is no SIP2 at all |
| `redirect` | the answer to another question: its sequence digit is not the question's |
| `bad_json` | an answer whose checksum is wrong |
| `huge` | an answer with 8 MiB of screen message |
| `error_envelope` | "the system is busy", as an answer about an unknown patron |
| `empty` | a message without content |
| `null_data` | four blanks for each count, no flag that means anything |
| `missing_fields` | an answer without fee, validity and, to an action, without the patron |
| `wrong_student`, `two_students` | another patron's answer; an answer that names two |
| `duplicate_keys` | fee and validity twice, in contradiction |
| `nan` | a fee and a date that are no numbers |
| `unknown_value` | flags that are neither set nor not |

A bad answer is made from a cleared one, so that whoever reads it carelessly lets the student go.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct

from tests.campus.credentials import Credentials
from tests.campus.facts import LibraryLoans
from tests.campus.faults import DRIP_SECONDS, SLOW_SECONDS, other_student
from tests.campus.sip2_wire import (
    END,
    FLAG_COUNT,
    BadRequestError,
    Request,
    checksum,
    read_request,
    seal,
    write_patron,
)
from tests.campus.state import Fault, State

SYSTEM = "library_loans"
LOGIN_USER = "lixiao"
HUGE_BYTES = 8 * 1024 * 1024
PAGE = (
    b"<!doctype html><title>\xe7\xbb\x9f\xe4\xb8\x80\xe8\xba\xab\xe4\xbb\xbd\xe8\xae\xa4\xe8\xaf\x81</title>"
)
ACTION, ANSWERS = "01", {"63": "64", "23": "24", "01": "24"}
_TRUTHFUL = frozenset({Fault.NONE, Fault.SLOW_2S, Fault.TIMEOUT_AFTER})


class Sip2Library:
    """Answers connections from the campus' memory."""

    def __init__(self, state: State, credentials: Credentials) -> None:
        self._state = state
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
            request = read_request((await reader.readuntil(END)).removesuffix(END))
            if request.code == "93":
                is_known = self._knows(request)
                writer.write(seal(f"94{int(is_known)}", request.sequence))
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
        await _send(writer, reader, body, request.sequence, fault)

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


def spoil(code: str, number: str, fault: Fault) -> str:
    """Return an answer that is wrong in its content, made from a cleared one."""
    answer, cleared = ANSWERS[code], write_patron(ANSWERS[code], number, LibraryLoans())
    other = other_student(number)
    match fault:
        case Fault.ERROR_ENVELOPE:
            return write_patron(answer, number, None, "系统繁忙，请稍后再试", flags=" " * FLAG_COUNT)
        case Fault.NULL_DATA:
            return f"{answer}{'-' * FLAG_COUNT}{cleared[16:37]}{' ' * 24 if answer == '64' else ''}{_tail(cleared)}"
        case Fault.MISSING_FIELDS:
            kept = cleared.replace("BV0.00|", "").replace("BLY|", "")
            return kept.replace(f"AA{number}|", "") if code == ACTION else kept
        case Fault.WRONG_STUDENT:
            return write_patron(answer, other, LibraryLoans())
        case Fault.TWO_STUDENTS:
            return f"{cleared}AA{other}|"
        case Fault.DUPLICATE_KEYS:
            return cleared.replace("BV0.00|", "BV12.50|BV0.00|").replace("BLY|", "BLN|BLY|")
        case Fault.NAN:
            return f"{cleared[:19]}NaN{cleared[22:]}".replace("BV0.00|", "BVNaN|")
        case Fault.UNKNOWN_VALUE:
            return f"{answer}{'?' * FLAG_COUNT}{cleared[16:]}"
    return cleared


def _tail(body: str) -> str:
    return body[body.index("AO") :]


async def _send(
    writer: asyncio.StreamWriter, reader: asyncio.StreamReader, body: str, sequence: str, fault: Fault
) -> None:
    whole = seal(body, sequence)
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
    writer.write(_damage(whole, body, sequence, fault))
    with contextlib.suppress(ConnectionError):
        await writer.drain()


def _damage(whole: bytes, body: str, sequence: str, fault: Fault) -> bytes:
    match fault:
        case Fault.HTTP_500:
            return b"96AZ" + checksum(b"96AZ").encode() + END
        case Fault.HTML_LOGIN:
            return PAGE + END
        case Fault.EMPTY:
            return END
        case Fault.BAD_JSON:
            wrong = f"{int(whole[-5:-1], 16) ^ 1:04X}"
            return whole[:-5] + wrong.encode() + END
        case Fault.REDIRECT:
            return seal(body, str((int(sequence) + 1) % 10))
        case Fault.HUGE:
            return seal(f"{body}AF{' ' * HUGE_BYTES}|", sequence)
    return whole


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
