"""What an operator asks of the whole installation: `flask check-config`, `doctor`, `wait-for-database`, `backup`,
`purge`, `audit`, `numbers`, `sessions` and `sign-in`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TextIO

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app.commands.decisions import UNNAMED, Day, PersonNumber, StaffNumber, by_option, mask_number
from app.commands.printing import echo
from app.documents.certificate import UnusableCertificate
from app.domain.keys import NoSigningKey
from app.domain.person import USUAL_PATTERN
from app.extensions import db
from app.identity.base import IdentityProvider, Severity
from app.models import write_transaction
from app.services.audit import count_events, export_events, find_audit_faults
from app.services.clearance.canaries import list_unwatched_facts
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.numbers import ACTOR, fold_stored_numbers
from app.services.operations.backup import BackupFailed, NotOneFile, back_up
from app.services.operations.checkpoints import tell_checkpoint_faults
from app.services.operations.database_wait import wait_for_database
from app.services.operations.demo_traces import find_demo_traces
from app.services.operations.faults import NO_KEY, describe_fault
from app.services.operations.health import check_all
from app.services.operations.retention import (
    AuditBroken,
    count_overdue_events,
    list_overdue,
    note_purge,
    purge_audit,
)
from app.services.operations.row_codes import keep_authentic
from app.services.sign_in.sessions import SessionStore, end_sessions_of
from app.services.slips.checkpoint_journal import JOURNAL
from app.services.slips.signing_keys import SlipKeyError
from app.services.staff.views import list_views as list_looks
from app.services.verification.full_views import list_views
from app.settings import MiniAppSettings
from app.version import VERSION

AUDIT_EVENTS = "audit events"
ANY_NUMBER = (
    "[numbers] pattern admits any letters and digits: a row under a mistyped number would be nobody's, and its "
    "student's debt unseen"
)
WARNING = "WARNING:"
WAIT_SECONDS = 600


def register_operation(
    app: Flask, installation: Installation, providers: Mapping[str, IdentityProvider]
) -> None:
    """Add the operator's commands to `flask`."""
    app.cli.add_command(_make_check_config(installation, providers))
    app.cli.add_command(_make_doctor(installation, providers))
    app.cli.add_command(_make_wait())
    app.cli.add_command(_make_backup())
    app.cli.add_command(_make_purge(installation))


def _make_check_config(
    installation: Installation, providers: Mapping[str, IdentityProvider]
) -> click.Command:
    @click.command("check-config")
    @click.option("--strict", is_flag=True, help="Exit 1 where there is a WARNING.")
    def check_config(strict: bool) -> None:
        """Say whether the configuration is usable, what it comes to, and what it still has of the demo. Asks nobody."""
        # A configuration with other mistakes never comes here: wsgi.py lists them all and ends.
        moment = installation.get_local_time(get_now())
        try:
            kid, _ = installation.slip_keys.current().get_signer(moment)
            installation.row_keys.current()
            _ = installation.file_signer
        except (SlipKeyError, UnusableCertificate, NoSigningKey) as error:
            hint = "" if installation.settings.slip.keys.exists() else f" ({NO_KEY})"
            message = f"the configuration is not usable:\n  - {describe_fault(error)}{hint}"
            raise click.ClickException(message) from error
        echo("the configuration is usable")
        lines = [*_describe_service(installation, providers), f"slip keys    key {kid} signs"]
        for name, words in find_demo_traces(installation.settings, os.environ):
            lines.append(f"{WARNING} ({name}) {words}")
        for line in lines:
            echo(f"  {line}")
        sys.exit(1 if strict and any(WARNING in line for line in lines) else 0)

    return check_config


def _describe_service(installation: Installation, providers: Mapping[str, IdentityProvider]) -> Iterator[str]:
    """A line for each part; names and addresses, and no secrets."""
    settings = installation.settings
    service = settings.service
    yield f"version      {VERSION} ({service.commit or 'no checkout'})"
    yield f"service      {service.base_url}, behind {service.proxy_count} proxies, {service.time_zone.key}"
    yield f"database     {'one SQLite file' if settings.database.url.startswith('sqlite') else 'PostgreSQL'}"
    storage = settings.rate_limit.storage_url.split(":")[0]
    yield f"rate limits  counted in {storage}{', by each worker for itself' if storage == 'memory' else ''}"
    for name, provider in providers.items():
        yield f"sign-in      {name}: {settings.sign_in[name]['kind']}, {provider.label}"
    for installed in installation.mini_apps.values():
        chosen = installed.settings
        yield f"mini-app     {chosen.slug}: {chosen.period}, open {_describe_days(chosen)}"
        yield f"             {_describe_slip(installed)}"
        for step, connector in chosen.steps.items():
            watched = _describe_controls(installed, step)
            kind = settings.connectors[connector]["kind"]
            yield f"             {step} <- {connector} ({kind}), {watched}"
            if kind == "sql" and settings.numbers.pattern == USUAL_PATTERN:
                yield f"             {WARNING} {connector} is a view, and {ANY_NUMBER}"
    kept = settings.retention
    yield f"retention    audit {kept.audit_days} days, checks {kept.slip_checks_days}, views {kept.slip_views_days}, looks {kept.views_days}, closed cases {kept.closed_cases_days}"


def _describe_days(chosen: MiniAppSettings) -> str:
    if chosen.is_rolling:
        return f"all year from {chosen.opens_on} on, once a person"
    return f"from {chosen.opens_on} to {chosen.closes_on}"


def _describe_slip(installed: InstalledMiniApp) -> str:
    """Who issues the slips of a mini-app, with which seal, and what they say above it."""
    slip, seal = installed.mini_app.slip, installed.settings.seal
    stamp = f"the seal of SHA-256 {seal.digest}" if seal else "a place for a stamp"
    office = f"issued by {slip.issuing_office} with {stamp}" if slip.issuing_office else "of no office"
    return f"slip {office}: {slip.statement}"


def _describe_controls(installed: InstalledMiniApp, step_key: str) -> str:
    controls = installed.settings.canaries.get(step_key)
    if controls is None:
        return "no canary students"
    unwatched = list_unwatched_facts(installed.get_step(step_key), controls)
    missing = f"; {WARNING} no failing one for {', '.join(unwatched)}" if unwatched else ""
    return f"watched by canary students{missing}"


def _make_doctor(installation: Installation, providers: Mapping[str, IdentityProvider]) -> click.Command:
    @click.command("doctor")
    @with_appcontext
    def doctor() -> None:
        """Look at database, keys, fonts, sign-in, departments, clock, disk and files; exits 1 on a FAULT."""
        faults = 0
        echo(f"{'':<7}{'area':<36}finding")
        for area, finding in check_all(installation, providers):
            faults += finding.fit is Severity.FAULT
            echo(f"{finding.fit:<7}{area:<36}{finding.message}")
        echo(f"{faults} fault(s)" if faults else "all is well")
        sys.exit(1 if faults else 0)

    return doctor


def _make_wait() -> click.Command:
    @click.command("wait-for-database")
    @click.option(
        "--seconds", type=click.IntRange(0), default=WAIT_SECONDS, show_default=True, help="At most."
    )
    @with_appcontext
    def wait(seconds: int) -> None:
        """Return once the database answers; exits 1 where it does not in time. Changes nothing."""
        if not wait_for_database(seconds, lambda missing: echo(f"no database yet: {missing}", err=True)):
            raise click.ClickException(f"the database did not answer within {seconds} seconds")

    return wait


def _make_backup() -> click.Command:
    @click.command("backup")
    @click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
    @with_appcontext
    def backup(file: Path) -> None:
        """Copy the database to a new FILE while the service goes on. The keys are not in it."""
        try:
            size = back_up(file)
        except BackupFailed as error:
            raise click.ClickException(str(error)) from error
        except NotOneFile as error:
            raise click.ClickException(
                f"nothing was copied; PostgreSQL's own program does it:\n{error.command}"
            ) from error
        echo(
            f"{size / 2**20:.1f} MiB, checked whole. Back up the folder of [slip] keys separately, without {JOURNAL}: "
            "without its row keys no waiver and no desk entry counts."
        )

    return backup


def _make_purge(installation: Installation) -> click.Command:
    @click.command("purge")
    @click.option("--dry-run", is_flag=True, help="Count only.")
    @by_option(installation.settings.conventions, required=False)
    @with_appcontext
    def purge(dry_run: bool, by: str | None) -> None:
        """Delete personal data that is past its time in [retention]."""
        if dry_run:
            _count_overdue(installation)
            return
        try:
            _purge(installation, by or UNNAMED)
        except AuditBroken as error:
            raise click.ClickException(
                "the audit events are not whole, and stay: see `flask audit verify`"
            ) from error

    return purge


def _count_overdue(installation: Installation) -> None:
    retention, now = installation.settings.retention, get_now()
    for overdue in list_overdue(retention, now):
        echo(f"{overdue.count():>9}  {overdue.name}")
    echo(f"{count_overdue_events(retention, now):>9}  {AUDIT_EVENTS}")
    echo("nothing was deleted")


def _purge(installation: Installation, actor: str) -> None:
    retention, now = installation.settings.retention, get_now()
    counts: dict[str, int] = {}
    for overdue in list_overdue(retention, now):
        with click.progressbar(length=overdue.count(), label=f"{overdue.name:<16}", file=sys.stderr) as bar:
            counts[overdue.name] = overdue.purge(bar.update)
    if any(counts.values()):
        note_purge(counts, actor, now)
    counts[AUDIT_EVENTS] = purge_audit(retention, actor, now)
    for name, count in counts.items():
        echo(f"{count:>9}  {name} deleted")


_DAY = Day(["%Y-%m-%d"])


def make_audit_group(installation: Installation) -> AppGroup:
    """The commands of `flask audit`."""
    group = AppGroup(
        "audit",
        help="The audit events, each of which holds the hash of the one before it, and who saw slips and students.",
    )
    numbers = installation.settings.numbers

    @group.command("verify")
    def verify() -> None:
        """Look for altered, removed or reordered events, for slips without theirs, for rows that decide without theirs or
        without a true code, and for what the checkpoints tell of; exits 1 when there are any.
        """
        with _progress("reading events") as on_event:
            faults = list(find_audit_faults(on_event, installation.row_keys))
        faults += tell_checkpoint_faults(installation, db.engine)
        echo("\n".join(faults) or "the audit events are whole, and so are the rows that they tell of")
        sys.exit(1 if faults else 0)

    @group.command("export")
    @click.argument("file", type=click.File("w", encoding="utf-8", lazy=False), default="-")
    @click.option("--from", "first", type=_DAY, help="The first day, on the service's clock.")
    @click.option("--to", "last", type=_DAY, help="The last day, included.")
    def export(file: TextIO, first: datetime | None, last: datetime | None) -> None:
        """Write the events as JSON lines to FILE, or to standard output. They name students: guard the file."""
        since = _get_start(installation, first)
        until = _get_start(installation, last + timedelta(days=1) if last else None)
        count = 0
        with _progress("reading events") as on_event:
            for line in export_events(since, until, on_event):
                file.write(f"{line}\n")
                count += 1
        echo(f"{count} event(s) written", err=True)

    @group.command("views")
    @click.option("--slip", help="The number of one slip: who was shown all of it.")
    @click.option("--student", type=PersonNumber(numbers), help="A student: who of the staff looked.")
    @click.option("--person", type=StaffNumber(installation.settings.conventions), help="Who saw it.")
    @click.option("--since", type=_DAY, help="The first day, on the service's clock.")
    @with_appcontext
    def views(slip: str | None, student: str | None, person: str | None, since: datetime | None) -> None:
        """List who was shown all of a slip, oldest first, and then who looked at a student on a page of staff, newest first
        and a day's looks in one line. They name staff and students: guard the output.
        """
        lines: list[str] = []
        if student is None:
            lines += _describe_slip_views(installation, slip, person, since)
        if slip is None:
            lines += _describe_looks(installation, student or "", person or "", since)
        for line in lines:
            echo(line)
        echo(f"{len(lines)} view(s)", err=True)

    return group


def _describe_slip_views(
    installation: Installation, slip: str | None, person: str | None, since: datetime | None
) -> Iterator[str]:
    for view in list_views(slip, person, _get_start(installation, since)):
        moment = installation.get_local_time(view.viewed_at)
        yield f"{moment:%Y-%m-%d %H:%M:%S}  {view.viewer_number:<12}  {view.role:<13}  {view.slip_number}"


def _describe_looks(
    installation: Installation, student: str, person: str, since: datetime | None
) -> Iterator[str]:
    for look in list_looks(subject=student, viewer=person, since=since.date() if since else None):
        moment = installation.get_local_time(look.last_at)
        what = f"{look.page} {look.count}x"
        yield f"{moment:%Y-%m-%d %H:%M:%S}  {look.viewer:<12}  {what:<13}  {look.subject}"


def _get_start(installation: Installation, day: datetime | None) -> datetime | None:
    """The moment in UTC at which a day begins on the service's wall clock."""
    zone = installation.settings.service.time_zone
    return day.replace(tzinfo=zone).astimezone(UTC) if day else None


@contextmanager
def _progress(label: str) -> Iterator[Callable[[], None]]:
    with click.progressbar(length=count_events(), label=label, file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def make_numbers_group(installation: Installation) -> AppGroup:
    """The commands of `flask numbers`."""
    group = AppGroup("numbers", help="Numbers of students and staff.")

    @group.command("fold")
    @with_appcontext
    def fold() -> None:
        """Hold stored numbers to [numbers] after that was changed. Slips and their log stay as they were signed."""
        try:
            counts = _fold(installation)
        except SlipKeyError as error:
            raise click.ClickException(str(error)) from error
        for name, count in counts.items():
            echo(f"{count:>9}  {name}")
        echo("see `flask doctor` for slips to compare" if counts else "every number is in its one form")

    return group


def _fold(installation: Installation) -> dict[str, int]:
    now = get_now()
    with (
        write_transaction() as session,
        keep_authentic(session.connection(), installation.row_keys, ACTOR, now),
    ):
        return fold_stored_numbers(session.connection(), installation.settings.numbers, now)


def make_sessions_group(installation: Installation) -> AppGroup:
    """The commands of `flask sessions`."""
    group = AppGroup("sessions", help="Signed-in browsers.")
    numbers = installation.settings.numbers

    @group.command("list")
    @click.argument("number", required=False, type=PersonNumber(numbers))
    @click.option("--show-numbers", is_flag=True, help="Show whole student and staff numbers.")
    def list_open(number: str | None, show_numbers: bool) -> None:
        """List the signed-in sessions, of one person or of all, newest first."""
        store = SessionStore(installation.settings.service.secret_key)
        found, forged = store.list_open(get_now(), number or "")
        for one in found:
            shown = one.person_number if show_numbers else mask_number(one.person_number)
            begun, seen, ends = (
                f"{installation.get_local_time(moment):%m-%d %H:%M}"
                for moment in (one.created_at, one.seen_at, one.expires_at)
            )
            echo(f"{shown:<12}  since {begun}  used {seen}  ends {ends} at the latest")
        if forged:
            echo(f"{forged} row(s) not written by this service: nobody is signed in by them", err=True)

    @group.command("end")
    @click.argument("number", type=PersonNumber(numbers))
    @by_option(installation.settings.conventions)
    def end(number: str, by: str) -> None:
        """End all sessions of a person, everywhere and at once; the audit notes it."""
        echo(f"{end_sessions_of(number, by, get_now())} session(s) ended")

    return group


def make_sign_in_group(base_url: str, providers: Mapping[str, IdentityProvider]) -> AppGroup:
    """The commands of `flask sign-in`."""
    group = AppGroup("sign-in", help="The configured ways to sign in.")

    @group.command("check")
    @click.argument("name", type=click.Choice(list(providers)))
    def check(name: str) -> None:
        """Ask a provider whether it fits the configuration; changes nothing, exits 1 when something does not."""
        callback = f"{base_url}/sign-in/{name}/callback"
        echo(f"{name}: the provider must know the address {callback}")
        findings = providers[name].check(callback)
        for finding in findings:
            echo(f"  {finding.fit:<5}  {finding.message}")
        sys.exit(1 if any(finding.fit is Severity.FAULT for finding in findings) else 0)

    return group
