"""`flask students`: all that is stored of one student, and who cannot submit and why."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import click
from flask.cli import AppGroup

from app.commands.decisions import UNNAMED, PersonNumber, by_option, mask_number
from app.commands.printing import echo
from app.commands.slips import describe_slip
from app.commands.waivers import describe_waiver, named_facts, require_known
from app.connectors.desk import DOUBT
from app.domain.clearance import NOT_PASSED, Reading, Status, StepState
from app.domain.errors import UnknownNumber
from app.models import AuditEvent
from app.services.clearance.unasked import UNDECIDED
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.operations.stuck import Block, Stuck, StuckStudent, find_stuck
from app.services.operations.student_records import (
    MiniAppRecord,
    StudentRecord,
    ask_departments,
    load_student,
    note_shown,
)

MOST_DAYS = 3_660
ALWAYS_SHOWN = (Status.OUTSTANDING, Status.UNAVAILABLE)
BLOCKING = (*ALWAYS_SHOWN, Status.PENDING, Status.WAITING)
"""The statuses that keep somebody from submitting, as they are counted."""


class Since(click.ParamType[datetime]):
    """A number of days before now, or a day of the service's clock."""

    name = "days|date"

    def __init__(self, installation: Installation) -> None:
        self._installation = installation

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """The moment that it begins with."""
        text = str(value).strip()
        if text.isascii() and text.isdigit() and int(text) <= MOST_DAYS:
            return get_now() - timedelta(days=int(text))
        try:
            day = datetime.strptime(text, "%Y-%m-%d")  # noqa: DTZ007
        except ValueError:
            self.fail(f"{text!r} is neither a number of days nor a day such as 2026-06-20", param, ctx)
        return day.replace(tzinfo=self._installation.settings.service.time_zone)


def make_students_group(installation: Installation) -> AppGroup:
    """The commands of `flask students`."""
    group = AppGroup("students", help="Students: all that is stored of one, and who cannot submit.")
    settings = installation.settings

    @group.command("show")
    @click.argument("number", type=PersonNumber(settings.numbers))
    @click.option("--ask", is_flag=True, help="Ask the departments now, as the student's own page does.")
    @click.option("--all", "shows_all", is_flag=True, help="All audit events, not the newest alone.")
    @by_option(settings.conventions, required=False)
    def show(number: str, ask: bool, shows_all: bool, by: str | None) -> None:
        """Show all that is stored of a student. The audit notes that it was shown, and to whom."""
        record = _load(installation, number, shows_all=shows_all)
        if ask and not record.mini_apps:
            raise click.ClickException("the student has opened no mini-app: there is nothing to ask about")
        note_shown(number, by or UNNAMED)
        if ask:
            ask_departments(installation, record)
            record = _load(installation, number, shows_all=shows_all)
        for line in _list_lines(installation, record):
            echo(line)

    @group.command("stuck")
    @click.option("--step", default="", help="Whom this step keeps.")
    @click.option("--since", type=Since(installation), help="Who looked in so many days, or since a day.")
    @click.option("--mini-app", default="", help="Of one mini-app that is configured.")
    @click.option("--show-numbers", is_flag=True, help="Show whole student numbers.")
    def stuck(step: str, since: datetime | None, mini_app: str, show_numbers: bool) -> None:
        """List who looked and cannot submit, by the answers last kept: no department is asked."""
        with named_facts(installation, mini_app):
            meant = require_known(installation, mini_app, step)
        for installed in meant:
            found = find_stuck(installed, step, since)
            for line in _list_stuck(installation, installed, found, shows_numbers=show_numbers):
                echo(line)

    return group


def _load(installation: Installation, number: str, *, shows_all: bool) -> StudentRecord:
    try:
        return load_student(installation, number, shows_all=shows_all)
    except UnknownNumber as error:
        message = f"nothing is stored of {number}: nobody has signed in with it, and no clerk recorded it"
        raise click.ClickException(message) from error


def _list_lines(installation: Installation, record: StudentRecord) -> Iterator[str]:
    def at(moment: datetime) -> str:
        return _format(installation, moment)

    yield f"student {record.number}"
    for used in record.mini_apps:
        yield from _list_items(installation, used)
    for slip in record.slips:
        yield f"slip of {slip.mini_app}"
        yield from (f"  {line}" for line in describe_slip(installation, slip).splitlines())
    yield from _list_section("waivers", (describe_waiver(installation, one) for one in record.waivers))
    yield from _list_section(
        "desk entries",
        (
            f"{one.connector}  {_join(one.facts)}  recorded {at(one.recorded_at)} by {one.recorded_by}"
            for one in record.entries
        ),
    )
    yield from _list_section(
        "refused rows: unknown at these desks",
        (
            f"{one.connector}  {one.message}  refused {at(one.refused_at)} by {one.refused_by}"
            for one in record.refusals
        ),
    )
    yield from _list_staff_sections(installation, record)
    yield from _list_section(
        "actions",
        (
            f"{at(one.intended_at)}  {one.mini_app}  {one.step}/{one.action}  {one.outcome or 'no outcome yet'}"
            for one in record.actions
        ),
    )
    yield from _list_section(
        "consents", (f"{one.mini_app}  version {one.version}  {at(one.given_at)}" for one in record.consents)
    )
    yield from _list_section(
        "open sessions",
        (f"since {at(one.created_at)}  used {at(one.seen_at)}" for one in record.sessions),
    )
    left = record.event_count - len(record.events)
    yield from _list_section(
        f"audit events, newest first{f' ({left} older ones: --all)' if left else ''}",
        (_describe_event(installation, one) for one in record.events),
    )


def _list_staff_sections(installation: Installation, record: StudentRecord) -> Iterator[str]:
    """What staff see of the student and did at desks, and who looked."""
    yield from _list_section(
        "rosters",
        (
            f"{one.mini_app}  {one.period}  since {_format(installation, one.listed_at)} by {one.source}"
            f"  {one.name}  {one.college}  {one.major}  {one.level}".rstrip()
            for one in record.rosters
        ),
    )
    yield from _list_section(
        "desk decisions",
        (
            f"{_format(installation, one.decided_at)}  {one.connector}  version {one.version}  {one.outcome}"
            f"  by {one.actor} ({one.via})  {one.reason_key}  {one.note}".rstrip()
            for one in record.decisions
        ),
    )
    yield from _list_section(
        "looks of staff", (f"{one.day}  {one.viewer}  {one.page}  {one.count}" for one in record.looks)
    )


def _list_section(title: str, lines: Iterator[str]) -> Iterator[str]:
    """The lines below a title; nothing where there are none."""
    for place, line in enumerate(lines):
        if not place:
            yield title
        yield f"  {line}"


def _list_items(installation: Installation, used: MiniAppRecord) -> Iterator[str]:
    installed = used.installed
    yield f"{installed.mini_app.slug}  {installed.settings.period}  items as last known"
    width = _measure(installed)
    for key, state in used.states.items():
        known = used.known.get(key)
        told = _describe_state(installation, state) if known or state.waits_for else "never asked"
        waived = f"  waived by {state.waived.granted_by}: {state.waived.reason}" if state.waived else ""
        yield f"  {key:<{width}}{told}{waived}"


def _measure(installed: InstalledMiniApp) -> int:
    """How wide a column of the steps' keys is, with the gap after it."""
    return max(16, *(len(key) + 2 for key in installed.mini_app.step_keys))


def _describe_state(installation: Installation, state: StepState) -> str:
    if state.status is Status.NOT_REQUIRED:
        return f"{state.status:<13}by the sign-in, {_format(installation, state.learnt_at)}"
    if state.waits_for:
        return f"{state.status:<13}for {', '.join(state.waits_for)}"
    if state.fault == UNDECIDED:
        begun = _format(installation, state.failing_since or state.learnt_at)
        return f"{state.status:<13}the sign-in does not tell {', '.join(state.unknown)}, since {begun}"
    if state.reading is not None:
        return f"{state.status:<13}{_describe_reading(installation, state.reading)}"
    since = (
        f"no answer since {_format(installation, state.failing_since)}"
        if state.failing_since
        else "no answer"
    )
    before = ""
    if state.last_known is not None:
        told = _describe_reading(installation, state.last_known.reading)
        before = f"; before: {state.last_known.finding.status}  {told}"
    return f"{state.status:<13}{since}{before}"


def _describe_reading(installation: Installation, reading: Reading) -> str:
    age = _describe_age(get_now() - reading.learnt_at)
    records = " | ".join(_join(record) for record in reading.records) or "no record"
    return f"{_format(installation, reading.learnt_at)} ({age} ago)  {records}"


def _join(facts: Any) -> str:
    return " ".join(f"{key}={'' if value is None else value}" for key, value in facts.items() if key != DOUBT)


def _describe_age(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // (24 * 60)} days"


def _describe_event(installation: Installation, event: AuditEvent) -> str:
    details = json.dumps(event.details, ensure_ascii=False)
    return f"{_format(installation, event.happened_at)}  {event.kind}  by {event.actor}  {event.subject}  {details}"


def _format(installation: Installation, moment: datetime) -> str:
    return f"{installation.get_local_time(moment):%Y-%m-%d %H:%M}"


def _list_stuck(
    installation: Installation, installed: InstalledMiniApp, found: Stuck, *, shows_numbers: bool
) -> Iterator[str]:
    """How many first, then each student."""
    slug, period = installed.mini_app.slug, installed.settings.period
    yield f"{slug}  {period}: {len(found.students)} cannot submit; {found.free} could, and have not"
    for key in installed.mini_app.step_keys:
        counts = {status: found.count(key, status) for status in BLOCKING}
        if any(counts.values()):
            shown = {status: count for status, count in counts.items() if count or status in ALWAYS_SHOWN}
            yield f"  {key:<{_measure(installed)}}" + "  ".join(
                f"{count:>6} {status}" for status, count in shown.items()
            )
    for student in found.students:
        yield _describe_stuck(installation, student, shows_numbers=shows_numbers)


def _describe_stuck(installation: Installation, student: StuckStudent, *, shows_numbers: bool) -> str:
    number = student.number if shows_numbers else mask_number(student.number)
    blocks = "; ".join(_describe_block(installation, block) for block in student.blocks)
    return f"{number:<12}  looked {_format(installation, student.looked_at)}  {blocks}"


def _describe_block(installation: Installation, block: Block) -> str:
    if block.waits_for:
        return f"{block.step_key} waiting for {', '.join(block.waits_for)}"
    if block.is_undecided:
        return f"{block.step_key} undecided: the sign-in does not tell whether it is for the student"
    if block.since is None:
        return f"{block.step_key} never answered"
    word = "as of" if block.status in NOT_PASSED else "since"
    return f"{block.step_key} {block.status} {word} {_format(installation, block.since)}"
