"""The buttons 办结 and 未办结 of a desk's counter: what each records, proven at start by the rule of every step that the
desk answers for. No desk can be configured to clear what the rule does not clear.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from app.connectors.base import UntrustedAnswer
from app.connectors.config import ConnectorConfig
from app.connectors.desk import ASK, CLERK, TODAY, DeskConfig, KeptEntry, NoEntry, get_heading, read_entry
from app.domain.clearance import Reading, Status
from app.domain.errors import FieldRefused, NotFound
from app.domain.rules import FactMissing, judge_reading
from app.domain.step import Step
from app.services.desk.cells import CellRefused, read_cell
from app.services.desk.desk import Desk, Facts, list_periods
from app.services.desk.history import Outcome
from app.services.installation import Installation, InstalledMiniApp

SAMPLE_STUDENT, SAMPLE_CLERK = "TS23000001", "20260001"
WANTED: Mapping[Outcome, Status] = {Outcome.DONE: Status.CLEARED, Outcome.NOT_DONE: Status.OUTSTANDING}
"""What the step's rule must make of each button."""


@dataclass(frozen=True, slots=True)
class AskedField:
    """A field that a clerk fills in at the counter: its name in the form, and the heading that stands beside it."""

    name: str
    heading: str


@dataclass(frozen=True, slots=True)
class Buttons:
    """The two buttons of a desk."""

    config: DeskConfig

    def list_asked(self, outcome: Outcome) -> tuple[AskedField, ...]:
        """The fields that this button asks for."""
        return tuple(
            AskedField(name, get_heading(self.config.fields[name]))
            for name, says in self._get_table(outcome).items()
            if says == ASK
        )

    def make_facts(self, outcome: Outcome, clerk: str, typed: Mapping[str, str]) -> Facts:
        """What this button records now, pressed by this clerk. Raises FieldRefused for what was typed, and for a clerk whose
        number the field does not take; what the configuration says itself was proven at the start.
        """
        facts: Facts = {}
        for name, text in self._fill(outcome, clerk, typed).items():
            field = self.config.fields[name]
            try:
                facts[name] = read_cell(field, text)
            except CellRefused as error:
                raise FieldRefused(error.heading) from error
        return facts

    def _fill(self, outcome: Outcome, clerk: str, typed: Mapping[str, str]) -> dict[str, str]:
        words = {TODAY: self.config.conventions.get_today().isoformat(), CLERK: clerk}
        return {
            name: typed.get(name, "") if says == ASK else words.get(says, says)
            for name, says in self._get_table(outcome).items()
        }

    def _get_table(self, outcome: Outcome) -> Mapping[str, str]:
        return self.config.done if outcome is Outcome.DONE else self.config.not_done


@dataclass(frozen=True, slots=True)
class DeskStep:
    """A step that a desk with buttons answers for: what clerks decide at its counter. `undo_window` is for how long they
    may take back their own decisions, `zone` the wall clock.
    """

    installed: InstalledMiniApp
    step: Step
    desk: Desk
    buttons: Buttons
    undo_window: timedelta
    zone: tzinfo

    def judge(self, facts: Facts) -> Status:
        """What the step's rule makes of these facts."""
        return judge_facts(self.desk.config, self.step, facts)


def open_desk_step(installation: Installation, app_path: str, step_key: str) -> DeskStep:
    """The counter of a step. Raises NotFound where there is no such step, or it is no desk with buttons."""
    installed = installation.mini_apps.get(app_path)
    step = installed.mini_app.get_step(step_key) if installed is not None else None
    if installed is None or step is None or step_key not in installed.desks:
        raise NotFound(step_key)
    return _open(installation, installed, step)


def list_desk_steps(installation: Installation) -> list[DeskStep]:
    """The counters of all steps, in the order of the mini-apps and their steps."""
    return [
        _open(installation, installed, step)
        for installed in installation.mini_apps.values()
        for step in installed.mini_app.steps
        if step.key in installed.desks
    ]


def _open(installation: Installation, installed: InstalledMiniApp, step: Step) -> DeskStep:
    config, settings = installed.desks[step.key], installation.settings
    periods = list_periods(settings, config.name)
    desk = Desk(config.name, config, settings.numbers, installed.row_keys, periods)
    window = timedelta(minutes=settings.console.undo_minutes)
    return DeskStep(installed, step, desk, Buttons(config), window, settings.service.time_zone)


def judge_facts(config: DeskConfig, step: Step, facts: Facts) -> Status:
    """What a step's rule makes of the facts of an entry; unavailable where it cannot be judged."""
    now = datetime.now(UTC)
    entry = KeptEntry(SAMPLE_STUDENT, facts, SAMPLE_CLERK, now, is_authentic=True)
    try:
        records = read_entry(config, entry, SAMPLE_STUDENT, config.conventions.zone)
        return judge_reading(
            step.rule, step.no_record, Reading(config.name, SAMPLE_STUDENT, records, now)
        ).status
    except (UntrustedAnswer, FactMissing):
        return Status.UNAVAILABLE


def check_buttons(asked: Iterable[tuple[Step, ConnectorConfig]]) -> list[str]:
    """What is wrong between desks' buttons and the rules of the steps that they answer for."""
    decided = [
        (step, config) for step, config in asked if isinstance(config, DeskConfig) and config.has_buttons
    ]
    return [
        f"connectors.{config.name}.{fault}"
        for step, config in decided
        for outcome in WANTED
        for fault in _check_button(step, config, outcome)
    ] + [
        f"connectors.{config.name}.no_record is empty, and step {step.key} passes without a record: whoever no clerk "
        "handled would pass"
        for step, config in decided
        if step.no_record is Status.CLEARED and config.no_record is NoEntry.EMPTY
    ]


def _check_button(step: Step, config: DeskConfig, outcome: Outcome) -> Iterator[str]:
    table = config.done if outcome is Outcome.DONE else config.not_done
    if set(table) != set(config.fields):
        return  # told already
    read = {use.key for use in step.rule.uses}
    facts: Facts = {}
    is_told = False
    for name, says in table.items():
        field = config.fields[name]
        if says == ASK:
            if name in read:
                is_told = True
                yield f"{outcome}.{name} is {ASK}, and the rule of step {step.key} reads it: what is typed would decide"
            continue
        text = {TODAY: config.conventions.get_today().isoformat(), CLERK: SAMPLE_CLERK}.get(says, says)
        try:
            facts[name] = read_cell(field, text)
        except CellRefused as error:
            is_told = True
            yield f"{outcome}.{name} {error.message}"
    if not is_told:
        yield from _judge_button(step, config, outcome, facts)


def _judge_button(step: Step, config: DeskConfig, outcome: Outcome, facts: Facts) -> Iterator[str]:
    """The rule does not read what is asked for, so that it is judged without."""
    known = config.model_copy(update={"fields": {name: config.fields[name] for name in facts}})
    found = judge_facts(known, step, facts)
    if found is WANTED[outcome]:
        return
    read = [use.key for use in step.rule.uses if use.key in facts]
    table = config.done if outcome is Outcome.DONE else config.not_done
    held = ", ".join(f'{name} = "{table[name]}"' for name in dict.fromkeys(read)) or "no fact that it reads"
    yield f"{outcome} is judged {found} by the rule of step {step.key}, and must be {WANTED[outcome]}: {held}"
