"""What an import or a command would change that it cannot have seen: what was decided at a counter, which an older table
must not overrule without a word, and the items of students who have submitted already, whose slips stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import select, tuple_

from app.connectors.desk import DOUBT
from app.extensions import DatabaseSession
from app.models import Submission
from app.services.desk.desk import CHUNK, Desk, Facts
from app.services.desk.history import Decision, Held, Outcome, make_decision

AT_A_COUNTER = frozenset({Outcome.DONE, Outcome.NOT_DONE, Outcome.UNDONE})
"""What only a person at a counter decides."""


@dataclass(frozen=True, slots=True)
class Overruled:
    """The decisions that would no longer stand, and the students whose items change though they have submitted; both by
    student number.
    """

    decisions: tuple[Decision, ...] = ()
    submitted: tuple[str, ...] = ()


def find_overruled(
    session: DatabaseSession, desk: Desk, changes: Mapping[str, Facts | None], held: Mapping[str, Held]
) -> Overruled:
    """What these changes would overrule: by number what the entry is to hold, None for no entry, and with a mark of doubt
    where the student is to be unknown. `held` is what stands, read in the same transaction.
    """
    changed = sorted(number for number in changes if not _is_doubted_already(changes[number], held[number]))
    return Overruled(
        tuple(
            make_decision(decision)
            for number in changed
            if (decision := held[number].decision) is not None
            and decision["outcome"] in AT_A_COUNTER
            and decision["facts"] != changes[number]
        ),
        _find_submitted(session, desk, changed),
    )


def describe_decision(desk: Desk, decision: Decision) -> str:
    """Who decided what of whom, and when by the wall clock."""
    decided_at = decision.decided_at.astimezone(desk.config.conventions.zone)
    outcome = decision.outcome.replace("_", " ")
    return f"{decision.student_number}: {outcome}, by {decision.actor} at {decided_at:%Y-%m-%d %H:%M}"


def _is_doubted_already(facts: Facts | None, held: Held) -> bool:
    return facts is not None and DOUBT in facts and bool(held.cause)


def _find_submitted(session: DatabaseSession, desk: Desk, numbers: list[str]) -> tuple[str, ...]:
    """Those of the students who submitted in a period for which the desk answers."""
    found: set[str] = set()
    of_period = tuple_(Submission.mini_app, Submission.period).in_(desk.periods)
    for start in range(0, len(numbers), CHUNK):
        of_chunk = Submission.person_number.in_(numbers[start : start + CHUNK])
        found.update(session.scalars(select(Submission.person_number).where(of_period, of_chunk)))
    return tuple(sorted(found))
