"""Builds the connectors that the configuration names."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial

from app.connectors.base import Connector
from app.connectors.desk import KEPT_BY_THE_DESK, DeskBook, DeskConnector, read_desk
from app.connectors.fields import Field, mark_shown
from app.connectors.guard import BreakerState, GuardedConnector, Limits
from app.connectors.http.client import HttpJsonConnector
from app.connectors.http.config import read_http_json
from app.connectors.sip2.config import read_sip2
from app.connectors.sip2.connector import Sip2Connector
from app.connectors.sql.config import read_sql
from app.connectors.sql.database import SqlConnector
from app.domain.conventions import USUAL, Conventions
from app.tables import Table

Fields = Mapping[str, Field]
Builder = Callable[[str, Table, Conventions, frozenset[str]], tuple[Connector, Fields]]
NOTHING_SHOWN: frozenset[str] = frozenset()


def build_connectors(
    tables: Mapping[str, Table],
    desk_book: DeskBook | None = None,
    conventions: Conventions = USUAL,
    shown: Mapping[str, frozenset[str]] | None = None,
) -> dict[str, GuardedConnector]:
    """A connector for each `[connectors.<name>]`, whose answers are read by the conventions.

    `desk_book` is where connectors of the kind `desk` find their entries. `shown` are the facts of each connector that
    are shown and that no rule reads: what cannot be read of them is left out. Every fault is noted in the tables'
    `faults`; the caller refuses to start once there is one.
    """
    builders = dict(_BUILDERS)
    if desk_book is not None:
        builders["desk"] = partial(_build_desk, desk_book)
    shown = shown or {}
    return {
        name: _build(name, table, builders, conventions, shown.get(name, NOTHING_SHOWN))
        for name, table in tables.items()
    }


def list_breaker_states(connectors: Iterable[Connector]) -> dict[str, BreakerState]:
    """The breakers' states by system, for /readyz and the metrics."""
    return {item.name: item.breaker_state for item in connectors if isinstance(item, GuardedConnector)}


def _build(
    name: str,
    table: Table,
    builders: Mapping[str, Builder],
    conventions: Conventions,
    shown: frozenset[str],
) -> GuardedConnector:
    kind = table.text("kind", choices=tuple(builders))
    limits = Limits(
        deadline_seconds=table.number("deadline_seconds", 3, least=0.05, most=60),
        max_connections=table.integer("max_connections", 256, least=1, most=1000),
        breaker_failures=table.integer("breaker_failures", 10, least=1, most=1000),
        breaker_pause_seconds=table.number("breaker_pause_seconds", 2, least=0.05, most=600),
    )
    inner, fields = builders.get(kind, _build_http_json)(name, table, conventions, shown)
    table.close()
    return GuardedConnector(inner, limits, fields)


def _build_http_json(
    name: str, table: Table, conventions: Conventions, shown: frozenset[str]
) -> tuple[Connector, Fields]:
    config = read_http_json(table, conventions)
    fields = mark_shown(name, config.answer.fields, shown)
    config = replace(config, answer=replace(config.answer, fields=fields))
    trust = _read_trust(table, config.ca_file) if config.ca_file else True
    return HttpJsonConnector(name, config, trust), fields


def _read_trust(table: Table, ca_file: str) -> ssl.SSLContext:
    """The certificates of a file, or the system's."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError:
        table.fault("ca_file", "names a file without certificates that can be read")
        return ssl.create_default_context()


def _build_desk(
    book: DeskBook, name: str, table: Table, conventions: Conventions, _shown: frozenset[str]
) -> tuple[Connector, Fields]:
    """A desk's facts are read when they are recorded, by a clerk who can mend them: none is left out."""
    config = read_desk(table, conventions)
    return DeskConnector(name, config, book), {**config.fields, **KEPT_BY_THE_DESK}


def _build_sql(
    name: str, table: Table, conventions: Conventions, shown: frozenset[str]
) -> tuple[Connector, Fields]:
    config = read_sql(table, conventions)
    config = replace(config, fields=mark_shown(name, config.fields, shown))
    return SqlConnector(name, config), config.fields


def _build_sip2(
    name: str, table: Table, conventions: Conventions, shown: frozenset[str]
) -> tuple[Connector, Fields]:
    config = read_sip2(table, conventions)
    fields = mark_shown(name, config.patron.fields, shown)
    config = replace(config, patron=replace(config.patron, fields=fields))
    trust = _read_trust(table, config.access.ca_file) if config.access.is_tls else None
    return Sip2Connector(name, config, trust), fields


_BUILDERS: Mapping[str, Builder] = {
    "http_json": _build_http_json,
    "sip2": _build_sip2,
    "sql": _build_sql,
}
