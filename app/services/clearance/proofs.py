"""Whether a pass may count: an emptied view has no record of anybody, and emptied facts owe nothing.

At a submission every pass rests on right answers about the step's canary students. What passes by its records
needs a look that is a few seconds old, and takes it while the student's own round is under way. What rests on "no
record", or did not pass when it was last asked, is taken in the order student, canary students, student with canary
students beside: a view that is empty for the first answer, and filled again when the canary students are asked, shows
the record at the third; one that is emptied after the canary students were asked showed its records at the first. So
one interruption, whenever it begins and however long it lasts, clears nobody; nor does a view that comes and goes in
step with the questions, since the last ones are asked side by side. Where the student was known not to pass,
the same is done twice more some tenths of a second apart, for a view that comes and goes: whoever has just paid
passes. A page decides nothing, and rests on a look that is a few seconds old.
"""

from __future__ import annotations

import random
import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass
from datetime import datetime

from app.connectors.base import Connector
from app.connectors.client import Answer, query_systems
from app.domain.clearance import NOT_PASSED, DepartmentUnavailable, Reading, Status
from app.services.clearance.cached_answers import CachedAnswer, restore_reading
from app.services.clearance.canaries import (
    begin_look,
    is_pass,
    judge_proven,
    note_contradiction,
    rest_on_look,
)
from app.services.clearance.canary_looks import Look, Outcome
from app.services.installation import InstalledMiniApp
from app.settings import RoundSettings

GRACE_SECONDS = 1.0
LOOKS_WAITED_FOR = 2
"""The look that must end first, where a crowd asks for one, and the one that then begins."""
CONFIRMATIONS = 2
CONFIRM_AFTER_SECONDS = 0.2
UNPROVEN = "controls_unproven"

Looks = Mapping[str, "Future[Look] | None"]
"""A look by step; None for a step without canary students."""
Known = Mapping[str, CachedAnswer]
Proven = tuple[dict[str, Answer], dict[str, datetime]]
"""Answers by step, and when the canary students of the steps that needed them after the student were right."""


@dataclass(frozen=True, slots=True)
class PageLooks:
    """The looks that a page's passes rest on, and until when it waits for them (monotonic seconds)."""

    of_steps: Looks
    ends_at: float
    deadline: float


def ask_proven(
    installed: InstalledMiniApp,
    connectors: Mapping[str, Connector],
    student_number: str,
    limits: RoundSettings,
    waived: Collection[str],
    known: Known,
) -> Proven:
    """What these steps' departments say of a student now, by step, each pass proven. Meanwhile the canary students
    are asked, unless they were right a moment ago.
    """
    waits_until = time.monotonic() + limits.deadline_seconds + GRACE_SECONDS
    looks = {
        key: rest_on_look(installed, key, limits.deadline_seconds, limits.canaries_fresh_seconds)
        for key in connectors
        if key not in waived
    }
    answers = query_systems(connectors, student_number, limits.deadline_seconds)
    passing = {key: looks[key] for key in _list_passing(installed, answers) if looks.get(key)}
    _wait_for(passing, waits_until - time.monotonic())
    refused = {key: _refuse(installed, key) for key, look in passing.items() if not _may_rest_on(look)}
    return prove_passes(installed, answers | refused, student_number, limits.deadline_seconds, waived, known)


def prove_passes(
    installed: InstalledMiniApp,
    answers: Mapping[str, Answer],
    student_number: str,
    deadline: float,
    waived: Collection[str],
    known: Known,
) -> Proven:
    """Live answers by step, each pass that rests on no record, or on what is better than last time, proven: the
    canary students are asked, and then the student once more; twice more where it is better than last time.
    """
    improved = set(_list_improved(installed, answers, known)).difference(waived)
    doubtful = improved.union(_list_resting(installed, answers)).difference(waived)
    if not doubtful:
        return dict(answers), {}
    timeout = LOOKS_WAITED_FOR * deadline + GRACE_SECONDS
    found, agreed = _ask_again(installed, answers, doubtful, student_number, deadline, timeout)
    ends_at = time.monotonic() + deadline
    for _ in range(CONFIRMATIONS):
        unsure = improved.intersection(_list_passing(installed, found))
        if not unsure:
            break
        # Out of step with a view that comes and goes at even times.
        time.sleep(CONFIRM_AFTER_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311
        left = max(0.0, ends_at - time.monotonic())
        again, agreed_again = _ask_again(installed, found, unsure, student_number, deadline, left)
        found, agreed = found | again, agreed | agreed_again
    return {**answers, **found}, agreed


def _ask_again(
    installed: InstalledMiniApp,
    before: Mapping[str, Answer],
    keys: Iterable[str],
    student_number: str,
    deadline: float,
    timeout: float,
) -> Proven:
    """Ask the canary students, who have `timeout` seconds, and then the student once more beside them. Without right
    answers about all of them, or with another answer than before, a step is unavailable; another answer suspends it.
    """
    resting = _list_resting(installed, before)
    first = {key: begin_look(installed, key, deadline) for key in keys}
    _wait_for(first, timeout)
    looks = {key: begin_look(installed, key, deadline) for key in _list_good(first, resting)}
    again = query_systems({key: installed.connectors[key] for key in looks}, student_number, deadline)
    _wait_for(looks, LOOKS_WAITED_FOR * deadline + GRACE_SECONDS)
    good = _list_good(looks, resting)
    differing = {key for key, answer in again.items() if _differ(installed, key, before[key], answer)}
    for key in differing:
        note_contradiction(installed, key)
    refused = {key: _refuse(installed, key) for key in first.keys() - good | differing}
    agreed = {key: look.ended_at for key in good - differing if (look := _get_agreed(looks[key]))}
    return again | refused, agreed


def _list_good(looks: Looks, resting: Collection[str]) -> set[str]:
    """The steps whose look bears a pass: one that rests on no record needs right answers, another none that is wrong."""
    return {
        key for key, look in looks.items() if (_get_agreed(look) if key in resting else _may_rest_on(look))
    }


def begin_looks(installed: InstalledMiniApp, limits: RoundSettings, *, wait_for_all: bool) -> PageLooks:
    """For a page, while its questions are under way: a look for each step that may pass without a record, unless its
    latest is right and fresh.
    """
    seconds = (
        LOOKS_WAITED_FOR * limits.deadline_seconds + GRACE_SECONDS
        if wait_for_all
        else limits.page_wait_seconds
    )
    keys = [step.key for step in installed.mini_app.steps if step.no_record is Status.CLEARED]
    looks = {
        key: begin_look(installed, key, limits.deadline_seconds)
        for key in keys
        if not _is_fresh(installed, key, limits.canaries_fresh_seconds)
    }
    return PageLooks(looks, time.monotonic() + seconds, limits.deadline_seconds)


def admit_to_page(
    installed: InstalledMiniApp,
    answers: Mapping[str, Answer],
    looks: PageLooks,
    known: Known,
    *,
    wait_for_all: bool,
) -> dict[str, Answer]:
    """A page's answers by step. A pass that rests on no record is unavailable unless its look is right; one that is
    better than last time needs a look that begins now, after it. While the look is awaited it is left out, or for a
    patient page unavailable.
    """
    resting = _list_resting(installed, answers)
    of_steps = {key: looks.of_steps[key] for key in resting if key in looks.of_steps}
    for key in _list_improved(installed, answers, known):
        of_steps[key] = begin_look(installed, key, looks.deadline)
    _wait_for(of_steps, looks.ends_at - time.monotonic())
    admitted = dict(answers)
    for key, look in of_steps.items():
        if look is not None and not look.done() and not wait_for_all:
            del admitted[key]
        elif not (_get_agreed(look) if key in resting else _may_rest_on(look)):
            admitted[key] = _refuse(installed, key)
    return admitted


def _list_resting(installed: InstalledMiniApp, answers: Mapping[str, Answer]) -> list[str]:
    """The steps that these answers would let pass for want of a record."""
    return [
        key
        for key, answer in answers.items()
        if isinstance(answer, Reading)
        and answer.lacks_record
        and installed.get_step(key).no_record is Status.CLEARED
    ]


def _list_passing(installed: InstalledMiniApp, answers: Mapping[str, Answer]) -> list[str]:
    return [
        key
        for key, answer in answers.items()
        if isinstance(answer, Reading) and is_pass(judge_proven(installed.get_step(key), answer))
    ]


def _list_improved(installed: InstalledMiniApp, answers: Mapping[str, Answer], known: Known) -> list[str]:
    """The steps with canary students that pass by these answers, and did not by the records that were kept."""
    return [
        key
        for key in _list_passing(installed, answers)
        if key in installed.settings.canaries and key in known and _has_failed(installed, key, known[key])
    ]


def _has_failed(installed: InstalledMiniApp, step_key: str, known: CachedAnswer) -> bool:
    reading = restore_reading(known)
    if reading is None or not reading.records:
        return False
    return judge_proven(installed.get_step(step_key), reading).status in NOT_PASSED


def _differ(installed: InstalledMiniApp, step_key: str, before: Answer, after: Answer) -> bool:
    """Whether two answers about one student at one time exclude each other; a missing one says nothing."""
    if not (isinstance(before, Reading) and isinstance(after, Reading)):
        return False
    step = installed.get_step(step_key)
    has_records = tuple(map(bool, before.parts)), tuple(map(bool, after.parts))
    passes = is_pass(judge_proven(step, before)), is_pass(judge_proven(step, after))
    return len(set(has_records)) > 1 or len(set(passes)) > 1


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


def _may_rest_on(future: Future[Look] | None) -> bool:
    """Whether a pass by records may rest on this look: it has ended, and found nothing wrong."""
    return future is not None and future.done() and future.result().outcome is not Outcome.WRONG


def _refuse(installed: InstalledMiniApp, step_key: str) -> DepartmentUnavailable:
    return DepartmentUnavailable(installed.connectors[step_key].name, UNPROVEN)
