"""Reads how a `sip2` system is reached; the keys are explained in `sip2_config.py`."""

from __future__ import annotations

from dataclasses import dataclass, field

from app.connectors.config_parts import read_choice
from app.connectors.sip2_codec import Dialect, Terminator, can_send
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
