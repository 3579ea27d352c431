"""Whether a pass that rests on "no record" may count: an emptied view has no record of anybody.

At a submission the order is student, control students, student. A view that is empty for the first answer, and
filled again when the control students are asked, shows the record at the third; one that is emptied after the
control students were asked showed its records at the first. So one interruption, whenever it begins and however
long it lasts, clears nobody. A page, which decides nothing, rests on a look that is a few seconds old.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime

from app.connectors.round import Answer, query_systems
from app.domain.clearance import DepartmentUnavailable, Reading, Status
from app.services.control_looks import Look, Outcome
from app.services.installation import InstalledMiniApp
from app.services.sentinels import begin_look
from app.settings import RoundSettings

GRACE_SECONDS = 1.0
LOOKS_WAITED_FOR = 2
"""The look that must end first, where a crowd asks for one, and the one that then begins."""
UNPROVEN = "controls_unproven"

Looks = Mapping[str, "Future[Look] | None"]
"""A look by step; None for a step without control students."""


@dataclass(frozen=True, slots=True)
class PageLooks:
    """The looks that a page's passes rest on, and until when it waits for them (monotonic seconds)."""

    of_steps: Looks
    ends_at: float


def prove_passes(
    installed: InstalledMiniApp,
    answers: Mapping[str, Answer],
    student_number: str,
    deadline: float,
    waived: Collection[str],
) -> tuple[dict[str, Answer], dict[str, datetime]]:
    """Live answers by step, each pass that rests on no record proven: the control students are asked, and then the
    student once more; without right answers about all of them it is unavailable. Also returns when the control
    students of these steps were found right.
    """
    resting = [key for key in _list_resting(installed, answers) if key not in waived]
    if not resting:
        return dict(answers), {}
    looks = {key: begin_look(installed, key, deadline) for key in resting}
    _wait_for(looks, LOOKS_WAITED_FOR * deadline + GRACE_SECONDS)
    agreed = {key: look.ended_at for key in resting if (look := _get_agreed(looks[key])) is not None}
    refused = {key: _refuse(installed, key) for key in resting if key not in agreed}
    connectors = {key: installed.connectors[key] for key in agreed}
    again = query_systems(connectors, student_number, deadline)
    return {**answers, **refused, **again}, agreed


def begin_looks(installed: InstalledMiniApp, limits: RoundSettings, *, is_patient: bool) -> PageLooks:
    """For a page, while its questions are under way: a look for each step that may pass without a record, unless its
    latest is right and fresh.
    """
    seconds = LOOKS_WAITED_FOR * limits.deadline + GRACE_SECONDS if is_patient else limits.page_wait
    keys = [step.key for step in installed.mini_app.steps if step.no_record is Status.CLEARED]
    looks = {
        key: begin_look(installed, key, limits.deadline)
        for key in keys
        if not _is_fresh(installed, key, limits.controls_fresh)
    }
    return PageLooks(looks, time.monotonic() + seconds)


def admit_to_page(
    installed: InstalledMiniApp, answers: Mapping[str, Answer], looks: PageLooks, *, is_patient: bool
) -> dict[str, Answer]:
    """A page's answers by step. A pass that rests on no record is unavailable unless its look is right; while the look
    is awaited it is left out, or for a patient page unavailable.
    """
    resting = {key: looks.of_steps[key] for key in _list_resting(installed, answers) if key in looks.of_steps}
    _wait_for(resting, looks.ends_at - time.monotonic())
    admitted = dict(answers)
    for key, look in resting.items():
        if look is not None and not look.done() and not is_patient:
            del admitted[key]
        elif _get_agreed(look) is None:
            admitted[key] = _refuse(installed, key)
    return admitted


def _list_resting(installed: InstalledMiniApp, answers: Mapping[str, Answer]) -> list[str]:
    """The steps that these answers would let pass for want of a record."""
    return [
        key
        for key, answer in answers.items()
        if isinstance(answer, Reading)
        and not answer.records
        and installed.get_step(key).no_record is Status.CLEARED
    ]


def _is_fresh(installed: InstalledMiniApp, step_key: str, seconds: float) -> bool:
    latest = installed.looks.get_latest(step_key)
    if latest is None or latest.outcome is not Outcome.AGREED:
        return False
    return time.monotonic() - latest.began < seconds


def _wait_for(looks: Looks, seconds: float) -> None:
    wait([look for look in looks.values() if look is not None], timeout=max(0.0, seconds))


def _get_agreed(future: Future[Look] | None) -> Look | None:
    if future is None or not future.done():
        return None
    look = future.result()
    return look if look.outcome is Outcome.AGREED else None


def _refuse(installed: InstalledMiniApp, step_key: str) -> DepartmentUnavailable:
    return DepartmentUnavailable(installed.connectors[step_key].name, UNPROVEN)
