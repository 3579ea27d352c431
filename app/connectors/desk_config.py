"""Reads the configuration of a `desk`: a department without a system, whose clerks record what holds.

| key | meaning |
| --- | --- |
| `kind` | `"desk"` |
| `number_column` | the heading of the student number in imported files |
| `number_pattern` | what a student number is like (`[0-9A-Za-z]{1,32}`) |
| `no_record` | what a missing entry means: `never`: the item is unavailable; `empty`: no record of this student |
| `[.fields.<fact>]` | as in `http_config.py`, without `json`; `path` is the heading in imported files. A day may be written 2026-6-9 or 2026/6/9, a flag is 是 or 否, true or false |
| `threads` | how many entries are read at the same time (4) |
| `deadline_seconds` and the others | as in `http_config.py` |

Beside its fields every entry has the facts `recorded_by`, a staff number, and `recorded_at`, a text in local time.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from app.connectors.config_parts import read_choice, read_field
from app.connectors.fields import Field, JsonType
from app.connectors.strict_json import Json
from app.domain.clearance import FactValue
from app.tables import Table

RECORDED_BY, RECORDED_AT = "recorded_by", "recorded_at"


class NoEntry(StrEnum):
    """What a missing entry means."""

    NEVER = "never"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class DeskConfig:
    """What a desk records of a student."""

    number_column: str
    number_pattern: str
    no_entry: NoEntry
    fields: Mapping[str, Field]
    threads: int


def read_desk(table: Table) -> DeskConfig:
    """The configuration in a table; notes every fault in `table.faults`. Common keys are read elsewhere."""
    config = DeskConfig(
        number_column=table.text("number_column"),
        number_pattern=_read_pattern(table),
        no_entry=read_choice(table, "no_record", NoEntry.NEVER),
        fields={name: _read_fact(item) for name, item in table.named_tables("fields").items()},
        threads=table.integer("threads", 4, least=1, most=50),
    )
    headings = [config.number_column, *(get_heading(field) for field in config.fields.values())]
    if not config.fields:
        table.fault("fields", "names no fact")
    if len(set(headings)) != len(headings):
        table.fault("fields", "and number_column name a heading twice")
    for name in (RECORDED_BY, RECORDED_AT):
        if name in config.fields:
            table.fault(f"fields.{name}", "is kept by the desk itself")
    return config


def get_heading(field: Field) -> str:
    """The heading of a fact's column."""
    return str(field.path[0])


def read_kept(field: Field, kept: Json) -> FactValue:
    """The fact that a kept text or flag is; raises UntrustedAnswer if it is none."""
    return field.read({get_heading(field): kept})


def _read_pattern(table: Table) -> str:
    pattern = table.text("number_pattern", "[0-9A-Za-z]{1,32}")
    try:
        re.compile(pattern)
    except re.error:
        table.fault("number_pattern", "is not a regular expression")
        return "(?!)"
    return pattern


def _read_fact(table: Table) -> Field:
    if table.has("json"):
        table.fault("json", "is for http_json: a desk keeps texts alone")
    found = read_field(table)
    if len(found.path) != 1:
        table.fault("path", "must be a heading")
        return replace(found, path=(table.where,))
    return replace(found, json_type=JsonType.STRING)
