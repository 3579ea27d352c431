"""A student's case at a desk, as it stands within the transaction that decides about it: looked at in one statement, and
whether the form may be taken at all.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Table, and_, bindparam, select

from app.domain.errors import GrantEnded, NotFound
from app.domain.staff import Right, Scope
from app.extensions import DatabaseSession
from app.models import DeskDecision, RosterEntry, Slip, Submission
from app.services.desk.buttons import DeskStep
from app.services.desk.desk import FIND, cut_out, read_found_row
from app.services.desk.history import Decision, Held, make_decision
from app.services.installation import Installation
from app.services.staff.grants import read_grants

_NONCE = re.compile(r"[0-9A-Za-z_-]{8,32}")
_DECISIONS = cast("Table", DeskDecision.__table__)
_ROSTER, _SLIPS = cast("Table", RosterEntry.__table__), cast("Table", Slip.__table__)
_BY_NONCE = select(_DECISIONS).where(_DECISIONS.c.nonce == bindparam("nonce"))
_SUBMISSIONS = cast("Table", Submission.__table__)
_OF_PERIOD = and_(
    _SUBMISSIONS.c.mini_app == bindparam("mini_app"),
    _SUBMISSIONS.c.period == bindparam("period"),
    _SUBMISSIONS.c.person_number == bindparam("number"),
    _SUBMISSIONS.c.repeat == 0,
)
_IS_LISTED = and_(
    _ROSTER.c.mini_app == bindparam("mini_app"),
    _ROSTER.c.period == bindparam("period"),
    _ROSTER.c.student_number == bindparam("number"),
)
FIND_CASE = FIND.add_columns(
    select(_SLIPS.c.number)
    .join(_SUBMISSIONS, _SUBMISSIONS.c.id == _SLIPS.c.submission_id)
    .where(_OF_PERIOD)
    .scalar_subquery()
    .label("slip_number"),
    select(_ROSTER.c.college).where(_IS_LISTED).scalar_subquery().label("college"),
    select(_DECISIONS.c.id)
    .where(_DECISIONS.c.nonce == bindparam("nonce"))
    .scalar_subquery()
    .label("known_id"),
)
"""What a desk holds of a student, whether the student submitted, and whether the form was sent before: of one moment."""


@dataclass(frozen=True, slots=True)
class Case:
    """A student's case within a transaction: what stands, the desk's declaration where there is no entry, and the id of
    the decision that has the form's nonce already.
    """

    held: Held
    completion: Mapping[str, Any] | None
    slip_number: str
    college: str
    known_id: int | None


class MovedError(Exception):
    """The version that was decided on is not the newest any more."""


def is_nonce(text: str) -> bool:
    """Whether a form may have had this nonce."""
    return bool(_NONCE.fullmatch(text))


def describe_case(desk_step: DeskStep, number: str, nonce: str) -> dict[str, str]:
    """The parameters of `FIND_CASE`."""
    return {
        "connector": desk_step.desk.name,
        "number": number,
        "mini_app": desk_step.installed.mini_app.slug,
        "period": desk_step.installed.settings.period,
        "nonce": nonce,
    }


def read_case(session: DatabaseSession, desk_step: DeskStep, number: str, nonce: str) -> Case:
    """How things stand now, for a form with this nonce."""
    parameters = describe_case(desk_step, number, nonce)
    row = session.connection().execute(FIND_CASE, parameters).mappings().one()
    entry, decision = cut_out(row, "entry_"), cut_out(row, "decision_")
    found = read_found_row(desk_step.desk.row_keys, row, number)
    held = Held(
        entry if entry["connector"] is not None else None,
        decision if decision["id"] is not None else None,
        row["refusal_cause"] or "",
        found.is_lost,
    )
    completion = cut_out(row, "completion_")
    is_declared = completion["connector"] is not None
    return Case(
        held,
        completion if is_declared else None,
        row["slip_number"] or "",
        row["college"] or "",
        row["known_id"],
    )


def require_grant(
    session: DatabaseSession,
    installation: Installation,
    desk_step: DeskStep,
    actor: str,
    right: Right,
    case: Case,
    now: datetime,
    typed: Mapping[str, str],
) -> None:
    """Refuse who has not this right at this moment: the page may have been opened long ago. Raises GrantEnded with what was
    typed, or NotFound.
    """
    installed = desk_step.installed
    scope = Scope(
        installed.mini_app.slug, desk_step.step.key, college=case.college, period=installed.settings.period
    )
    grants = read_grants(installation, session.connection(), actor, now)
    if grants.allows(right, scope):
        return
    ended = [one for one in grants.ended if one.grant.allows(right) and one.grant.scope.covers(scope)]
    if not ended:
        raise NotFound(desk_step.step.key)
    newest = max(ended, key=lambda one: one.ended_at)
    raise GrantEnded(newest.ended_at, newest.ended_by, {name: text for name, text in typed.items() if text})


def repeat(session: DatabaseSession, desk_step: DeskStep, number: str, nonce: str, actor: str) -> Decision:
    """The answer to the same form, sent before. Raises MovedError for another's form, and for a nonce that no form had."""
    row = session.connection().execute(_BY_NONCE, {"nonce": nonce}).mappings().first()
    whose = (row["connector"], row["student_number"], row["actor"]) if row is not None else None
    if row is None or whose != (desk_step.desk.name, number, actor):
        raise MovedError
    return make_decision(row)
