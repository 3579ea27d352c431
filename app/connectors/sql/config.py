"""What the table of an `sql` system declares: a read-only view in the campus data centre 数据中心.

`config/DEPARTMENTS.md` explains it to operators.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, ValidationInfo, field_validator
from pydantic import Field as Key
from sqlalchemy import text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from app.config_model import Choice, Number, Secret, Text, Whole, between
from app.connectors.config import ConnectorConfig
from app.connectors.reading import AgeLimit, NumberAs, check_number_as
from app.connectors.sql.echoes import gives_back_parameter

NUMBER_PARAMETER = "student_number"
MOST_MINUTES = 60 * 24 * 31
_CUTS = re.compile(r"\b(limit|offset|rownum|fetch\s+(first|next)|top\s*\(?\s*[0-9])\b", re.IGNORECASE)


_READS = re.compile(r"(\(|\s|--[^\n]*\n|/\*.*?\*/)*(select|with)\b", re.IGNORECASE | re.DOTALL)


class NoRow(StrEnum):
    """What an answer without a row means."""

    NEVER = "never"
    EMPTY = "empty"


def _check_url(written: str) -> str:
    try:
        url = make_url(written)
        url.get_dialect().import_dbapi()
    except (ArgumentError, NoSuchModuleError, ValueError):
        raise ValueError("is not a database URL") from None
    except ImportError:
        raise ValueError("names a driver that is not installed") from None
    if url.get_backend_name() == "sqlite" and not _is_file(url):
        raise ValueError("must name a file by sqlite:///, without parameters")
    return written


def _is_file(url: URL) -> bool:
    return bool(url.database) and url.database != ":memory:" and not url.query


def _with_parameters(*parameters: str) -> AfterValidator:
    """One statement that reads, with these parameters and no others; or none."""

    def check(written: str) -> str:
        statement = written.strip()
        if ";" in statement:
            raise ValueError("must be one statement without a semicolon")
        if statement and not _READS.match(statement):
            raise ValueError("must begin with SELECT or WITH: it may only read")
        if _CUTS.search(statement):
            raise ValueError("cuts rows off: LIMIT, FETCH FIRST, TOP, ROWNUM or OFFSET could hide a row")
        if statement and set(text(statement).compile().params) != set(parameters):
            wanted = ", ".join(f":{name}" for name in parameters) or "none"
            raise ValueError(f"must have these parameters alone: {wanted}")
        return statement

    return AfterValidator(check)


class SqlConfig(ConnectorConfig, AgeLimit):
    """A view, the question to it, and what its answers mean."""

    kind: Literal["sql"] = Key("sql", description="a read-only view in the campus data centre")
    url: Annotated[Secret, AfterValidator(_check_url)] = Key(
        description="SQLAlchemy's database URL, a secret: see below"
    )
    statement: Annotated[Text, _with_parameters(NUMBER_PARAMETER)] = Key(
        description="one statement that reads; its only parameter is `:student_number`"
    )
    number_column: Text = Key(
        description="the column of the student number: in every row it must mean the number asked for, as `number_as` says"
    )
    number_as: Choice[NumberAs] = Key(
        NumberAs.TEXT,
        description="`text`, or `integer` where that column, and the one of `numbers_statement`, holds numbers. These have "
        "lost leading zeros: only where by `[numbers]` no two numbers become one, which is looked at at start. The "
        "statement's parameter stays a text: `WHERE xh = CAST(:student_number AS INTEGER)`",
    )
    numbers_statement: Annotated[str, _with_parameters()] = Key(
        "",
        description="a statement without parameters that gives the number of every row of the view, in the expression "
        'by which `statement` compares it: see below. Needed with `rows = "many"` or `no_record = "empty"`',
    )
    keys_statement: Annotated[str, _with_parameters()] = Key(
        "",
        description="where the view tells a key of `[person_keys]`, and needed there: a statement without parameters that "
        "gives the key of every row, in the expression by which `statement` compares and gives it. Unless each is in the "
        "key's one form (rows without a key are left out of it, or give NULL), the whole view is unavailable (`malformed_key`)",
    )
    rows: Literal["one", "many"] = Key(description="`one` or `many`")
    no_record: Choice[NoRow] = Key(
        description="what no row means: `never`: a fault; `empty`: no record of this student, and then "
        "`freshness_statement` must prove that the view is filled"
    )
    freshness_statement: Annotated[str, _with_parameters()] = Key(
        "",
        description="a statement without parameters whose one value tells when the view was brought up to date",
    )
    freshness_column: str = Key(
        "",
        validate_default=True,
        description="the column that tells when a row was brought up to date; the oldest row counts. It or "
        "`freshness_statement` is needed",
    )
    fresh_for_minutes: Annotated[Number, between(0.01, MOST_MINUTES)] = Key(description="how old that may be")
    statement_seconds: Annotated[Number, between(0.05, 60)] = Key(
        2.5, description="how long the database may take for a statement"
    )
    threads: Annotated[Whole, between(1, 50)] = Key(4, description="how many statements run at the same time")

    @field_validator("freshness_column")
    @classmethod
    def _check_freshness(cls, column: str, info: ValidationInfo) -> str:
        has_statement = bool(info.data.get("freshness_statement", column == ""))  # else told already
        if column and has_statement:
            raise ValueError("and freshness_statement are both set")
        if not column and not has_statement:
            raise ValueError("is missing, or freshness_statement: one of them is needed")
        return column

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        for name, field in self.fields.items():
            if len(field.path) != 1:
                yield f"fields.{name}.path", "must be the name of a column"
        yield from check_number_as(self.number_as, self.conventions)
        if gives_back_parameter(self.statement, self.number_column):
            made = f"makes {self.number_column} of :{NUMBER_PARAMETER}"
            yield "statement", f"{made}: it proves nothing, as the number of a row must come from the view"
        if self.no_record is NoRow.EMPTY and not self.freshness_statement:
            yield (
                "no_record",
                "is empty: only a freshness_statement tells a view without rows from one being filled",
            )
        if (self.rows == "many" or self.no_record is NoRow.EMPTY) and not self.numbers_statement:
            yield (
                "numbers_statement",
                "is missing: without it a row under a padded or lower-case number is missed without a word",
            )
