"""`flask restore`: what a restored backup lacks, and how the service goes on with it; and the checkpoint that a command
leaves behind.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path

import click
from flask import Flask
from flask.cli import AppGroup
from sqlalchemy.exc import SQLAlchemyError

from app.commands.decisions import by_option, reason_option
from app.commands.printing import echo
from app.domain.errors import BelowCheckpoint
from app.domain.keys import NoSigningKey
from app.extensions import db
from app.models import get_floor
from app.services.installation import Installation
from app.services.operations.checkpoints import CheckpointsRefused, check_start, is_empty, mark
from app.services.operations.faults import describe_fault
from app.services.operations.restore import Missing, UnusableMarks, declare, find_missing
from app.services.slips.signing_keys import SlipKeyError

MARKS = click.option(
    "--marks",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="A journal from elsewhere, or a part of one: the attachment of a witness's letter. Give all that there are.",
)


def make_restore_group(installation: Installation) -> AppGroup:
    """The commands of `flask restore`."""
    group = AppGroup("restore", help="After a backup was restored: what it lacks, and how to go on.")

    @group.command("status")
    @MARKS
    def status(marks: tuple[Path, ...]) -> None:
        """List what the database lacks of the checkpoints and of what gates saw; exits 1 where it lacks anything, or a
        journal could not be read.
        """
        missing = _find(installation, marks)
        echo("\n".join(describe_missing(missing)))
        sys.exit(1 if missing.is_behind or missing.unused else 0)

    @group.command("check")
    def check() -> None:
        """Exit 1 where the service would not start for its checkpoints, and say why: before a server tries it over and over."""
        try:
            check_start(installation, db.engine)
        except CheckpointsRefused as error:
            raise click.ClickException(str(error)) from error

    @group.command("declare")
    @MARKS
    @click.option(
        "--revoke-missing/--keep-valid",
        default=None,
        help="Whether slips that were revoked or reissued since are so again. Without either it asks.",
    )
    @reason_option(
        installation.settings.conventions, "Why a backup was restored, told to holders of slips revoked again"
    )
    @by_option(installation.settings.conventions)
    def declare_restore(marks: tuple[Path, ...], revoke_missing: bool | None, reason: str, by: str) -> None:
        """List what is missing, enter it again as far as can be, and let the service go on above it. Stop the service
        before.
        """
        missing = _find(installation, marks)
        echo("\n".join(describe_missing(missing)))
        if not missing.is_behind:
            sys.exit(1 if missing.unused else 0)
        if revoke_missing is None and (missing.revoked or missing.reissued):
            revoke_missing = click.confirm("Revoke and reissue those slips again?", default=True)
        try:
            sequence = declare(
                installation, db.engine, missing, by=by, reason=reason, revokes=bool(revoke_missing)
            )
        except (NoSigningKey, SlipKeyError, OSError) as error:
            raise click.ClickException(str(error)) from error
        echo(f"declared: the issued log goes on at {sequence}")

    return group


def _find(installation: Installation, marks: tuple[Path, ...]) -> Missing:
    if is_empty(db.engine):
        raise click.ClickException(
            "there is no database: bring the backup back, or begin an empty one, by `flask db upgrade`"
        )
    try:
        return find_missing(installation, db.engine, marks)
    except (SlipKeyError, UnusableMarks) as error:
        raise click.ClickException(str(error)) from error


def describe_missing(missing: Missing) -> Iterator[str]:
    """What is missing, for an operator; numbers of slips, and nobody's name."""
    yield from (f"not used: {words}" for words in missing.unused)
    if not missing.is_behind:
        yield "nothing is missing of what could be read" if missing.unused else "nothing is missing"
        return
    yield from missing.faults
    if missing.marked:
        heads = missing.marked.heads
        yield f"newest checkpoint  {_show(missing.marked.time)}: log {heads.log[0]}, audit {heads.audit[0]}"
    yield f"this database      log {missing.stands.log[0]}, audit {missing.stands.audit[0]}"
    if missing.gate > missing.stands.log[0]:
        yield f"a gate saw         log {missing.gate}"
    yield from (
        f"lines are missing before the checkpoint of {_show(time)}: give that journal or letter too by --marks"
        for time in missing.cut
    )
    yield from _list("revoked since, and valid in this database", missing.revoked)
    yield from _list("reissued since: an earlier printout is valid in this database", missing.reissued)
    yield from _list("issued since and lost: the holders submit again", missing.gone)
    yield from _list(
        "issued and revoked since: they stay revoked, nobody is asked to submit again", missing.ended
    )
    yield from _describe_events(missing)


def _describe_events(missing: Missing) -> Iterator[str]:
    if missing.marked and missing.missing_events:
        since = _show(missing.newest) if missing.newest else "the beginning"
        yield f"audit events missing  {missing.missing_events} at most, from {since} to {_show(missing.marked.time)}"
        yield (
            "  waivers, desk entries and consents that were given, changed or withdrawn in that time stand as before it: "
            "no checkpoint tells which. Go through them with the departments, by their papers, before the service starts"
        )


def _show(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _list(title: str, numbers: Iterable[str]) -> Iterator[str]:
    found = list(numbers)
    if found:
        yield f"{title} ({len(found)}):"
        yield from (f"  {number}" for number in found)


def mark_after(command: click.Command, app: Flask, installation: Installation) -> None:
    """Let a command not end before the checkpoint of what it changed is written. One that may change nothing, for the
    database is below its checkpoints, says so.
    """
    invoke = command.invoke

    def invoke_and_mark(ctx: click.Context) -> object:
        try:
            return invoke(ctx)
        except BelowCheckpoint as error:
            raise click.ClickException(f"nothing was changed: {error}") from error
        finally:
            with app.app_context():
                _mark(installation)

    command.invoke = invoke_and_mark  # type: ignore[method-assign]


def _mark(installation: Installation) -> None:
    if not get_floor(db.engine).was_moved:
        return
    try:
        reason = mark(installation, db.engine)
    except (SQLAlchemyError, OSError, SlipKeyError, NoSigningKey) as error:
        reason = describe_fault(error) or type(error).__name__
    if reason:
        echo(f"Warning: no checkpoint was written, the running service writes it: {reason}", err=True)
