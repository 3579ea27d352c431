"""How often one person may have departments asked. An address may be a whole dormitory, so it is the person who is
counted, on every page that asks: beyond the limit a page shows what was kept, and a form says when to come again.

Looking, acting and submitting are counted apart: nobody who looked a lot is kept from submitting.
"""

from __future__ import annotations

from enum import StrEnum

from app.domain.errors import AskedTooOften
from app.domain.person import Person
from app.web.shell import get_installation
from app.web.verify.limits import count, describe_wait, get_retry_after


class Kind(StrEnum):
    """What departments are asked for."""

    LOOK = "look"
    ACT = "act"
    SUBMIT = "submit"


class LiveQueries:
    """The questions of one request."""

    def __init__(self, person: Person, kind: Kind = Kind.LOOK) -> None:
        self._person = person
        self._kind = kind
        self._is_refused = False

    def may_ask(self) -> bool:
        """Count one more, and tell whether it is within the limit."""
        limit = get_installation().settings.rate_limit.refresh
        self._is_refused = not count(limit, "live", self._kind, f"person {self._person.number}")
        return not self._is_refused

    def require(self) -> None:
        """Count one more. Raises AskedTooOften beyond the limit."""
        if not self.may_ask():
            raise AskedTooOften(get_retry_after())

    @property
    def wait(self) -> str:
        """After a refusal: in how long departments may be asked again, in words; else nothing."""
        return describe_wait(get_retry_after()) if self._is_refused else ""
