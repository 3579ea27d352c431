"""What a verification answers, and where a code stands in the issued log: the one row that it reads.

The statements are SQLAlchemy's; they are sent by the driver itself, on a connection of the engine's pool:
Core's own way of sending them takes 90 µs where the row takes 15.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, cast
from weakref import WeakKeyDictionary

from sqlalchemy import (
    ARRAY,
    ClauseElement,
    ColumnElement,
    Dialect,
    Engine,
    PoolProxiedConnection,
    Select,
    String,
    Text,
    and_,
    any_,
    bindparam,
    func,
    or_,
    select,
    type_coerce,
)
from sqlalchemy import cast as cast_column
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import aliased

from app.domain.errors import UnknownSlip
from app.domain.slip import SlipRecord, parse_slip_record
from app.domain.slip_code import Verdict
from app.domain.slip_log import CodeState
from app.extensions import db
from app.models import IssuedCode, SharedReads, Slip, SlipLogEntry, Submission, get_reader

if TYPE_CHECKING:
    from sqlalchemy.sql.compiler import SQLCompiler

_Newest = aliased(SlipLogEntry)
_LOGGED_STATE = (
    select(_Newest.state)
    .where(_Newest.short_code == IssuedCode.short_code)
    .order_by(_Newest.sequence.desc())
    .limit(1)
    .scalar_subquery()
)
_STANDINGS = (
    select(
        IssuedCode.short_code,
        IssuedCode.digits,
        IssuedCode.state,
        _LOGGED_STATE,
        IssuedCode.slip_id,
        Slip.check_count,
        cast_column(type_coerce(Slip.record, Text), Text),
    )
    .join(Slip, Slip.id == IssuedCode.slip_id)
    .join(Submission, Submission.id == Slip.submission_id)
    .join(
        SlipLogEntry,
        and_(
            SlipLogEntry.sequence == IssuedCode.log_sequence,
            SlipLogEntry.short_code == IssuedCode.short_code,
            SlipLogEntry.state == CodeState.ISSUED.value,
        ),
    )
)
_RECORD = select(Slip.record).where(Slip.id == bindparam("slip_id"))
_REVOKED_CODES = (
    select(IssuedCode.id)
    .join(SlipLogEntry, SlipLogEntry.short_code == IssuedCode.short_code)
    .where(
        IssuedCode.slip_id == bindparam("slip_id"),
        or_(
            SlipLogEntry.state == CodeState.REVOKED.value,
            IssuedCode.state == CodeState.REVOKED.value,
        ),
    )
)


@dataclass(frozen=True, slots=True)
class PublicSlip:
    """What a stranger may see of a slip."""

    title: str
    masked_name: str
    last_four: str
    college: str
    level: str
    issued_on: str


@dataclass(frozen=True, slots=True)
class Verification:
    """A verdict, and where the slip stands in the issued log what may be shown of it, the code's digits, and
    how often the slip was checked before. `slip_id` is the slip's row, for the log of checks alone.
    """

    verdict: Verdict
    slip: PublicSlip | None = None
    digits: str = ""
    check_count: int = 0
    slip_id: int | None = None


class LoggedCode(NamedTuple):
    """A code that was issued for a submitted slip. `row_state` is what its row says of it, `logged_state` the
    log's newest entry; `slip_id` is the slip's row, `record` its record as it stands there now, as JSON.
    """

    short_code: str
    digits: str
    row_state: str
    logged_state: str
    slip_id: int
    check_count: int
    record: str

    @property
    def state(self) -> str:
        """Issued only where row and log say so: nobody brings a code back by writing over its row."""
        return self.row_state if self.logged_state == CodeState.ISSUED else self.logged_state


def find_issued_code(short_code: str) -> LoggedCode | None:
    """The code of this short code, or None where no slip that was submitted has it. Raises SQLAlchemyError."""
    engine = db.engine
    reads = _shared_reads.get(engine) or _shared_reads.setdefault(engine, SharedReads())
    return reads.find(short_code, lambda codes: _find_issued_codes(get_reader(engine), codes))


def is_revoked(slip_id: int) -> bool:
    """Whether the slip of this row is revoked, by whichever of its codes. Raises SQLAlchemyError."""
    return bool(_read_rows(get_reader(db.engine), _REVOKED_CODES, {"slip_id": slip_id}))


def load_record(slip_id: int) -> SlipRecord:
    """A slip's record by its row. Raises UnknownSlip, or SQLAlchemyError."""
    rows = _read_rows(get_reader(db.engine), _RECORD, {"slip_id": slip_id})
    if not rows:
        raise UnknownSlip
    record = rows[0][0]
    # SQLite keeps JSON as text; PostgreSQL's driver has parsed it already.
    return parse_slip_record(json.loads(record) if isinstance(record, str) else record)


_shared_reads: WeakKeyDictionary[Engine, SharedReads[str, LoggedCode]] = WeakKeyDictionary()


def _find_issued_codes(engine: Engine, short_codes: Sequence[str]) -> Mapping[str, LoggedCode]:
    is_postgresql = engine.dialect.name == "postgresql"
    codes = list(short_codes) if is_postgresql else json.dumps(short_codes)
    rows = _read_rows(engine, _choose_issued_codes(is_postgresql=is_postgresql), {"short_codes": codes})
    return {row[0]: LoggedCode(*row) for row in rows}


@lru_cache(maxsize=2)
def _choose_issued_codes(*, is_postgresql: bool) -> Select[Any]:
    """The statement for any number of codes, whose text is always the same: a database keeps its plan."""
    is_asked: ColumnElement[bool]
    if is_postgresql:
        is_asked = IssuedCode.short_code == any_(bindparam("short_codes", type_=ARRAY(String)))
    else:
        asked = func.json_each(bindparam("short_codes", type_=String)).table_valued("value")
        is_asked = IssuedCode.short_code.in_(select(asked.c.value))
    return _STANDINGS.where(is_asked)


def _read_rows(
    engine: Engine, statement: ClauseElement, values: dict[str, object]
) -> Sequence[Sequence[Any]]:
    """The rows as the driver gives them: texts, numbers and JSON. Raises SQLAlchemyError."""
    text, constants, order = _compile(statement, engine.dialect)
    named = {**constants, **values}
    parameters = [named[name] for name in order] if order is not None else named
    try:
        with closing(engine.raw_connection()) as connection:
            return _fetch(engine, connection, text, parameters)
    except engine.dialect.loaded_dbapi.Error as error:
        raise OperationalError(None, None, error) from error


@lru_cache(maxsize=8)
def _compile(statement: ClauseElement, dialect: Dialect) -> tuple[str, dict[str, Any], list[str] | None]:
    """The text, the parameters that it brings, and all parameters' order where the driver goes by it."""
    compiled = cast("SQLCompiler", statement.compile(dialect=dialect))
    return compiled.string, compiled.params, compiled.positiontup


def _fetch(
    engine: Engine, connection: PoolProxiedConnection, text: str, parameters: Any
) -> Sequence[Sequence[Any]]:
    """One statement outside any transaction: neither SQLite's connections (models/engine.py) nor the reader's
    begin one by themselves.
    """
    driver: Any = connection.dbapi_connection
    try:
        rows: Sequence[Sequence[Any]] = driver.cursor().execute(text, parameters).fetchall()
    except engine.dialect.loaded_dbapi.Error as error:
        is_lost = engine.dialect.is_disconnect(error, driver, None)
        connection.invalidate(error)
        if is_lost:
            engine.dispose()  # and so are the pool's others
        raise
    return rows
