"""What the CAS server remembers: tickets, signed-in browsers, and how it misbehaves."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import dataclass, field
from enum import StrEnum
from urllib.parse import urlsplit

from tests.campus.sign_in.records import Recent, is_loopback_url

TICKET_SECONDS = 60
_PATH = re.compile(r"/sign-in/[a-z0-9_-]+/(callback|entry)")


class CasFault(StrEnum):
    """How validation misbehaves."""

    NONE = "none"
    HTTP_500 = "http_500"
    HTML = "html"
    HANG = "hang"
    HUGE = "huge"
    BOMB = "bomb"
    WRONG_NAMESPACE = "wrong_namespace"
    TWO_USERS = "two_users"
    NO_ATTRIBUTES = "no_attributes"
    OLD_SERVER = "old_server"


@dataclass(frozen=True)
class Ticket:
    """A service ticket, good for one validation within a minute; `number` is as it was typed."""

    number: str
    service: str
    issued_at: float

    @property
    def is_expired(self) -> bool:
        """Whether its time is over."""
        return time.monotonic() > self.issued_at + TICKET_SECONDS


@dataclass
class CampusSession:
    """A signed-in browser; `validated` are the tickets by which services know it, with their addresses."""

    number: str
    validated: list[tuple[str, str]] = field(default_factory=list)


class CasRecords:
    """Tickets and browser sessions of a running server. `redirect_uris` are registered beside loopback's."""

    def __init__(self, redirect_uris: tuple[str, ...] = ()) -> None:
        self.fault = CasFault.NONE
        self.sessions: Recent[str, CampusSession] = Recent()
        self._redirect_uris = redirect_uris
        self._tickets: Recent[str, Ticket] = Recent()
        self._granted: Recent[str, CampusSession] = Recent()

    def is_registered(self, service: str) -> bool:
        """Whether tickets are made for this address."""
        address, _, query = service.partition("?")
        if address in self._redirect_uris:
            return True
        is_plain = not query or query.startswith("state=")
        return is_plain and is_loopback_url(address) and bool(_PATH.fullmatch(urlsplit(address).path))

    def start_session(self, number: str) -> str:
        """Remember that a browser is signed in as `number` and return its cookie's value."""
        identifier = f"TGT-{secrets.token_urlsafe(24)}"
        self.sessions.put(identifier, CampusSession(number))
        return identifier

    def make_ticket(self, identifier: str, service: str) -> str:
        """A ticket for a signed-in browser at a service."""
        session = self.sessions.get(identifier)
        assert session is not None
        ticket = f"ST-{secrets.randbelow(9000) + 1000}-{secrets.token_hex(16)}-cas01.example.edu"
        self._tickets.put(ticket, Ticket(session.number, service, time.monotonic()))
        self._granted.put(ticket, session)
        return ticket

    def use_ticket(self, text: str, service: str) -> str:
        """Whose ticket it is. Raises TicketRefused; it is used up in any case."""
        ticket = self._tickets.pop(text)
        if ticket is None or ticket.is_expired:
            raise TicketRefused("INVALID_TICKET")
        if ticket.service != service:
            raise TicketRefused("INVALID_SERVICE")
        if session := self._granted.pop(text):
            session.validated.append((text, service))
        return ticket.number


class TicketRefused(Exception):
    """The ticket is not good; the text is CAS's code for why."""
