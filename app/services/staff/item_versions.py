"""On what state of a student's item a form about its waiver was drawn, and whether that form was sent before: a form that was
drawn on another state does nothing, and one that is sent again gets its first answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import Table, bindparam, func, select

from app.domain.errors import Conflict
from app.extensions import DatabaseSession, db
from app.models import AuditEvent, DeskDecision, Sender, Waiver, read_connection
from app.services.installation import InstalledMiniApp

ACTS_ON_STUDENTS = ("step_waived", "waiver_withdrawn", "waiver_asked", "approval_asked")
"""The events of what a form on a student's page does."""

_WAIVERS, _DECISIONS = cast("Table", Waiver.__table__), cast("Table", DeskDecision.__table__)
_EVENTS = cast("Table", AuditEvent.__table__)
_COUNT_WAIVERS = (
    select(_WAIVERS.c.step, func.count(_WAIVERS.c.id), func.count(_WAIVERS.c.withdrawn_at))
    .where(
        _WAIVERS.c.mini_app == bindparam("mini_app"),
        _WAIVERS.c.period == bindparam("period"),
        _WAIVERS.c.student_number == bindparam("student_number"),
    )
    .group_by(_WAIVERS.c.step)
)
_COUNT_DECISIONS = (
    select(_DECISIONS.c.connector, func.max(_DECISIONS.c.version))
    .where(
        _DECISIONS.c.student_number == bindparam("student_number"),
        _DECISIONS.c.connector.in_(bindparam("connectors", expanding=True)),
    )
    .group_by(_DECISIONS.c.connector)
)
_FIND_SENT = select(_EVENTS.c.kind, _EVENTS.c.actor, _EVENTS.c.details).where(
    _EVENTS.c.subject == bindparam("subject"), _EVENTS.c.kind.in_(ACTS_ON_STUDENTS)
)
"""Built once: to build them costs more than to run them."""


@dataclass(frozen=True, slots=True)
class ItemVersion:
    """How often an item's waivers changed, by grants and withdrawals, and the version of its desk, 0 where it has none.
    Both only grow, so that their sum tells every change of either.
    """

    waivers: int = 0
    desk: int = 0

    @property
    def total(self) -> int:
        """What a form says it was drawn on."""
        return self.waivers + self.desk


@dataclass(frozen=True, slots=True)
class Form:
    """What a form carries besides its fields: the version of the item that it was drawn on, None where it says none, and
    its nonce, "" where it has none.
    """

    version: int | None = None
    nonce: str = ""

    def require_current(self, now: ItemVersion, waivers_before: int) -> None:
        """Raise Conflict where the item is another by now. A form that names no version does what it says where that is
        done for the first time: after so many changes of waivers.
        """
        is_current = now.waivers == waivers_before if self.version is None else now.total == self.version
        if not is_current:
            raise Conflict(self.version or 0, now)


def read_versions(sender: Sender, installed: InstalledMiniApp, student_number: str) -> dict[str, ItemVersion]:
    """The version of each of a student's items, by step."""
    about = {
        "mini_app": installed.mini_app.slug,
        "period": installed.settings.period,
        "student_number": student_number,
    }
    waivers = {
        step: granted + withdrawn for step, granted, withdrawn in sender.execute(_COUNT_WAIVERS, about)
    }
    names = {key: installed.connectors[key].name for key in installed.desks}
    parameters = {"student_number": student_number, "connectors": sorted(names.values())}
    decided = sender.execute(_COUNT_DECISIONS, parameters) if names else ()
    desks = {row[0]: row[1] for row in decided}
    return {
        key: ItemVersion(waivers.get(key, 0), desks.get(names.get(key, ""), 0))
        for key in installed.mini_app.step_keys
    }


def load_versions(installed: InstalledMiniApp, student_number: str) -> dict[str, ItemVersion]:
    """The same for a page."""
    with read_connection(db.engine) as connection:
        return read_versions(connection, installed, student_number)


def find_sent(
    session: DatabaseSession, student_number: str, form: Form | None, by: str
) -> Mapping[str, Any] | None:
    """What the event says of what this form did when it was first sent; None where it was not. Called within a
    transaction that holds the audit's head, so that nobody sends it at the same time. Raises Conflict for the nonce of
    somebody else's form.
    """
    if form is None or not form.nonce:
        return None
    for kind, actor, details in session.execute(_FIND_SENT, {"subject": student_number}):
        if details.get("nonce") == form.nonce:
            if actor != by:
                raise Conflict(form.version or 0, kind)
            return cast("Mapping[str, Any]", details)
    return None
