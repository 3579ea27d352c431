"""Reads the configuration of an `sql` system: a read-only view in the campus data centre 数据中心.

| key | meaning |
| --- | --- |
| `kind` | `"sql"` |
| `url`, `url_file` | SQLAlchemy's database URL, a secret: see below |
| `statement` | one statement that reads; its only parameter is `:student_number` |
| `number_column` | the column of the student number: in every row it must mean the number asked for, as text |
| `numbers_statement` | a statement without parameters that gives the number of every row of the view, in the expression by which `statement` compares it: see below. Needed with `rows = "many"` or `no_record = "empty"` |
| `rows` | `one` or `many` |
| `no_record` | what no row means: `never`: a fault; `empty`: no record of this student, and then `freshness_statement` must prove that the view is filled |
| `[.fields.<fact>]` | as in `http_config.py`; `path` is the column. Numbers and days may be columns of their type or texts, a flag a boolean or 0 and 1, a code that is a whole number is written as a text in `values`. Binary fractions (`REAL`, `FLOAT`, in SQLite every fraction) are refused, as they round money: `CAST` them or `printf('%.2f', …)` |
| `freshness_column` | the column that tells when a row was brought up to date; the oldest row counts ("") |
| `freshness_statement` | a statement without parameters whose one value tells when the view was brought up to date ("") |
| `fresh_for_minutes` | how old that may be: needed with either of the two, and one of them is needed |
| `time_zone` | of moments without a zone of their own, e.g. `Asia/Shanghai`; without it such a moment is refused ("") |
| `statement_seconds` | how long the database may take for a statement (2.5) |
| `threads` | how many statements run at the same time (4) |
| `deadline_seconds` and the others | as in `http_config.py` |

A view whose numbers are padded, in the other case or begin with a blank that nobody sees would have no row for
`WHERE xh = :student_number`, and "no row" may clear. So `numbers_statement` runs in the same transaction, and unless
each number is in the one form of `[numbers]` the whole view is unavailable (`unfolded_number`). Where the view's numbers
are untidy, both statements tidy them alike: `… WHERE upper(trim(xh)) = :student_number` and `SELECT DISTINCT upper(trim(xh)) FROM …`.
A statement that cuts rows off (`LIMIT`, `FETCH FIRST`, `TOP`, `ROWNUM`, `OFFSET`) is refused.

Column names are compared as the database gives them: PostgreSQL lowers names without quotes, Oracle's come in small letters,
and `CHAR(n)` pads with blanks, which `rtrim` in the statement takes away.

URLs: `postgresql+psycopg://reader:…@host/db?sslmode=verify-full&sslrootcert=/etc/…`, `sqlite:////srv/views.sqlite3`. Others need
their driver installed and, as they were never tried here, an account that may only read and has a time limit:
`mysql+pymysql://reader:…@host/db?charset=utf8mb4` (`max_execution_time`), `oracle+oracledb://reader:…@host/?service_name=…`
(a profile with a limit of `cpu_per_call`). Their transactions are made read-only as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from app.connectors.config import read_choice, read_field
from app.connectors.fields import Field, JsonType
from app.connectors.reading import AgeLimit, read_age_limit
from app.domain.conventions import USUAL, Conventions
from app.tables import Table

NUMBER_PARAMETER = "student_number"
MOST_MINUTES = 60 * 24 * 31
_CUTS = re.compile(r"\b(limit|offset|rownum|fetch\s+(first|next)|top\s*\(?\s*[0-9])\b", re.IGNORECASE)
_NO_URL = URL.create("sqlite")


class NoRow(StrEnum):
    """What an answer without a row means."""

    NEVER = "never"
    EMPTY = "empty"


@dataclass(frozen=True, slots=True)
class Freshness:
    """Where the moment of the last update stands, and how old it may be. One of the two texts is empty."""

    column: str
    statement: str
    age: AgeLimit


@dataclass(frozen=True, slots=True)
class SqlConfig:
    """A view, the question to it, and what its answers mean."""

    url: URL = field(repr=False)
    statement: str
    number_column: str
    numbers_statement: str
    is_many: bool
    no_row: NoRow
    fields: Mapping[str, Field]
    freshness: Freshness
    statement_seconds: float
    threads: int
    conventions: Conventions


def read_sql(table: Table, conventions: Conventions = USUAL) -> SqlConfig:
    """The configuration in a table; notes every fault in `table.faults`. Common keys are read elsewhere."""
    config = SqlConfig(
        url=_read_url(table),
        statement=_read_statement(table, "statement", {NUMBER_PARAMETER}),
        number_column=table.text("number_column"),
        numbers_statement=_read_optional_statement(table, "numbers_statement"),
        is_many=table.text("rows", choices=("one", "many")) == "many",
        no_row=read_choice(table, "no_record", NoRow.NEVER),
        fields={name: _read_column(item, conventions) for name, item in table.named_tables("fields").items()},
        freshness=_read_freshness(table),
        statement_seconds=table.number("statement_seconds", 2.5, least=0.05, most=60),
        threads=table.integer("threads", 4, least=1, most=50),
        conventions=conventions,
    )
    if not config.fields:
        table.fault("fields", "names no fact")
    if config.no_row is NoRow.EMPTY and not config.freshness.statement:
        table.fault(
            "no_record",
            "is empty: only a freshness_statement tells a view without rows from one being filled",
        )
    if (config.is_many or config.no_row is NoRow.EMPTY) and not config.numbers_statement:
        table.fault(
            "numbers_statement",
            "is missing: without it a row under a padded or lower-case number is missed without a word",
        )
    return config


def _read_url(table: Table) -> URL:
    written = table.secret("url")
    try:
        url = make_url(written or _NO_URL)
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        table.fault("url", "is not a database URL")
        return _NO_URL
    except ImportError:
        table.fault("url", "names a driver that is not installed")
        return _NO_URL
    if url.get_backend_name() == "sqlite" and written and not _is_file(url):
        table.fault("url", "must name a file by sqlite:///, without parameters")
    return url


def _is_file(url: URL) -> bool:
    return bool(url.database) and url.database != ":memory:" and not url.query


def _read_statement(table: Table, key: str, parameters: set[str]) -> str:
    statement = table.text(key).strip()
    if ";" in statement:
        table.fault(key, "must be one statement without a semicolon")
    elif _CUTS.search(statement):
        table.fault(key, "cuts rows off: LIMIT, FETCH FIRST, TOP, ROWNUM or OFFSET could hide a row")
    elif statement and set(text(statement).compile().params) != parameters:
        wanted = ", ".join(f":{name}" for name in parameters) or "none"
        table.fault(key, f"must have these parameters alone: {wanted}")
    return statement


def _read_optional_statement(table: Table, key: str) -> str:
    return _read_statement(table, key, set()) if table.has(key) else ""


def _read_column(table: Table, conventions: Conventions) -> Field:
    if table.has("json"):
        table.fault("json", "is for http_json: columns have types of their own")
    found = read_field(table, conventions)
    if len(found.path) != 1:
        table.fault("path", "must be the name of a column")
    return replace(found, json_type=JsonType.STRING)


def _read_freshness(table: Table) -> Freshness:
    column = table.text("freshness_column", "")
    statement = _read_optional_statement(table, "freshness_statement")
    if bool(column) == bool(statement):
        table.fault("freshness_column", "or freshness_statement must be set, and only one of them")
    return Freshness(
        column=column,
        statement=statement,
        age=read_age_limit(table, MOST_MINUTES),
    )
