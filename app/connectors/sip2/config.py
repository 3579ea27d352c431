"""Reads the configuration of a `sip2` system: a library, by the 3M Standard Interchange Protocol 2.00 over TCP.

| key | meaning |
| --- | --- |
| `kind` | `"sip2"` |
| `host`, `port` | where the library's SIP2 server listens |
| `tls` | true: TLS, the certificate and its name are verified (true) |
| `plain_tcp` | true: without TLS another machine than this one may be asked (false) |
| `ca_file` | the certificates to trust in place of the system's, in PEM ("") |
| `login_user` | the user of the login message 93; without one there is no login ("") |
| `login_password`, `login_password_file` | the secret of that user |
| `location` | `CP` of the login ("") |
| `institution` | `AO` ("") |
| `terminal_password`, `terminal_password_file` | `AC`, a secret ("") |
| `encoding` | `ascii`, `utf-8`, `gbk` or `gb18030` |
| `delimiter` | one ASCII character (`|`) |
| `terminator` | `cr` or `crlf` (`cr`) |
| `language` | three digits: 019 is Chinese (`019`) |
| `question` | `information`: 63, answered by 64; `status`: 23, answered by 24, which has no counts |
| `success` | table of path = value, or list of values: all must hold for a patron to be believed, e.g. `{ BL = "Y" }`; the name `AE` must not be empty either |
| `no_record` | `never`; `marked`: `no_record_mark` says that there is no such patron, and no name, items or fees are there |
| `no_record_mark` | with `marked`: table like `success`, e.g. `{ BL = "N" }` |
| `currency` | what `BH` must be beside an amount of money, e.g. `CNY`; needed where a fact is money |
| `[.groups]` | name = list of flags: gives the paths `<name>.count` and `<name>.extent` |
| `[.fields.<fact>]` | as in `http_config.py`, without `json`; `path` as in `sip2_patron.py`: a flag (`yes`, `no`), a count, a field's code, or of a group |
| `[.actions.<action>]` | block patron 01, answered by 24: `card_retained` (false), `message` (`AL`, ""); `confirmed`, `already`, `refused`: tables like `success`; the last two may be missing |
| `deadline_seconds` and the others | as in `http_config.py`; every call is a connection of its own, so `max_connections` should be what the library's server allows |

Blocking is the nearest thing to cancelling a card that the protocol has, and the four denials (`charge_denied`,
`renewal_denied`, `recall_denied`, `hold_denied`) are set for a reader who is debarred as well: a fact that passes, and
what confirms an action, must not rest on them alone. The library must name a field that its system sends for a card that
is cancelled and for nothing else. An answer that contradicts itself makes the item unavailable: a fee of 0 beside fine items
or a flag of too high a fee, no charged items beside overdue or recalled ones, listed ones, or a flag of too many (all in
`sip2_patron.py`). So does one that was written more than two days ago or ahead, one whose `BL` or `CQ` is not `Y`, and the
flag of a card that is reported lost, unless `success`, or a fact or its group, names that field or flag: a library that
says `CQ` = N because it is sent no password needs `success = { BL = "Y", CQ = ["Y", "N"] }`.

Reads how a `sip2` system is reached; the keys are explained in `sip2_config.py`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from app.connectors.config import read_choice, read_field, read_marks
from app.connectors.fields import Field, FieldType, JsonType
from app.connectors.json_paths import Mark
from app.connectors.reading import ActionShape, NoRecord
from app.connectors.sip2.codec import Dialect, Terminator, can_send
from app.connectors.sip2.patron import COUNTS, DENIALS, FLAGS, PATRON, PatronShape, make_action_shape
from app.domain.conventions import USUAL, Conventions
from app.domain.json_reading import Path
from app.tables import Table

ENCODINGS = ("ascii", "utf-8", "gbk", "gb18030")
LOOPBACK = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True)
class Access:
    """Where the server is and how to log in; `login_user` is empty where there is no login."""

    host: str
    port: int
    is_tls: bool
    ca_file: str
    login_user: str
    login_password: str = field(repr=False)
    location: str
    institution: str
    terminal_password: str = field(repr=False)
    language: str
    dialect: Dialect


def read_dialect(table: Table) -> Dialect:
    """How the system writes."""
    encoding = table.text("encoding", choices=ENCODINGS)
    is_set = table.has("terminator")
    return Dialect(
        encoding=encoding if encoding in ENCODINGS else "utf-8",
        delimiter=table.text("delimiter", "|", pattern=r"[!-/:-@\[-`{-~]"),
        terminator=read_choice(table, "terminator", Terminator.CR) if is_set else Terminator.CR,
    )


def read_sendable_text(table: Table, key: str, dialect: Dialect) -> str:
    """A text that can stand in a message as it is; empty if it is missing."""
    text = table.text(key, "")
    if not can_send(dialect, text):
        table.fault(key, "holds the delimiter, or characters that the encoding lacks")
    return text


def _read_secret(table: Table, key: str, dialect: Dialect, default: str | None) -> str:
    secret = table.secret(key, default)
    if not can_send(dialect, secret):
        table.fault(key, "holds the delimiter, or characters that the encoding lacks")
    return secret


def read_access(table: Table, dialect: Dialect) -> Access:
    """Where the system is and who asks."""
    host = table.text("host", pattern=r"[A-Za-z0-9.\-:]+")
    is_tls = table.flag("tls", True)
    if not table.flag("plain_tcp", False) and not is_tls and host not in LOOPBACK:
        table.fault("tls", "must be true, or plain_tcp must be true")
    user = read_sendable_text(table, "login_user", dialect)
    return Access(
        host=host,
        port=table.integer("port", least=1, most=65535),
        is_tls=is_tls,
        ca_file=table.text("ca_file", ""),
        login_user=user,
        login_password=_read_secret(table, "login_password", dialect, None if user else ""),
        location=read_sendable_text(table, "location", dialect),
        institution=read_sendable_text(table, "institution", dialect),
        terminal_password=_read_secret(table, "terminal_password", dialect, ""),
        language=table.text("language", "019", pattern=r"[0-9]{3}"),
        dialect=dialect,
    )


_NO_RECORDS = (NoRecord.NEVER, NoRecord.MARKED)
DENIED = "rests on what the reader is denied, as a debarred one with an active card is too: name a field of the card"
_SAY_LITTLE = ((PATRON,), ("BL",))
_GROUP_STEPS = ("count", "extent")


class Question(StrEnum):
    """Which of the protocol's two questions about a patron is asked."""

    INFORMATION = "information"
    STATUS = "status"


@dataclass(frozen=True, slots=True)
class BlockShape:
    """How a block patron message is sent and what its answers mean."""

    card_retained: bool
    message: str
    answer: ActionShape


@dataclass(frozen=True, slots=True)
class Sip2Config:
    """A library: how it is reached, what is asked, and what its answers mean."""

    access: Access
    question: Question
    patron: PatronShape
    actions: Mapping[str, BlockShape]


def read_sip2(table: Table, conventions: Conventions = USUAL) -> Sip2Config:
    """The configuration in a table; notes every fault in `table.faults`. Common keys are read elsewhere."""
    question = read_choice(table, "question", Question.INFORMATION)
    dialect = read_dialect(table)
    patron = _read_patron(table, question, conventions)
    return Sip2Config(
        access=read_access(table, dialect),
        question=question,
        patron=patron,
        actions={
            name: _read_action(action, dialect, patron)
            for name, action in table.named_tables("actions").items()
        },
    )


def _read_patron(table: Table, question: Question, conventions: Conventions) -> PatronShape:
    no_record = read_choice(table, "no_record", NoRecord.NEVER, choices=_NO_RECORDS)
    groups = _read_groups(table)
    marks: tuple[Mark, ...] = ()
    if no_record is NoRecord.MARKED:
        marks = _read_known_marks(table, "no_record_mark", groups)
    elif table.has("no_record_mark"):
        table.values("no_record_mark")
        table.fault("no_record_mark", 'needs no_record = "marked"')
    fields = {
        name: _read_fact(item, question, groups, conventions)
        for name, item in table.named_tables("fields").items()
    }
    if not fields:
        table.fault("fields", "names no fact")
    has_money = any(item.type is FieldType.MONEY for item in fields.values())
    return PatronShape(
        success=_read_known_marks(table, "success", groups),
        no_record=no_record,
        no_record_marks=marks,
        fields=fields,
        groups=groups,
        currency=table.text("currency", None if has_money else "", pattern=r"[A-Z]{3}"),
        conventions=conventions,
    )


def _read_groups(table: Table) -> dict[str, tuple[str, ...]]:
    groups = {}
    for name, flags in table.values("groups", {}).items():
        if not re.fullmatch(r"[a-z_]+", name) or name in (*FLAGS, *COUNTS):
            table.fault(f"groups.{name}", "is not a name of its own in small letters")
        elif not isinstance(flags, list) or not flags or not set(flags) <= set(FLAGS):
            table.fault(f"groups.{name}", f"must be a list of {', '.join(FLAGS)}")
        else:
            groups[name] = tuple(dict.fromkeys(flags))
    return groups


def _read_fact(
    table: Table, question: Question, groups: Mapping[str, tuple[str, ...]], conventions: Conventions
) -> Field:
    if table.has("json"):
        table.fault("json", "is for http_json: SIP2 has texts alone")
    found = read_field(table, conventions)
    if not _is_known(found.path, groups):
        table.fault("path", "must be a flag, a count, a field's code, or a group's .count or .extent")
    elif found.path[0] in COUNTS and question is Question.STATUS:
        table.fault("path", 'is a count: it needs question = "information"')
    weakness = DENIED if _is_denial(found.path, groups) else ""
    return replace(found, json_type=JsonType.STRING, proves_nothing=weakness)


def _is_denial(path: Path, groups: Mapping[str, tuple[str, ...]]) -> bool:
    """Whether a path leads to nothing but what a reader is denied, which is no word about the card."""
    name = str(path[0]) if path else ""
    return set(groups.get(name, (name,))) <= DENIALS


def _is_known(path: Path, groups: Mapping[str, tuple[str, ...]]) -> bool:
    if len(path) == 2:
        return path[0] in groups and path[1] in _GROUP_STEPS
    name = str(path[0]) if len(path) == 1 else ""
    return name in FLAGS or name in COUNTS or re.fullmatch(r"[A-Z][A-Z0-9]", name) is not None


def _read_known_marks(table: Table, key: str, groups: Mapping[str, tuple[str, ...]]) -> tuple[Mark, ...]:
    marks = read_marks(table, key)
    for mark in marks:
        if not _is_known(mark.path, groups):
            table.fault(f"{key}.{'.'.join(map(str, mark.path))}", "is not known here")
        elif not all(isinstance(value, str) for value in mark.values):
            table.fault(f"{key}.{'.'.join(map(str, mark.path))}", "must be a text or a list of texts")
    return marks


def _read_action(table: Table, dialect: Dialect, patron: PatronShape) -> BlockShape:
    groups = patron.groups
    shape = BlockShape(
        card_retained=table.flag("card_retained", False),
        message=read_sendable_text(table, "message", dialect),
        answer=make_action_shape(
            confirmed=_read_known_marks(table, "confirmed", groups),
            already=_read_known_marks(table, "already", groups) if table.has("already") else (),
            refused=_read_known_marks(table, "refused", groups) if table.has("refused") else (),
            conventions=patron.conventions,
        ),
    )
    for key, marks in (("confirmed", shape.answer.confirmed), ("already", shape.answer.already)):
        if marks and all(mark.path in _SAY_LITTLE or _is_denial(mark.path, groups) for mark in marks):
            table.fault(key, DENIED)
    table.close()
    return shape
