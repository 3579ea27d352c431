"""What the table of a `sip2` system declares: a library, by the 3M Standard Interchange Protocol 2.00 over TCP.

`config/DEPARTMENTS.md` explains it to operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field as Key

from app.config_model import Choice, Flag, OptionalSecret, Section, Text, Whole, between, matching
from app.connectors.config import CaFile, ConnectorConfig
from app.connectors.fields import FieldType
from app.connectors.json_paths import Mark
from app.connectors.reading import ActionShape, NoRecord
from app.connectors.sip2.codec import Dialect, can_send
from app.connectors.sip2.patron import COUNTS, DENIALS, FLAGS, PATRON, PatronShape
from app.domain.json_reading import Path

LOOPBACK = ("127.0.0.1", "::1", "localhost")
DENIED = "rests on what the reader is denied, as a debarred one with an active card is too: name a field of the card"
_SAY_LITTLE = ((PATRON,), ("BL",))
_GROUP_STEPS = ("count", "extent")
_SENT = ("login_user", "login_password", "location", "institution", "terminal_password")
_CANNOT_SEND = "holds the delimiter, or characters that the encoding lacks"


class Question(StrEnum):
    """Which of the protocol's two questions about a patron is asked."""

    INFORMATION = "information"
    STATUS = "status"


class Access(Section):
    """Where the server is and how to log in."""

    host: Annotated[Text, matching(r"[A-Za-z0-9.\-:]+")] = Key(
        description="where the library's SIP2 server listens"
    )
    port: Annotated[Whole, between(1, 65535)] = Key(description="its port")
    tls: Flag = Key(True, description="true: TLS, the certificate and its name are verified")
    plain_tcp: Flag = Key(False, description="true: without TLS another machine than this one may be asked")
    ca_file: CaFile = ""
    login_user: str = Key("", description="the user of the login message 93; without one there is no login")
    login_password: OptionalSecret = Key("", description="the secret of that user")
    location: str = Key("", description="`CP` of the login")
    institution: str = Key("", description="`AO`")
    terminal_password: OptionalSecret = Key("", description="`AC`, a secret")
    language: Annotated[Text, matching("[0-9]{3}")] = Key("019", description="three digits: 019 is Chinese")


class BlockShape(ActionShape):
    """How a block patron message 01 is sent and what its answers, 24, mean."""

    card_retained: Flag = Key(False, description="the library keeps the card")
    message: str = Key("", description="`AL`, the text on the blocked card")


class Sip2Config(ConnectorConfig, Access, Dialect, PatronShape):
    """A library: how it is reached, what is asked, and what its answers mean."""

    kind: Literal["sip2"] = Key("sip2", description="a library, by SIP2 over TCP")
    question: Choice[Question] = Key(
        description="`information`: 63, answered by 64; `status`: 23, answered by 24, which has no counts"
    )
    actions: Mapping[str, BlockShape] = Key(
        {}, description="one table for each action: block patron 01, answered by 24"
    )

    def get_weakness(self, fact: str) -> str:
        """See ConnectorConfig."""
        return DENIED if self._is_denial(self.fields[fact].path) else ""

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if not (self.tls or self.plain_tcp or self.host in LOOPBACK):
            yield "tls", "must be true, or plain_tcp must be true"
        if self.login_user and not self.login_password:
            yield "login_password", "is missing"
        yield from ((key, _CANNOT_SEND) for key in _SENT if not can_send(self, getattr(self, key)))
        if (self.no_record is NoRecord.MARKED) != bool(self.no_record_mark):
            yield "no_record_mark", 'needs no_record = "marked"' if self.no_record_mark else "is missing"
        if not self.currency and any(field.type is FieldType.MONEY for field in self.fields.values()):
            yield "currency", "is missing"
        yield from self._list_unknown_paths()
        for name, action in self.actions.items():
            for key, message in self._list_action_contradictions(action):
                yield f"actions.{name}.{key}", message

    def _list_unknown_paths(self) -> Iterator[tuple[str, str]]:
        yield from self._list_unknown_marks("success", self.success)
        yield from self._list_unknown_marks("no_record_mark", self.no_record_mark)
        for name, field in self.fields.items():
            key = f"fields.{name}.path"
            if not self._is_known(field.path):
                yield key, "must be a flag, a count, a field's code, or a group's .count or .extent"
            elif field.path[0] in COUNTS and self.question is Question.STATUS:
                yield key, 'is a count: it needs question = "information"'

    def _list_unknown_marks(self, key: str, marks: tuple[Mark, ...]) -> Iterator[tuple[str, str]]:
        for mark in marks:
            path = f"{key}.{'.'.join(map(str, mark.path))}"
            if not self._is_known(mark.path):
                yield path, "is not known here"
            elif not all(isinstance(value, str) for value in mark.values):
                yield path, "must be a text or a list of texts"

    def _list_action_contradictions(self, action: BlockShape) -> Iterator[tuple[str, str]]:
        if not can_send(self, action.message):
            yield "message", _CANNOT_SEND
        for key in ("confirmed", "already", "refused"):
            yield from self._list_unknown_marks(key, getattr(action, key))
        for key, marks in (("confirmed", action.confirmed), ("already", action.already)):
            if marks and all(mark.path in _SAY_LITTLE or self._is_denial(mark.path) for mark in marks):
                yield key, DENIED

    def _is_denial(self, path: Path) -> bool:
        """Whether a path leads to nothing but what a reader is denied, which is no word about the card."""
        name = str(path[0]) if path else ""
        return set(self.groups.get(name, (name,))) <= DENIALS

    def _is_known(self, path: Path) -> bool:
        if len(path) == 2:
            return path[0] in self.groups and path[1] in _GROUP_STEPS
        name = str(path[0]) if len(path) == 1 else ""
        return name in FLAGS or name in COUNTS or re.fullmatch(r"[A-Z][A-Z0-9]", name) is not None
