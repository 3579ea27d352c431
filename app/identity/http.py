"""Speaking to a provider: which addresses it may have, one sign-in's conversation with it, and reading what it
answered: JSON, or the JSONP and form-encoded texts of older platforms.
"""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import certifi
from authlib.common.security import is_secure_transport

from app import event_loop
from app.domain.json_reading import JsonReader, refuse_duplicates
from app.http_client import Answer, Headers, HttpClient, HttpError, HttpFault, NoAnswer, Request, WantsBody
from app.identity.base import ProviderMisbehaved, SignInRefused, SignInUnavailable

DEADLINE_SECONDS = 5.0
MAX_ANSWER_BYTES = 512 * 1024


def is_provider_address(address: object) -> bool:
    """Whether codes and secrets may be sent there: https, or http on this machine."""
    if not isinstance(address, str) or not address.isascii() or not address.isprintable() or " " in address:
        return False
    try:
        parts = urlsplit(address)
        is_whole = bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
    return is_whole and not parts.fragment and not parts.username and is_secure_transport(address)


def is_on_this_machine(address: str) -> bool:
    """Whether an address of the right form names this machine, or the link that it hangs on, in whatever spelling
    the system connects to: 127.1, 0x7f000001, [::ffff:127.0.0.1], 169.254.169.254, localhost.
    """
    host = (urlsplit(address).hostname or "").rstrip(".")
    number = _read_number(host)
    if number is None:
        return host == "localhost" or host.endswith(".localhost")
    if isinstance(number, IPv6Address) and number.ipv4_mapped is not None:
        number = number.ipv4_mapped
    return number.is_loopback or number.is_link_local or number.is_unspecified or int(number) >> 24 == 0


def _read_number(host: str) -> IPv4Address | IPv6Address | None:
    """The number that a host is, by the system's own reading of IPv4 (inet_aton(3)); None for a name."""
    try:
        return ip_address(socket.inet_aton(host))
    except OSError:
        pass
    try:
        return ip_address(host)
    except ValueError:
        return None


@cache
def get_client() -> HttpClient:
    """The client of all sign-ins, which keeps connections between them. Servers are verified by the system's
    authorities, where a campus adds its own, and certifi's; loading them takes some 40 ms, and is done when first needed.
    """
    context = ssl.create_default_context()
    context.load_verify_locations(certifi.where())
    return HttpClient(context, MAX_ANSWER_BYTES, accept_encoding="identity")


class Exchange:
    """One sign-in's conversation with a provider, which is over `seconds` after it was opened. Methods raise SignInError
    and nothing else of the network; `what` names the endpoint in its reason.
    """

    def __init__(self, seconds: float) -> None:
        self._ends_at = time.monotonic() + seconds
        self._client = get_client()

    def fetch(self, request: Request, what: str, *, accept_errors: bool = False) -> Answer:
        """Send a request and read the answer. Anything but 200 is a fault; with `accept_errors`, 4xx have a body too."""

        def wants_body(status: int, _headers: Headers) -> bool:
            if status >= 500 or status == 429:
                raise SignInUnavailable(f"{what}:http_{status}")
            if status != 200 and not (accept_errors and 400 <= status < 500):
                raise ProviderMisbehaved(f"{what}:http_{status}")
            return True

        return self._send(request, wants_body, what)

    def get(self, address: str, what: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Fetch what an address answers."""
        return self.fetch(Request("GET", address, dict(headers or {})), what)

    def get_json(self, address: str, what: str) -> dict[str, Any]:
        """Fetch a JSON object."""
        return parse_answer(self.get(address, what).body, what)

    def get_status(self, address: str, accept: str) -> int:
        """The status that an address answers with, whatever it is; the body is not read."""
        return self._send(Request("GET", address, {"Accept": accept}), lambda *_head: False, "").status

    def _send(self, request: Request, wants_body: WantsBody, what: str) -> Answer:
        call = self._send_again(request, wants_body)
        try:
            return event_loop.run(call, self._ends_at - time.monotonic())
        except TimeoutError:
            raise SignInUnavailable("timeout") from None
        except HttpError as error:
            if error.fault is HttpFault.TOO_LARGE:
                raise ProviderMisbehaved(f"{what}:too_big") from None
            raise SignInUnavailable("unreachable") from None

    async def _send_again(self, request: Request, wants_body: WantsBody) -> Answer:
        """The answer, asked for twice where the connection ended before any: a provider may close one that was kept
        just as it is used.
        """
        try:
            return await self._client.send(request, wants_body)
        except NoAnswer as error:
            if error.fault is not HttpFault.DISCONNECTED:
                raise
            return await self._client.send(request, wants_body)


# Identifiers of 19 digits are common there, and texts are cleaned one by one where they are used.
_READER = JsonReader(max_digits=40, takes_lone_surrogates=True)
_JSONP = re.compile(r"\s*[A-Za-z_$][\w.$]*\s*\((.*)\)\s*;?\s*", re.DOTALL)


class AnswerFormat(StrEnum):
    """How an answer is written."""

    JSON = "json"
    JSONP = "jsonp"
    FORM = "form"


def parse_answer(body: bytes, what: str, answer_format: AnswerFormat = AnswerFormat.JSON) -> dict[str, Any]:
    """Parse an object in UTF-8 without repeated keys. `what` names the endpoint in the reason.
    Raises ProviderMisbehaved.
    """
    try:
        found = _parse(body.decode("utf-8-sig"), answer_format)
    except ValueError:
        raise ProviderMisbehaved(f"{what}:not_{answer_format}") from None
    if not isinstance(found, dict):
        raise ProviderMisbehaved(f"{what}:not_{answer_format}")
    return found


def check_success(answer: Mapping[str, Any], what: str, field: str, value: str) -> None:
    """Raise SignInRefused if the answer has the field and another value in it: some platforms report their
    errors with status 200, and leave the field out when all is well.
    """
    if field and field in answer and _as_text(answer[field]) != value:
        raise SignInRefused(f"{what}:refused")


def _parse(text: str, answer_format: AnswerFormat) -> Any:
    if answer_format is AnswerFormat.FORM:
        return refuse_duplicates(parse_qsl(text.strip(), strict_parsing=True, max_num_fields=50))
    if answer_format is AnswerFormat.JSONP:
        wrapped = _JSONP.fullmatch(text)
        if wrapped is None:
            raise ValueError("no function call")
        text = wrapped[1]
    return _READER.read(text)


def _as_text(value: object) -> str:
    """A success value as it is written in the configuration."""
    return str(value).lower() if isinstance(value, bool) else str(value)
