"""`flask audit`: the chain of audit events."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TextIO

import click
from flask.cli import AppGroup

from app.services.audit_trail import count_events, export_events, find_audit_faults
from app.services.installation import Installation

_DAY = click.DateTime(["%Y-%m-%d"])


def make_audit_group(installation: Installation) -> AppGroup:
    """The commands of `flask audit`."""
    group = AppGroup("audit", help="The audit events, each of which holds the hash of the one before it.")

    @group.command("verify")
    def verify() -> None:
        """Look for altered, removed or reordered events, and for slips without theirs; exits 1 when there are any."""
        with _progress("reading events") as on_event:
            faults = list(find_audit_faults(on_event))
        click.echo("\n".join(faults) or "the audit events are whole")
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
        click.echo(f"{count} event(s) written", err=True)

    return group


def _get_start(installation: Installation, day: datetime | None) -> datetime | None:
    """The moment in UTC at which a day begins on the service's wall clock."""
    zone = installation.settings.service.time_zone
    return day.replace(tzinfo=zone).astimezone(UTC) if day else None


@contextmanager
def _progress(label: str) -> Iterator[Callable[[], None]]:
    with click.progressbar(length=count_events(), label=label, file=sys.stderr) as bar:
        yield lambda: bar.update(1)
