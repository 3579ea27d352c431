"""Builds the connectors that the configuration names."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from app.connectors.base import Connector
from app.connectors.breaker import BreakerState
from app.connectors.desk import DeskBook, DeskConnector
from app.connectors.desk_config import read_desk
from app.connectors.guarded import GuardedConnector, Limits
from app.connectors.http_config import read_http_json
from app.connectors.http_json import HttpJsonConnector
from app.connectors.sip2 import Sip2Connector
from app.connectors.sip2_config import read_sip2
from app.connectors.sql import SqlConnector
from app.connectors.sql_config import read_sql
from app.tables import Table

Builder = Callable[[str, Table], Connector]


def build_connectors(tables: Mapping[str, Table], desk_book: DeskBook | None = None) -> dict[str, Connector]:
    """A connector for each `[connectors.<name>]`.

    `desk_book` is where connectors of the kind `desk` find their entries. Every fault is noted in the tables'
    `faults`; the caller refuses to start once there is one.
    """
    builders = dict(_BUILDERS)
    if desk_book is not None:
        builders["desk"] = partial(_build_desk, desk_book)
    return {name: _build(name, table, builders) for name, table in tables.items()}


def list_breaker_states(connectors: Iterable[Connector]) -> dict[str, BreakerState]:
    """The breakers' states by system, for /readyz and the metrics."""
    return {item.name: item.breaker_state for item in connectors if isinstance(item, GuardedConnector)}


def _build(name: str, table: Table, builders: Mapping[str, Builder]) -> Connector:
    kind = table.text("kind", choices=tuple(builders))
    limits = Limits(
        deadline_seconds=table.number("deadline_seconds", 3, least=0.05, most=60),
        max_connections=table.integer("max_connections", 256, least=1, most=1000),
        breaker_failures=table.integer("breaker_failures", 10, least=1, most=1000),
        breaker_pause_seconds=table.number("breaker_pause_seconds", 2, least=0.05, most=600),
    )
    inner = builders.get(kind, _build_http_json)(name, table)
    table.close()
    return GuardedConnector(inner, limits)


def _build_http_json(name: str, table: Table) -> Connector:
    config = read_http_json(table)
    trust = _read_trust(table, config.ca_file) if config.ca_file else True
    return HttpJsonConnector(name, config, trust)


def _read_trust(table: Table, ca_file: str) -> ssl.SSLContext:
    """The certificates of a file, or the system's."""
    try:
        return ssl.create_default_context(cafile=ca_file or None)
    except OSError:
        table.fault("ca_file", "names a file without certificates that can be read")
        return ssl.create_default_context()


def _build_desk(book: DeskBook, name: str, table: Table) -> Connector:
    return DeskConnector(name, read_desk(table), book)


def _build_sql(name: str, table: Table) -> Connector:
    return SqlConnector(name, read_sql(table))


def _build_sip2(name: str, table: Table) -> Connector:
    config = read_sip2(table)
    trust = _read_trust(table, config.access.ca_file) if config.access.is_tls else None
    return Sip2Connector(name, config, trust)


_BUILDERS: Mapping[str, Builder] = {
    "http_json": _build_http_json,
    "sip2": _build_sip2,
    "sql": _build_sql,
}
