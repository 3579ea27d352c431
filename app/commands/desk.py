"""`flask desk`: what the clerks of a department without a system record and import."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

from app.commands.decisions import by_option
from app.commands.printing import echo
from app.connectors.desk import DOUBT, NoEntry, list_headings
from app.domain.errors import OwnDecision
from app.services.desk.cells import CellRefused, FileRefused
from app.services.desk.desk import Desk, UnknownDesk, find_entry, get_desk
from app.services.desk.gaps import (
    CountMoved,
    DeskState,
    declare_complete,
    read_state,
    record_entry,
    withdraw_complete,
)
from app.services.desk.importing import SHOWN_LEFT, ImportOptions, ImportReport, import_table
from app.services.desk.overruling import describe_decision
from app.services.desk.spreadsheet import read_table
from app.services.installation import Installation
from app.services.slips.signing_keys import SlipKeyError

NOT_AUTHENTIC = (
    "NOT AUTHENTIC: added or changed past this service, or from before row keys; it keeps the student from passing. Record "
    "the student anew, or import the list again"
)
REFUSAL_IS_GONE = (
    "unknown: a row about the student was refused, and what was wrong with it was deleted past this service"
)
SHOWN_FAULTS = 100
ROWS_WERE_SKIPPED = 3

IMPORT_HELP = f"""Import a CSV or XLSX file: every row, or none when one is refused.

A row that is refused can be left out by --skip-refused and --confirm with their count: its student is then unknown,
and the item unavailable, until a later row or entry mends that. A row without a readable number may be about anybody:
left out, it makes everybody unknown whom the file does not name, until an import with --complete or `desk complete`.

With --complete whoever then has no entry has nothing to settle. Older entries of students who are not in the file stay
as they are, and are listed: --replace with their count removes them.

What was decided at the counter is never changed unseen: it is listed with who decided and when, and nothing is recorded
until --override says how many such decisions are changed. Students who have submitted already and whose items change are
listed too: their slips stay as they are.

Exit codes: 0, all is recorded (or would be); 1, nothing is recorded; {ROWS_WERE_SKIPPED}, recorded without the refused
rows."""


def make_desk_group(installation: Installation) -> AppGroup:
    """The group `flask desk`."""
    group = AppGroup("desk", help="Departments without a system: what their clerks record and import.")
    _add_import(group, installation)
    _add_entries(group, installation)
    _add_completeness(group, installation)
    return group


def _add_import(group: AppGroup, installation: Installation) -> None:
    @group.command("import", help=IMPORT_HELP, short_help="Import a CSV or XLSX file.")
    @click.argument("connector")
    @click.argument("file", type=click.Path(path_type=Path))
    @by_option(installation.settings.conventions)
    @click.option("--dry-run", is_flag=True, help="Check the file and record nothing.")
    @click.option("--skip-refused", is_flag=True, help="Record the good rows though others are refused.")
    @click.option("--confirm", type=click.IntRange(0), help="With --skip-refused: how many rows are refused.")
    @click.option("--complete", is_flag=True, help="Who then has no entry has nothing to settle.")
    @click.option(
        "--replace",
        type=click.IntRange(1),
        help="With --complete: remove so many older entries, of students who are not in the file.",
    )
    @click.option(
        "--override", type=click.IntRange(1), help="Change so many decisions that were taken at a counter."
    )
    @click.option("--sheet", help="The sheet, where several hold something.")
    @with_appcontext
    def import_file(
        connector: str,
        file: Path,
        by: str,
        dry_run: bool,
        skip_refused: bool,
        confirm: int | None,
        complete: bool,
        replace: int | None,
        override: int | None,
        sheet: str | None,
    ) -> None:
        if confirm is not None and not skip_refused:
            raise click.UsageError("--confirm goes with --skip-refused")
        if replace is not None and not complete:
            raise click.UsageError("--replace goes with --complete")
        options = ImportOptions(dry_run, confirm or 0, complete, replace or 0, override or 0)
        with _named_faults():
            desk = get_desk(installation.settings, connector)
            table = read_table(file, list_headings(desk.config), sheet)
            for note in table.notes:
                echo(note, err=True)
            with click.progressbar(table.rows, label="rows", file=sys.stderr) as rows:
                report = import_table(desk, table, rows, by, options)
        _tell(desk, report, options, skips=skip_refused)


def _add_entries(group: AppGroup, installation: Installation) -> None:
    @group.command("show")
    @click.argument("connector")
    @click.argument("number")
    @with_appcontext
    def show(connector: str, number: str) -> None:
        """Show what is recorded of one student."""
        with _named_faults():
            desk = get_desk(installation.settings, connector)
        _show(installation, desk, number)

    @group.command("record", short_help="Record one student.")
    @click.argument("connector")
    @click.argument("number")
    @click.argument("cells", nargs=-1, required=True, metavar="HEADING=VALUE...")
    @by_option(installation.settings.conventions)
    @with_appcontext
    def record(connector: str, number: str, cells: tuple[str, ...], by: str) -> None:
        """Record one student: every heading with its value, as in a file; `HEADING=` is an empty cell. A warning tells what was
        decided at the counter and stands no longer.
        """
        if not all("=" in cell for cell in cells):
            raise click.ClickException("each cell is written HEADING=VALUE")
        with _named_faults():
            desk = get_desk(installation.settings, connector)
            warnings = record_entry(desk, number, dict(cell.split("=", 1) for cell in cells), by)
        for warning in warnings:
            echo(f"warning: {warning}", err=True)
        _show(installation, desk, number)


def _add_completeness(group: AppGroup, installation: Installation) -> None:
    @group.command("status", short_help="Show what keeps a desk from answering.")
    @click.argument("connector")
    @with_appcontext
    def status(connector: str) -> None:
        """Show how many entries a desk holds, whether its list is complete, and who is unknown and why."""
        with _named_faults():
            desk = get_desk(installation.settings, connector)
        _show_state(installation, desk, read_state(desk))

    @group.command("complete", short_help="Declare that a desk's list is complete.")
    @click.argument("connector")
    @by_option(installation.settings.conventions)
    @click.option("--entries", type=click.IntRange(0), help="How many entries the desk holds.")
    @click.option("--withdraw", is_flag=True, help="Take the declaration back.")
    @with_appcontext
    def complete(connector: str, by: str, entries: int | None, withdraw: bool) -> None:
        """Declare that whoever has no entry has nothing to settle, and that rows without a readable number were
        nobody's who is not recorded now. Students whose own rows were refused stay unknown.
        """
        with _named_faults():
            desk = get_desk(installation.settings, connector)
            if withdraw:
                was_there = withdraw_complete(desk.name, by)
                echo("taken back" if was_there else "there was no declaration")
                return
            declare_complete(desk, by, -1 if entries is None else entries)
        others = _tell_others(desk)
        echo(f"complete: whoever has none of the {entries} entries {others}")


def _tell_others(desk: Desk) -> str:
    """What a complete list says of whoever is not on it."""
    if desk.config.has_buttons:
        return "does not pass until a clerk decides at the counter"
    settles = desk.config.no_record is NoEntry.EMPTY
    return "has nothing to settle" if settles else "stays unavailable, as [connectors] no_record says"


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except SlipKeyError as error:
        raise click.ClickException(str(error)) from error
    except UnknownDesk as error:
        raise click.ClickException(f"no desk of this name is configured: {error}") from error
    except CountMoved as error:
        raise click.ClickException(f"{error}: if its list is complete, say --entries {error.held}") from error
    except OwnDecision as error:
        raise click.ClickException("--by has an entry among these: somebody else must record it") from error
    except (FileRefused, CellRefused) as error:
        raise click.ClickException(str(error)) from error


def _show(installation: Installation, desk: Desk, number: str) -> None:
    entry = find_entry(desk, number)
    refusals = [one for one in read_state(desk).refusals if desk.numbers.is_same(number, one.student_number)]
    for refusal in refusals:
        echo(f"unknown: {refusal.message}")
    if entry is None:
        echo(f"nothing is recorded of {number}")
        return
    if not entry.is_authentic:
        echo(NOT_AUTHENTIC)
    if entry.is_doubted and not refusals:
        echo(REFUSAL_IS_GONE)
    for key, value in entry.facts.items():
        if key != DOUBT:
            echo(f"{key}: {'' if value is None else value}")
    echo(f"recorded_by: {entry.recorded_by}")
    echo(f"recorded_at: {installation.get_local_time(entry.recorded_at):%Y-%m-%d %H:%M}")


def _show_state(installation: Installation, desk: Desk, state: DeskState) -> None:
    echo(f"{state.entries} entries")
    if state.complete_since is not None:
        since = installation.get_local_time(state.complete_since)
        echo(f"declared complete {since:%Y-%m-%d %H:%M} by {state.declared_by}")
    elif desk.config.no_record is NoEntry.EMPTY and not desk.config.has_buttons:
        echo("not declared complete: whoever has no entry is unknown")
    if state.left:
        count = f"{len(state.left)} or more" if len(state.left) >= SHOWN_LEFT else str(len(state.left))
        echo(f"{count} older entries were not in the complete file, and hold: {_list_some(state.left)}")
    for refusal in state.refusals:
        echo(f"{refusal.student_number} is unknown: {refusal.message}")


def _tell(desk: Desk, report: ImportReport, options: ImportOptions, *, skips: bool) -> None:
    for cell in report.refused[:SHOWN_FAULTS]:
        echo(f"row {cell.place}, {cell.heading}: {cell.message}", err=True)
    if len(report.refused) > SHOWN_FAULTS:
        echo(f"and {len(report.refused) - SHOWN_FAULTS} more", err=True)
    for warning in report.warnings:
        echo(f"warning: {warning}", err=True)
    echo(
        f"{report.added} new, {report.changed} changed, {report.unchanged} as before, "
        f"{report.refused_rows} refused"
    )
    _tell_refused(report, options, skips=skips)
    _tell_left(report, options)
    _tell_overruled(desk, report, options)
    _tell_end(report, options)
    if report.refused or report.refused_rows != options.confirmed:
        raise click.exceptions.Exit(ROWS_WERE_SKIPPED if report.is_recorded else 1)
    if not report.is_confirmed(options):
        raise click.exceptions.Exit(1)


def _tell_refused(report: ImportReport, options: ImportOptions, *, skips: bool) -> None:
    """Who is unknown now or would be, and what a clerk says to confirm it."""
    if skips and report.unknown:
        echo(f"unknown until a later row or entry: {', '.join(report.unknown)}")
    if skips and report.unread:
        places = ", ".join(map(str, report.unread))
        echo(f"without a readable number, so about anybody: rows {places}")
        echo("whoever the file does not name is unknown until an import with --complete or `desk complete`")
    if report.is_recorded or report.refused_rows == options.confirmed:
        return
    if not report.refused_rows:
        echo("no row is refused: leave --skip-refused and --confirm out", err=True)
    elif skips:
        echo(f"to record the others, say --skip-refused --confirm {report.refused_rows}", err=True)


def _tell_left(report: ImportReport, options: ImportOptions) -> None:
    """Whose older entries a complete file does not name."""
    if not report.left:
        return
    numbers = _list_some(report.left)
    if report.is_recorded and options.removed:
        echo(f"removed, not being in the file: {numbers}")
        return
    echo(f"{len(report.left)} older entries are not in the file, and stay as they are: {numbers}")
    echo(f"if they are settled, remove them with --complete --replace {len(report.left)}", err=True)


def _tell_overruled(desk: Desk, report: ImportReport, options: ImportOptions) -> None:
    """What was decided at a counter and is changed, and whose items change after they submitted."""
    changed = "was changed" if report.is_recorded else "would be changed"
    decisions, submitted = report.overruled.decisions, report.overruled.submitted
    for decision in decisions[:SHOWN_LEFT]:
        echo(f"decided at the counter, and {changed}: {describe_decision(desk, decision)}")
    if len(decisions) > SHOWN_LEFT:
        echo(f"and {len(decisions) - SHOWN_LEFT} more")
    if submitted:
        echo(f"submitted already, and {changed}: {_list_some(submitted)}")
        echo("their slips stay as they are: revoke those that must not stand", err=True)
    if report.is_confirmed(options):
        return
    if decisions:
        echo(f"to change what was decided at the counter, say --override {len(decisions)}", err=True)
    else:
        echo("no decision of a counter would be changed: leave --override out", err=True)


def _list_some(numbers: Sequence[str]) -> str:
    more = f" and {len(numbers) - SHOWN_LEFT} more" if len(numbers) > SHOWN_LEFT else ""
    return ", ".join(numbers[:SHOWN_LEFT]) + more


def _tell_end(report: ImportReport, options: ImportOptions) -> None:
    if report.is_recorded:
        echo("recorded, and the list is complete" if report.is_complete else "recorded")
    elif options.is_dry_run and report.refused_rows == options.confirmed and report.is_confirmed(options):
        echo("nothing is recorded: this was a dry run")
    else:
        echo("nothing is recorded")
