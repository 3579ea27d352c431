"""The kinds of department systems, and the connectors that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.config_model import read_kind
from app.connectors.base import Connector
from app.connectors.client import BreakerState, GuardedConnector
from app.connectors.config import ConnectorConfig
from app.connectors.desk import DeskBook, DeskConfig, DeskConnector
from app.connectors.fields import mark_shown
from app.connectors.http.client import HttpJsonConfig, HttpJsonConnector
from app.connectors.sip2.connector import Sip2Config, Sip2Connector
from app.connectors.sql.config import SqlConfig
from app.connectors.sql.database import SqlConnector
from app.domain.conventions import USUAL, Conventions

KINDS: Mapping[str, type[ConnectorConfig]] = {
    "http_json": HttpJsonConfig,
    "sip2": Sip2Config,
    "sql": SqlConfig,
    "desk": DeskConfig,
}
_CONNECTORS: Mapping[type[ConnectorConfig], Callable[[Any], Connector]] = {
    HttpJsonConfig: HttpJsonConnector,
    Sip2Config: Sip2Connector,
    SqlConfig: SqlConnector,
}
NOTHING_SHOWN: frozenset[str] = frozenset()


def read_connectors(
    tables: Mapping[str, Mapping[str, Any]], faults: list[str], conventions: Conventions = USUAL
) -> dict[str, ConnectorConfig]:
    """What each `[connectors.<name>]` declares, by name; answers are read by the conventions. Every mistake is added to
    `faults`. A table with mistakes is there as far as its facts and actions are right, so that it can be looked at
    whether they fit; then the caller refuses to start.
    """
    configs = {
        name: read_kind(KINDS, table, f"connectors.{name}", faults, {"name": name}, conventions=conventions)
        for name, table in tables.items()
    }
    return {
        name: config
        for name, config in configs.items()
        if config is not None and config.model_fields_set >= {"fields"} | ({"actions"} & tables[name].keys())
    }


def build_connectors(
    configs: Mapping[str, ConnectorConfig],
    desk_book: DeskBook | None = None,
    shown: Mapping[str, frozenset[str]] | None = None,
) -> dict[str, GuardedConnector]:
    """A connector for each declaration without mistakes. `desk_book` is where desks find their entries. `shown` are the
    facts of each connector that are shown and that no rule reads: what cannot be read of them is left out.
    """
    return {
        name: GuardedConnector(_build(config, desk_book, (shown or {}).get(name, NOTHING_SHOWN)), config)
        for name, config in configs.items()
    }


def list_breaker_states(connectors: Iterable[Connector]) -> dict[str, BreakerState]:
    """The breakers' states by system, for /readyz and the metrics."""
    return {item.name: item.breaker_state for item in connectors if isinstance(item, GuardedConnector)}


def _build(config: ConnectorConfig, desk_book: DeskBook | None, shown: frozenset[str]) -> Connector:
    if isinstance(config, DeskConfig):
        # A desk's facts are read when they are recorded, by a clerk who can mend them: none is left out.
        if desk_book is None:
            raise ValueError(f"nothing keeps the entries of the desk {config.name}")
        return DeskConnector(config, desk_book)
    config = config.model_copy(update={"fields": mark_shown(config.name, config.fields, shown)})
    return _CONNECTORS[type(config)](config)
