"""Students who looked at their clearance and cannot submit, and the steps that keep them from it: by the last answers that
were kept. No department is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from app.domain.clearance import Status, StepState, requires_anything
from app.services.clearance.cached_answers import CachedAnswer, iterate_unsubmitted
from app.services.clearance.judging import judge_kept
from app.services.clearance.unasked import UNDECIDED
from app.services.clearance.waivers import list_standing
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp


@dataclass(frozen=True, slots=True)
class Block:
    """A step that keeps a student from submitting. `since`: the answer is of then by which it is outstanding or pending, an
    unavailable one's department has not answered since; None where it never was asked. `is_undecided`: nobody can tell
    whether it is for the student. `waits_for` are the steps before it that do not pass.
    """

    step_key: str
    status: Status
    since: datetime | None
    is_undecided: bool = False
    waits_for: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StuckStudent:
    """`looked_at` is when departments were last asked about the student, as far as an answer or its absence shows it."""

    number: str
    looked_at: datetime
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Stuck:
    """The stuck students of a mini-app, who has waited longest first; `free` counts who could submit and has not."""

    students: tuple[StuckStudent, ...]
    free: int

    def count(self, step_key: str, status: Status) -> int:
        """How many students this step keeps, in this status."""
        return sum(
            block.step_key == step_key and block.status is status
            for student in self.students
            for block in student.blocks
        )


def find_stuck(installed: InstalledMiniApp, step_key: str = "", since: datetime | None = None) -> Stuck:
    """Those of this mini-app's period, whom this step blocks ("": any), and who looked since then."""
    standing, now, free = list_standing(installed), get_now(), 0
    students = []
    for number, known in iterate_unsubmitted(installed.mini_app.slug, installed.settings.period):
        looked_at = _find_look(known.values())
        if looked_at is None or (since is not None and looked_at < since):
            continue
        states = judge_kept(installed, known, standing.get(number, {}), now)
        blocks = _list_blocks(states, known)
        if not blocks:
            free += requires_anything(states)
        elif not step_key or any(block.step_key == step_key for block in blocks):
            students.append(StuckStudent(number, looked_at, blocks))
    students.sort(key=lambda student: (student.looked_at, student.number))
    return Stuck(tuple(students), free)


def _find_look(known: Iterable[CachedAnswer]) -> datetime | None:
    moments = (moment for one in known for moment in (one.learnt_at, one.failing_since) if moment is not None)
    return max(moments, default=None)


def _list_blocks(states: Mapping[str, StepState], known: Mapping[str, CachedAnswer]) -> tuple[Block, ...]:
    return tuple(
        Block(
            key,
            state.status,
            _find_begin(state) if key in known else None,
            state.fault == UNDECIDED,
            state.waits_for,
        )
        for key, state in states.items()
        if not state.is_passed
    )


def _find_begin(state: StepState) -> datetime | None:
    return state.reading.learnt_at if state.reading else state.failing_since
