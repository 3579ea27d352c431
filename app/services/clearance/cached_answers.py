"""The last known answers: kept per student and step with their time, for pages only."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import Any, cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.exc import SQLAlchemyError

from app.domain.clearance import DepartmentUnavailable, FactValue, Reading
from app.extensions import db
from app.models import (
    LITTLE_PATIENCE_SECONDS,
    StoredAnswer,
    Submission,
    read_connection,
    upsert,
    write_connection,
)

IN_PORTIONS = {"yield_per": 1000}
"""Not all rows in memory at once."""
log = logging.getLogger(__name__)

_ROWS = cast("Table", StoredAnswer.__table__)
_SELECT = select(
    _ROWS.c.step,
    _ROWS.c.system,
    _ROWS.c.student_number,
    _ROWS.c.records,
    _ROWS.c.learnt_at,
    _ROWS.c.failing_since,
)
_FIND = _SELECT.where(
    _ROWS.c.mini_app == bindparam("mini_app"), _ROWS.c.student_number == bindparam("student_number")
)
"""Built once: to build it costs more than to run it."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """What was kept of one step; see the model `StoredAnswer`. `records` are lists of records where the student was asked
    about by several numbers, one list each.
    """

    step: str
    system: str
    student_number: str
    records: list[Any] | None
    learnt_at: datetime | None
    failing_since: datetime | None

    @property
    def is_unasked(self) -> bool:
        """Whether no department was asked: the step is not for the student, or nobody can tell whether it is."""
        return not self.system


def load_cached_answers(mini_app: str, student_number: str) -> dict[str, CachedAnswer]:
    """What is known of a student, by step, with no read transaction left open."""
    of_student = {"mini_app": mini_app, "student_number": student_number}
    with read_connection(db.engine) as connection:
        return {row.step: CachedAnswer(*row) for row in connection.execute(_FIND, of_student)}


def iterate_unsubmitted(mini_app: str, period: str) -> Iterator[tuple[str, dict[str, CachedAnswer]]]:
    """What is known of each student who has not submitted in this period, by number, and then by step."""
    of_mini_app = _ROWS.c.mini_app == mini_app
    submitted = select(Submission.person_number).where(
        Submission.mini_app == mini_app, Submission.period == period
    )
    query = _SELECT.where(of_mini_app, _ROWS.c.student_number.not_in(submitted))
    with db.engine.connect() as connection:
        rows = connection.execute(query.order_by(_ROWS.c.student_number), execution_options=IN_PORTIONS)
        for number, answers in groupby(rows, lambda row: row.student_number):
            yield number, {row.step: CachedAnswer(*row) for row in answers}


def restore_reading(known: CachedAnswer) -> Reading | None:
    """The reading that was kept, or None while the system never answered."""
    if known.records is None or known.learnt_at is None:
        return None
    parts = [part if isinstance(part, list) else [part] for part in known.records]
    records = tuple(
        {key: _restore(value) for key, value in record.items()} for part in parts for record in part
    )
    is_several = any(isinstance(part, list) for part in known.records)
    counts = tuple(map(len, parts)) if is_several else ()
    return Reading(known.system, known.student_number, records, known.learnt_at, counts)


def store_answers(
    mini_app: str,
    student_number: str,
    answers: Mapping[str, Reading | DepartmentUnavailable],
    known: Mapping[str, CachedAnswer],
    now: datetime,
) -> None:
    """Keep the answers of a round. A page does not fail because they could not be kept: that is logged."""
    described = {step: _describe(answer, known.get(step), now) for step, answer in answers.items()}
    _store(mini_app, student_number, described)


def store_unasked(
    mini_app: str,
    student_number: str,
    exempt: Mapping[str, bool],
    known: Mapping[str, CachedAnswer],
    now: datetime,
) -> None:
    """Keep of steps that no department was asked about whether they are not for the student, or nobody can tell; what is
    kept already stays.
    """
    described = {
        step: {
            "system": "",
            "records": None,
            "learnt_at": now if is_exempt else None,
            "failing_since": None if is_exempt else now,
        }
        for step, is_exempt in exempt.items()
        if (one := known.get(step)) is None
        or not one.is_unasked
        or (one.failing_since is None) is not is_exempt
    }
    _store(mini_app, student_number, described)


def _store(mini_app: str, student_number: str, described: Mapping[str, dict[str, Any]]) -> None:
    """What is described of each step."""
    of_student = {"mini_app": mini_app, "student_number": student_number}
    rows = [of_student | {"step": step} | values for step, values in described.items()]
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
            "records": _describe_parts(answer),
            "learnt_at": answer.learnt_at,
            "failing_since": None,
        }
    return {
        "system": answer.system,
        "records": known.records if known else None,
        "learnt_at": known.learnt_at if known else None,
        "failing_since": (known.failing_since if known else None) or now,
    }


def _describe_parts(answer: Reading) -> list[Any]:
    described = [list(_describe_records(part)) for part in answer.parts]
    return described if answer.counts else described[0]


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
