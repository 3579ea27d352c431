"""The last known answers: kept per student and step with their time, for pages only."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from app.domain.clearance import DepartmentUnavailable, FactValue, Reading
from app.extensions import db
from app.models import LITTLE_PATIENCE_SECONDS, StoredAnswer, read_connection, upsert, write_connection

log = logging.getLogger(__name__)

_ROWS = cast("Table", StoredAnswer.__table__)
_FIND = select(
    _ROWS.c.step,
    _ROWS.c.system,
    _ROWS.c.student_number,
    _ROWS.c.records,
    _ROWS.c.learnt_at,
    _ROWS.c.failing_since,
).where(_ROWS.c.mini_app == bindparam("mini_app"), _ROWS.c.student_number == bindparam("student_number"))
"""Built once: to build it costs more than to run it."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """What was kept of one step; see the model `StoredAnswer`."""

    step: str
    system: str
    student_number: str
    records: list[dict[str, Any]] | None
    learnt_at: datetime | None
    failing_since: datetime | None


def load_cached_answers(mini_app: str, student_number: str) -> dict[str, CachedAnswer]:
    """What is known of a student, by step, with no read transaction left open."""
    of_student = {"mini_app": mini_app, "student_number": student_number}
    with read_connection(db.engine) as connection:
        return {row.step: CachedAnswer(*row) for row in connection.execute(_FIND, of_student)}


def restore_reading(known: CachedAnswer) -> Reading | None:
    """The reading that was kept, or None while the system never answered."""
    if known.records is None or known.learnt_at is None:
        return None
    records = tuple({key: _restore(value) for key, value in record.items()} for record in known.records)
    return Reading(known.system, known.student_number, records, known.learnt_at)


def store_answers(
    mini_app: str,
    student_number: str,
    answers: Mapping[str, Reading | DepartmentUnavailable],
    known: Mapping[str, CachedAnswer],
    now: datetime,
) -> None:
    """Keep the answers of a round. A page does not fail because they could not be kept: that is logged."""
    rows = [
        {"mini_app": mini_app, "student_number": student_number, "step": step}
        | _describe(answer, known.get(step), now)
        for step, answer in answers.items()
    ]
    if not rows:
        return
    try:
        with write_connection(db.engine, LITTLE_PATIENCE_SECONDS) as connection:
            upsert(connection, StoredAnswer, rows)
    except SQLAlchemyError as error:
        log.warning("answers not kept", extra={"mini_app": mini_app, "error": type(error).__name__})


def _describe(
    answer: Reading | DepartmentUnavailable, known: CachedAnswer | None, now: datetime
) -> dict[str, Any]:
    if isinstance(answer, Reading):
        return {
            "system": answer.system,
            "records": list(_describe_records(answer.records)),
            "learnt_at": answer.learnt_at,
            "failing_since": None,
        }
    return {
        "system": answer.system,
        "records": known.records if known else None,
        "learnt_at": known.learnt_at if known else None,
        "failing_since": (known.failing_since if known else None) or now,
    }


def _describe_records(records: Iterable[Mapping[str, FactValue]]) -> Iterable[dict[str, Any]]:
    for record in records:
        yield {key: _describe_value(value) for key, value in record.items()}


def _describe_value(value: FactValue) -> Any:
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    return {"day": value.isoformat()} if isinstance(value, date) else value


def _restore(value: Any) -> FactValue:
    if isinstance(value, dict):
        return Decimal(value["decimal"]) if "decimal" in value else date.fromisoformat(value["day"])
    return value  # type: ignore[no-any-return]
