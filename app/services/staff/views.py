"""The log of looks 查看记录: who looked at which student, on which page of staff and on which day. It is written before the
page is shown, and apart from the audit's chain, whose one head every look at a counter would else wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

from sqlalchemy import ColumnElement, RowMapping, Table, select

from app.extensions import db
from app.models import StaffView, add_up, read_connection, retry_conflicts, write_connection

_VIEWS = cast("Table", StaffView.__table__)


@dataclass(frozen=True, slots=True)
class DayOfViews:
    """How often somebody of this number looked at the student `subject` on a page on a day of the service's wall clock;
    `first_at` and `last_at` are UTC.
    """

    viewer: str
    subject: str
    page: str
    day: date
    count: int
    first_at: datetime
    last_at: datetime


def log_view(viewer: str, subject: str, page: str, now: datetime) -> None:
    """Log that `viewer` is shown the student `subject` (folded numbers) on this page, and return once that is stored. `now`
    is on the service's wall clock, whose day it counts for. Raises SQLAlchemyError where it cannot be written: then the
    page must not be shown.
    """
    log_views(viewer, [subject], page, now)


@retry_conflicts
def log_views(viewer: str, subjects: Collection[str], page: str, now: datetime) -> None:
    """The same of several students whom one page shows, each once; of none nothing is written."""
    told = {"viewer": viewer, "page": page, "day": now.date(), "count": 1, "first_at": now, "last_at": now}
    rows = [{**told, "subject": subject} for subject in sorted({*subjects})]
    if rows:
        with write_connection(db.engine) as connection:
            add_up(connection, StaffView, rows, "count", moved=("last_at",))


def list_views(
    *,
    subject: str = "",
    viewer: str = "",
    day: date | None = None,
    since: date | None = None,
    before: datetime | None = None,
    limit: int | None = None,
    within: Callable[[ColumnElement[str]], ColumnElement[bool]] | None = None,
) -> list[DayOfViews]:
    """Looks at a student, by a person and on a day, or from a day on, the newest first; "" and None are all. `before`
    leaves out those whose last look was then or later. At most `limit`, and besides those of the very moment of the last
    one, so that a page that goes on before that moment misses none. `within` makes of the column of students the
    condition of a scope.
    """
    conditions: list[ColumnElement[bool]] = [
        *([within(_VIEWS.c.subject)] if within is not None else []),
        *([_VIEWS.c.subject == subject] if subject else []),
        *([_VIEWS.c.viewer == viewer] if viewer else []),
        *([_VIEWS.c.day == day] if day is not None else []),
        *([_VIEWS.c.day >= since] if since is not None else []),
    ]
    earlier = [_VIEWS.c.last_at < before] if before is not None else []
    found = _read([*conditions, *earlier], limit)
    if limit is None or len(found) < limit:
        return found
    last = found[-1].last_at
    same = _read([*conditions, _VIEWS.c.last_at == last], None)
    return [*(one for one in found if one.last_at != last), *same]


def _read(conditions: Sequence[ColumnElement[bool]], limit: int | None) -> list[DayOfViews]:
    newest = (_VIEWS.c.last_at.desc(), _VIEWS.c.viewer, _VIEWS.c.subject, _VIEWS.c.page)
    query = select(_VIEWS).where(*conditions).order_by(*newest).limit(limit)
    with read_connection(db.engine) as connection:
        return [_make_day(row) for row in connection.execute(query).mappings()]


def _make_day(row: RowMapping) -> DayOfViews:
    return DayOfViews(**row)
