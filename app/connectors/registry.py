"""The kinds of department systems, and the connectors that the configuration names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from app.config_model import read_kind
from app.connectors.base import Connector
from app.connectors.client import GuardedConnector
from app.connectors.config import ConnectorConfig
from app.connectors.desk import DeskBook, DeskConfig, DeskConnector
from app.connectors.fields import mark_keys, mark_shown
from app.connectors.http.client import HttpConfig, HttpConnector
from app.connectors.keys import KeyedConnector, KeyRule
from app.connectors.sip2.connector import Sip2Config, Sip2Connector
from app.connectors.sql.config import SqlConfig
from app.connectors.sql.database import SqlConnector
from app.domain.conventions import USUAL, Conventions
from app.domain.person import STUDENT_NUMBER, Keys, NumberForm
from app.settings import PersonKeySettings

KINDS: Mapping[str, type[ConnectorConfig]] = {
    "http_json": HttpConfig,
    "http_xml": HttpConfig,
    "sip2": Sip2Config,
    "sql": SqlConfig,
    "desk": DeskConfig,
}
_CONNECTORS: Mapping[type[ConnectorConfig], Callable[[Any], Connector]] = {
    HttpConfig: HttpConnector,
    Sip2Config: Sip2Connector,
    SqlConfig: SqlConnector,
}
NOTHING_SHOWN: frozenset[str] = frozenset()
NO_KEYS: Mapping[str, PersonKeySettings] = {}


def _keep(config: ConnectorConfig) -> ConnectorConfig:
    return config


def read_connectors(
    tables: Mapping[str, Mapping[str, Any]],
    faults: list[str],
    conventions: Conventions = USUAL,
    keys: Mapping[str, PersonKeySettings] = NO_KEYS,
) -> dict[str, ConnectorConfig]:
    """What each `[connectors.<name>]` declares, by name; answers are read by the conventions, with the form of the key
    that the system is asked by. Every mistake is added to
    `faults`. A table with mistakes is there as far as its facts and actions are right, so that it can be looked at
    whether they fit; then the caller refuses to start.
    """
    configs = {
        name: read_kind(
            KINDS,
            table,
            f"connectors.{name}",
            faults,
            {"name": name},
            conventions=_choose_form(conventions, table, keys),
        )
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
    keys: Mapping[str, PersonKeySettings] = NO_KEYS,
    guard: Callable[[Connector, ConnectorConfig], Connector] = GuardedConnector,
    prepare: Callable[[ConnectorConfig], ConnectorConfig] = _keep,
) -> dict[str, Connector]:
    """A connector for each declaration without mistakes. `desk_book` is where desks find their entries. `shown` are the
    facts of each connector that are shown and that no rule reads: what cannot be read of them is left out. `keys` are
    those of people, by which some systems are asked. `guard` bounds each connector's calls, and `prepare` may change
    its declaration at last.
    """
    guarded = {
        name: guard(_build(config, desk_book, (shown or {}).get(name, NOTHING_SHOWN), prepare), config)
        for name, config in _mark_keys(configs, keys).items()
    }

    def connect(name: str) -> Connector:
        if configs[name].asked_by == (STUDENT_NUMBER,):
            return guarded[name]
        rules = tuple(make_rule(key) for key in configs[name].asked_by)
        return KeyedConnector(guarded[name], rules, _list_canary_keys(keys))

    def make_rule(name: str) -> KeyRule:
        if name == STUDENT_NUMBER:
            return KeyRule(name, NumberForm())
        key = keys[name]
        mapping = connect(key.connector) if key.connector else None
        return KeyRule(name, key.form, key.several, key.optional, mapping, key.fact, key.holder)

    return {name: connect(name) for name in configs}


def _mark_keys(
    configs: Mapping[str, ConnectorConfig], keys: Mapping[str, PersonKeySettings]
) -> dict[str, ConnectorConfig]:
    """The declarations with the forms of the keys that they tell."""
    marked = {}
    for name, config in configs.items():
        forms = {key.fact: key.form for key in keys.values() if key.connector == name}
        fields = mark_keys(config.fields, forms)
        marked[name] = config.model_copy(update={"fields": fields}) if forms else config
    return marked


def _list_canary_keys(keys: Mapping[str, PersonKeySettings]) -> dict[str, Keys]:
    """The keys of canary students that the configuration names, by student number."""
    numbers = {number for key in keys.values() for number in key.canaries}
    return {
        number: {name: key.canaries[number] for name, key in keys.items() if number in key.canaries}
        for number in numbers
    }


def _are_texts(names: object) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _choose_form(
    conventions: Conventions, table: object, keys: Mapping[str, PersonKeySettings]
) -> Conventions:
    """The conventions with the form of the numbers that a system is asked by: of several keys, what they have in
    common.
    """
    named = table.get("asked_by", []) if isinstance(table, dict) else []
    names = [name.strip() for name in named.split(",")] if isinstance(named, str) else named
    forms = [keys[name].form for name in names if name in keys] if _are_texts(names) else []
    if not forms:
        return conventions
    form = forms[0] if len(names) == 1 else NumberForm(case=forms[0].case)
    return replace(conventions, numbers=form)


def describe_systems(connectors: Iterable[Connector]) -> dict[str, str]:
    """How each system does as this process sees it, in words for an operator."""
    return {item.name: item.breaker_words for item in connectors if isinstance(item, GuardedConnector)}


def _build(
    config: ConnectorConfig,
    desk_book: DeskBook | None,
    shown: frozenset[str],
    prepare: Callable[[ConnectorConfig], ConnectorConfig],
) -> Connector:
    if isinstance(config, DeskConfig):
        # A desk's facts are read when they are recorded, by a clerk who can mend them: none is left out.
        if desk_book is None:
            raise ValueError(f"nothing keeps the entries of the desk {config.name}")
        prepared = prepare(config)
        assert isinstance(prepared, DeskConfig)
        return DeskConnector(prepared, desk_book)
    config = config.model_copy(update={"fields": mark_shown(config.name, config.fields, shown)})
    return _CONNECTORS[type(config)](prepare(config))
