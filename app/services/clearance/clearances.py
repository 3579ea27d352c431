"""Clearance 离校手续: asks the departments and says where each step stands."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

from app.connectors.base import FailureCode
from app.connectors.client import Answer
from app.domain.clearance import (
    DepartmentUnavailable,
    Status,
    StepState,
    Waived,
)
from app.services.clearance.cached_answers import (
    CachedAnswer,
    load_cached_answers,
    store_answers,
    store_unasked,
)
from app.services.clearance.judging import (
    TOO_OFTEN,
    complete,
    drop_unasked,
    judge_all,
    judge_answer,
    recall,
)
from app.services.clearance.proofs import PageLooks, admit_to_page, begin_looks
from app.services.clearance.unasked import (
    NO_DECISIONS,
    Decisions,
    judge_unasked,
)
from app.services.clearance.waivers import list_waivers
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp

GRACE_SECONDS = 1.0
"""How long a patient page waits past the deadline, so that a busy process does not lose an answer."""

MayAsk = Callable[[], bool]
"""Counts a live query, and says whether it may be made."""


def look_up_clearance(
    installation: Installation,
    installed: InstalledMiniApp,
    student_number: str,
    *,
    wait_for_all: bool,
    is_afresh: bool = False,
    may_ask: MayAsk = lambda: True,
    decisions: Decisions = NO_DECISIONS,
) -> dict[str, StepState]:
    """Where each step stands, for a page. Patient: everything is asked afresh and waited for. Otherwise
    what is fresh enough is taken as it is, unless it is asked `is_afresh`, and what does not come in time is still
    being asked. `may_ask` is asked before a new question goes out: after a no the page has what was kept. A step that
    comes after others is asked once they pass, and one that is not for the student by `decisions` never.
    """
    fresh_seconds = installation.settings.round.fresh_seconds
    kept = load_cached_answers(installed.mini_app.slug, student_number)
    known = drop_unasked(kept)
    waivers = list_waivers(installed, student_number)
    now, may_ask = get_now(), cache(may_ask)  # one page counts as one query
    unasked = judge_unasked(installed.mini_app, decisions, waivers, now)
    _keep_decisions(installed, student_number, unasked, decisions, kept)
    wanted = {
        key
        for key in installed.mini_app.step_keys
        if wait_for_all or is_afresh or not _is_fresh(known.get(key), now, fresh_seconds)
    }

    def judge(keys: list[str]) -> dict[str, StepState]:
        asked = _choose_asked(installation, installed, wanted & set(keys), student_number, may_ask)
        found, looks = _gather(installation, installed, asked, student_number, wait_for_all=wait_for_all)
        if wait_for_all:
            for key in asked - found.keys():
                found[key] = DepartmentUnavailable(installed.connectors[key].name, FailureCode.TIMEOUT)
        shown = found | _recall_all(installed, keys, asked, known, wanted)
        answers = _trust(installed, shown, looks, known, wait_for_all=wait_for_all)
        states = _keep_and_judge(installed, student_number, keys, answers, found.keys(), known, waivers)
        return _mark_kept(states, (wanted & set(keys)) - asked)

    return judge_all(installed, unasked, waivers, wanted, judge, decisions)


def look_up_awaited(
    installation: Installation,
    installed: InstalledMiniApp,
    student_number: str,
    awaited: Collection[str],
    may_ask: MayAsk = lambda: True,
    decisions: Decisions = NO_DECISIONS,
) -> dict[str, StepState]:
    """Where each step stands, for a page that is open and waits for these steps: as soon as one of their
    departments has answered. Those that come after others are asked as soon as these pass. The others are as they were
    kept when the page was made; nobody is asked again. `may_ask`, `decisions`: see `look_up_clearance`.
    """
    known = drop_unasked(load_cached_answers(installed.mini_app.slug, student_number))
    waivers = list_waivers(installed, student_number)
    unasked = judge_unasked(installed.mini_app, decisions, waivers, get_now())
    came: set[str] = set()
    asked_at_all: set[str] = set()
    refused: set[str] = set()

    def judge(keys: list[str]) -> dict[str, StepState]:
        wanted = set(keys).intersection(awaited)
        asked = _choose_asked(installation, installed, wanted, student_number, may_ask)
        found, looks = _gather(
            installation,
            installed,
            asked,
            student_number,
            wait_for_all=True,
            is_first_enough=True,
            waits=not came,
        )
        came.update(found)
        asked_at_all.update(asked)
        refused.update(wanted - asked)
        shown = found | _recall_all(installed, keys, asked, known, awaited)
        answers = _trust(installed, shown, looks, known, wait_for_all=True)
        return _keep_and_judge(installed, student_number, keys, answers, found.keys(), known, waivers)

    states = judge_all(installed, unasked, waivers, awaited, judge, decisions)
    return _mark_kept(states, states.keys() - asked_at_all if refused else ())


def look_up_kept(
    installation: Installation,
    installed: InstalledMiniApp,
    student_number: str,
    decisions: Decisions = NO_DECISIONS,
) -> dict[str, StepState]:
    """Where each step stands by what was kept, for a page after one department was asked: nobody is asked again, and
    what is under way is still being asked; so is what may be asked now that the steps before it pass.
    """
    slug, limits = installed.mini_app.slug, installation.settings.round
    known = drop_unasked(load_cached_answers(slug, student_number))
    waivers = list_waivers(installed, student_number)
    looks = begin_looks(installed, limits, wait_for_all=True)

    def judge(keys: list[str]) -> dict[str, StepState]:
        shown = {
            key: answer
            for key, answer in _recall_all(installed, keys, (), known, ()).items()
            if not installation.rounds.is_kept(slug, student_number, key)
            and not _is_older(installed, key, known, limits.fresh_seconds)
        }
        answers = _trust(installed, shown, looks, known, wait_for_all=True)
        return _keep_and_judge(installed, student_number, keys, answers, (), known, waivers)

    unasked = judge_unasked(installed.mini_app, decisions, waivers, get_now())
    return judge_all(installed, unasked, waivers, (), judge, decisions)


def _keep_decisions(
    installed: InstalledMiniApp,
    student_number: str,
    unasked: Mapping[str, StepState],
    decisions: Decisions,
    kept: Mapping[str, CachedAnswer],
) -> None:
    exempt = {key: state.status is Status.NOT_REQUIRED for key, state in unasked.items() if key in decisions}
    store_unasked(installed.mini_app.slug, student_number, exempt, kept, get_now())


def _is_older(
    installed: InstalledMiniApp, step_key: str, known: Mapping[str, CachedAnswer], seconds: float
) -> bool:
    """Whether a step's answer is of before the steps before it were known to pass, give or take these seconds."""
    own = known[step_key].learnt_at if step_key in known else None
    before = [known[key].learnt_at for key in installed.mini_app.list_before(step_key) if key in known]
    return own is not None and any(
        other is not None and other - own > timedelta(seconds=seconds) for other in before
    )


def _choose_asked(
    installation: Installation,
    installed: InstalledMiniApp,
    wanted: Collection[str],
    student_number: str,
    may_ask: MayAsk,
) -> set[str]:
    """The wanted steps that are asked: all, or those whose question is under way anyway."""
    slug = installed.mini_app.slug
    under_way = {key for key in wanted if installation.rounds.is_kept(slug, student_number, key)}
    return set(wanted) if under_way >= set(wanted) or may_ask() else under_way


def _gather(
    installation: Installation,
    installed: InstalledMiniApp,
    asked: Collection[str],
    student_number: str,
    *,
    wait_for_all: bool,
    is_first_enough: bool = False,
    waits: bool = True,
) -> tuple[dict[str, Answer], PageLooks]:
    """The answers of these steps' departments that come while a page waits (it may take what is there alone), and the
    looks at canary students that were begun meanwhile.
    """
    slug, rounds, limits = installed.mini_app.slug, installation.rounds, installation.settings.round
    looks = begin_looks(installed, limits, wait_for_all=wait_for_all)
    systems = {
        step.key: installed.connectors[step.key] for step in installed.mini_app.steps if step.key in asked
    }
    questions = rounds.ask(slug, student_number, systems, limits.deadline_seconds)
    seconds = limits.deadline_seconds + GRACE_SECONDS if wait_for_all else limits.page_wait_seconds
    return rounds.take(questions, seconds if waits else 0, is_first_enough=is_first_enough), looks


def _recall_all(
    installed: InstalledMiniApp,
    keys: Collection[str],
    asked: Collection[str],
    known: Mapping[str, CachedAnswer],
    wanted: Collection[str],
) -> dict[str, Answer]:
    """What was kept of those of these steps that are not asked. A step of which nothing was kept is left out; it is unavailable
    if it was wanted: it may not be asked now.
    """
    recalled: dict[str, Answer] = {}
    for key in keys:
        if key in asked:
            continue
        answer = recall(key, known)
        if answer is None and key in wanted:
            answer = DepartmentUnavailable(installed.connectors[key].name, TOO_OFTEN)
        if answer is not None:
            recalled[key] = answer
    return recalled


def _trust(
    installed: InstalledMiniApp,
    answers: Mapping[str, Answer],
    looks: PageLooks,
    known: Mapping[str, CachedAnswer],
    *,
    wait_for_all: bool,
) -> dict[str, Answer]:
    """The answers that a page may rest on; see `admit_to_page`."""
    admitted = admit_to_page(installed, answers, looks, known, wait_for_all=wait_for_all)
    return {key: installed.distrust(key, answer) for key, answer in admitted.items()}


def _keep_and_judge(
    installed: InstalledMiniApp,
    student_number: str,
    keys: Collection[str],
    answers: Mapping[str, Answer],
    learnt: Collection[str],
    known: Mapping[str, CachedAnswer],
    waivers: Mapping[str, Waived],
) -> dict[str, StepState]:
    """The state of each of these steps by its answer (none yet: it still is asked); what was learnt now is kept."""
    now = get_now()
    new = {key: answer for key, answer in answers.items() if key in learnt}
    store_answers(installed.mini_app.slug, student_number, new, known, now)
    return {
        step.key: complete(
            step, judge_answer(step, answers.get(step.key), now), known.get(step.key), waivers.get(step.key)
        )
        for step in installed.mini_app.steps
        if step.key in keys
    }


def _mark_kept(states: Mapping[str, StepState], keys: Collection[str]) -> dict[str, StepState]:
    """The states, with those marked whose kept answer stands for one that might not be asked for."""
    return {
        key: replace(state, is_kept=True) if key in keys and state.reading and not state.waived else state
        for key, state in states.items()
    }


def _is_fresh(known: CachedAnswer | None, now: datetime, seconds: float) -> bool:
    if known is None or known.learnt_at is None or known.failing_since is not None:
        return False
    return timedelta(0) <= now - known.learnt_at < timedelta(seconds=seconds)
