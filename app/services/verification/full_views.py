"""The log of full views 查看记录: which signed-in guard or clerk was shown all of a slip, and when. It is written before the
page is shown, and apart from the audit's chain, whose one head all events of a gate's morning would wait for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, insert, select

from app.domain.person import Person, Role
from app.extensions import db
from app.models import Slip, SlipView, read_connection, write_connection

SAME_WITHIN = timedelta(minutes=1)
"""Within this time one person sees a slip once, however often the page is loaded."""
LOCK_TIMEOUT_SECONDS = 2.0
"""A gate does not wait longer for a page that it can do without."""

_NEWEST = select(SlipView.id).where(
    SlipView.slip_id == bindparam("slip_id"),
    SlipView.viewed_at > bindparam("since"),
    SlipView.viewer_number == bindparam("viewer_number"),
)
_LOCK_SLIP = select(Slip.id).where(Slip.id == bindparam("slip_id")).with_for_update(key_share=True)


@dataclass(frozen=True, slots=True)
class LoggedView:
    """That somebody of this number, in this role, was shown all of the slip of that number; `viewed_at` is UTC."""

    viewed_at: datetime
    viewer_number: str
    role: Role
    slip_number: str


def record_view(person: Person, slip_id: int, now: datetime) -> None:
    """Log that the person is shown all of the slip of this row. Raises SQLAlchemyError where that cannot be written:
    then it must not be shown.
    """
    view = {"slip_id": slip_id, "viewer_number": person.number}
    same = {**view, "since": now - SAME_WITHIN}
    with read_connection(db.engine) as connection:
        if connection.execute(_NEWEST, same).first() is not None:
            return
    with write_connection(db.engine, LOCK_TIMEOUT_SECONDS) as connection:
        connection.execute(_LOCK_SLIP, {"slip_id": slip_id})  # two windows at once are one view
        if connection.execute(_NEWEST, same).first() is None:
            connection.execute(insert(SlipView), {**view, "viewed_at": now, "role": person.role})


def list_views(
    slip_number: str | None = None, viewer_number: str | None = None, since: datetime | None = None
) -> Iterator[LoggedView]:
    """The views of a slip, by a person and from a moment on, or of all, oldest first."""
    query = select(SlipView.viewed_at, SlipView.viewer_number, SlipView.role, Slip.number).join(
        Slip, Slip.id == SlipView.slip_id
    )
    if slip_number is not None:
        query = query.where(Slip.number == slip_number)
    if viewer_number is not None:
        query = query.where(SlipView.viewer_number == viewer_number)
    if since is not None:
        query = query.where(SlipView.viewed_at >= since)
    with db.engine.connect() as connection:
        for viewed_at, number, role, slip in connection.execute(
            query.order_by(SlipView.viewed_at, SlipView.id)
        ):
            yield LoggedView(viewed_at, number, Role(role), slip)
