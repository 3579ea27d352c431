"""One student's timeline 办理记录 for staff: who did what, when and by which way, the newest first. The rows tell what was
done; audit events add who asked, how many decided and by which way. Facts that departments hold are never part of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table, bindparam, func, select

from app.extensions import db
from app.models import Action, AuditEvent, DeskDecision, Slip, SlipView, Submission, Waiver, read_connection
from app.services.authenticated_rows import is_authentic
from app.services.installation import InstalledMiniApp
from app.services.row_keys import RowKeyStore

MOST_SHOWN = 200


class What(StrEnum):
    """What happened. The kinds of a desk are its outcomes."""

    SUBMITTED = "submitted"
    REVOKED = "revoked"
    REISSUED = "reissued"
    WAIVED = "waived"
    WITHDRAWN = "withdrawn"
    ASKED = "asked"
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"
    TAKEN_BACK = "taken_back"
    OVERTAKEN = "overtaken"
    ACTED = "acted"
    SCANNED = "scanned"
    DONE = "done"
    NOT_DONE = "not_done"
    UNDONE = "undone"
    RECORDED = "recorded"
    IMPORTED = "imported"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class Entry:
    """Something that happened to a student at a moment (UTC). `actor` is a number, the student's own where they did it.
    `text` is what somebody wrote, a reason or a note, `asked_for` the kind of a request; `via` is the way (`page`,
    `command`, or a desk's), `persons` how many decided, 0 where nobody noted it; `action` the key of what
    the student had a department do, `times` how often.
    """

    at: datetime
    what: What
    actor: str
    step: str = ""
    text: str = ""
    reason_key: str = ""
    via: str = ""
    persons: int = 0
    asked_by: str = ""
    asked_for: str = ""
    approval: int = 0
    slip: str = ""
    action: str = ""
    times: int = 1


_SLIPS, _SUBMISSIONS = cast("Table", Slip.__table__), cast("Table", Submission.__table__)
_WAIVERS, _DECISIONS = cast("Table", Waiver.__table__), cast("Table", DeskDecision.__table__)
_EVENTS, _VIEWS = cast("Table", AuditEvent.__table__), cast("Table", SlipView.__table__)
_FIND_SLIP = (
    select(_SLIPS.c.id, _SLIPS.c.number, _SUBMISSIONS.c.submitted_at)
    .join(_SUBMISSIONS, _SUBMISSIONS.c.id == _SLIPS.c.submission_id)
    .where(
        _SUBMISSIONS.c.mini_app == bindparam("mini_app"),
        _SUBMISSIONS.c.period == bindparam("period"),
        _SUBMISSIONS.c.person_number == bindparam("student_number"),
        _SUBMISSIONS.c.repeat == 0,
    )
)
_FIND_WAIVERS = select(_WAIVERS).where(
    _WAIVERS.c.mini_app == bindparam("mini_app"),
    _WAIVERS.c.period == bindparam("period"),
    _WAIVERS.c.student_number == bindparam("student_number"),
)
_FIND_DECISIONS = (
    select(_DECISIONS)
    .where(
        _DECISIONS.c.student_number == bindparam("student_number"),
        _DECISIONS.c.connector.in_(bindparam("connectors", expanding=True)),
    )
    .order_by(_DECISIONS.c.id.desc())
    .limit(MOST_SHOWN)
)
_FIND_EVENTS = (
    select(_EVENTS.c.happened_at, _EVENTS.c.kind, _EVENTS.c.actor, _EVENTS.c.details)
    .where(
        _EVENTS.c.subject.in_(bindparam("subjects", expanding=True)),
        _EVENTS.c.kind.in_(bindparam("kinds", expanding=True)),
    )
    .order_by(_EVENTS.c.id.desc())
    .limit(2 * MOST_SHOWN)
)
_FIND_SCANS = (
    select(
        _VIEWS.c.viewer_number, func.max(_VIEWS.c.viewed_at).label("viewed_at"), func.count().label("times")
    )
    .where(_VIEWS.c.slip_id == bindparam("slip_id"))
    .group_by(_VIEWS.c.viewer_number)
)
"""Built once: to build them costs more than to run them."""

_ACTIONS = cast("Table", Action.__table__)
_FIND_ACTIONS = select(_ACTIONS).where(
    _ACTIONS.c.mini_app == bindparam("mini_app"),
    _ACTIONS.c.period == bindparam("period"),
    _ACTIONS.c.student_number == bindparam("student_number"),
)

_OF_WAIVERS = {"step_waived": What.WAIVED, "waiver_withdrawn": What.WITHDRAWN}
_OF_SLIPS = {"slip_revoked": What.REVOKED, "slip_reissued": What.REISSUED}
_OF_STUDENT = {
    "approval_asked": What.ASKED,
    "waiver_asked": What.ASKED,
    "approval_decided": What.APPROVED,
}
_VERDICTS = {
    "approved": What.APPROVED,
    "refused": What.REFUSED,
    "withdrawn": What.TAKEN_BACK,
    "changed": What.OVERTAKEN,
}
_KINDS = [*_OF_WAIVERS, *_OF_SLIPS, *_OF_STUDENT]


def read_timeline(installed: InstalledMiniApp, student_number: str) -> list[Entry]:
    """What happened to a student in this mini-app and period, the newest first, at most MOST_SHOWN: six statements."""
    about = {
        "mini_app": installed.mini_app.slug,
        "period": installed.settings.period,
        "student_number": student_number,
    }
    steps = {connector.name: key for key, connector in installed.connectors.items()}
    with read_connection(db.engine) as connection:
        slip = connection.execute(_FIND_SLIP, about).mappings().first()
        events = _read_events(connection, student_number, slip)
        entries = [
            *_tell_waivers(installed.row_keys, connection.execute(_FIND_WAIVERS, about).mappings(), events),
            *_tell_events(installed, events),
            *_tell_decisions(installed.row_keys, connection, student_number, steps),
            *(
                Entry(row["intended_at"], What.ACTED, student_number, row["step"], action=row["action"])
                for row in connection.execute(_FIND_ACTIONS, about).mappings()
            ),
            *(_tell_slip(connection, slip, student_number) if slip else ()),
        ]
    return sorted(entries, key=lambda entry: entry.at, reverse=True)[:MOST_SHOWN]


def limit_entries(entries: Iterable[Entry], steps: Sequence[str], with_texts: Sequence[str]) -> list[Entry]:
    """What somebody sees who may see these steps only, with what was written at those `with_texts` alone; "" among them is
    what is about no single step.
    """
    return [
        entry if entry.step in with_texts else replace(entry, text="")
        for entry in entries
        if entry.step in steps
    ]


def _read_events(
    connection: Connection, student_number: str, slip: RowMapping | None
) -> Sequence[RowMapping]:
    subjects = [student_number, *([slip["number"]] if slip else [])]
    return connection.execute(_FIND_EVENTS, {"subjects": subjects, "kinds": _KINDS}).mappings().all()


def _tell_waivers(
    keys: RowKeyStore, rows: Iterable[RowMapping], events: Sequence[RowMapping]
) -> Iterator[Entry]:
    """Grants and withdrawals, with what their events add: those are of the same moment."""
    added = {
        (_OF_WAIVERS[event["kind"]], event["details"].get("step"), event["happened_at"]): event["details"]
        for event in events
        if event["kind"] in _OF_WAIVERS
    }
    for row in rows:
        if not is_authentic(keys, Waiver, row):
            continue
        step = row["step"]
        granted = Entry(row["granted_at"], What.WAIVED, row["granted_by"], step, row["reason"])
        yield _add(granted, added.get((What.WAIVED, step, granted.at), {}))
        if row["withdrawn_at"] is not None:
            who, why = row["withdrawn_by"], row["withdrawal_reason"]
            withdrawn = Entry(row["withdrawn_at"], What.WITHDRAWN, who, step, why)
            yield _add(withdrawn, added.get((What.WITHDRAWN, step, withdrawn.at), {}))


def _tell_events(installed: InstalledMiniApp, events: Sequence[RowMapping]) -> Iterator[Entry]:
    """What no other row tells: requests, and a slip's changes."""
    for event in events:
        details, kind = event["details"], event["kind"]
        if kind in _OF_WAIVERS:
            continue
        about = (details.get("mini_app"), details.get("period"))
        if kind in _OF_STUDENT and about != (installed.mini_app.slug, installed.settings.period):
            continue
        what = _OF_SLIPS.get(kind) or _OF_STUDENT[kind]
        if kind == "approval_decided":
            what = _VERDICTS.get(details.get("decision", ""), What.EXPIRED)
        text = details.get("note", "") if kind == "approval_decided" else details.get("reason", "")
        entry = Entry(event["happened_at"], what, event["actor"], details.get("step", ""), text)
        yield _add(entry, details)


def _add(entry: Entry, details: Mapping[str, Any]) -> Entry:
    return replace(
        entry,
        via=details.get("via", ""),
        persons=details.get("persons", 0),
        asked_by=details.get("asked_by", ""),
        asked_for=details.get("kind", ""),
        approval=details.get("approval", 0),
        slip=details.get("slip", ""),
    )


def _tell_decisions(
    keys: RowKeyStore, connection: Connection, student_number: str, steps: Mapping[str, str]
) -> Iterator[Entry]:
    of_student = {"student_number": student_number, "connectors": list(steps)}
    for row in connection.execute(_FIND_DECISIONS, of_student).mappings().all():
        if is_authentic(keys, DeskDecision, row):
            yield Entry(
                row["decided_at"],
                What(row["outcome"]),
                row["actor"],
                steps[row["connector"]],
                row["note"],
                row["reason_key"],
                row["via"],
            )


def _tell_slip(connection: Connection, slip: RowMapping, student_number: str) -> Iterator[Entry]:
    yield Entry(slip["submitted_at"], What.SUBMITTED, student_number, slip=slip["number"])
    for row in connection.execute(_FIND_SCANS, {"slip_id": slip["id"]}).mappings().all():
        yield Entry(row["viewed_at"], What.SCANNED, row["viewer_number"], times=row["times"])
