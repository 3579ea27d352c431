"""`flask desk`: what the clerks of a department without a system record and import."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from flask.cli import AppGroup, with_appcontext

from app.services.desk import Desk, OddClerk, UnknownDesk, find_entry, get_desk, record_entry
from app.services.desk_cells import CellRefused
from app.services.desk_files import FileRefused, read_table
from app.services.desk_import import ImportReport, import_table
from app.services.installation import Installation

SHOWN_FAULTS = 100


def make_desk_group(installation: Installation) -> AppGroup:
    """The group `flask desk`."""
    group = AppGroup("desk", help="Departments without a system: what their clerks record and import.")

    @group.command("import")
    @click.argument("connector")
    @click.argument("file", type=click.Path(path_type=Path))
    @click.option("--by", required=True, help="The staff number of the clerk.")
    @click.option("--dry-run", is_flag=True, help="Check the file and record nothing.")
    @click.option("--skip-refused", is_flag=True, help="Record the good rows though others are refused.")
    @with_appcontext
    def import_file(connector: str, file: Path, by: str, dry_run: bool, skip_refused: bool) -> None:
        """Import a CSV or XLSX file: every row, or none when one is refused."""
        with _named_faults():
            desk, table = get_desk(installation.settings, connector), read_table(file)
            with click.progressbar(table.rows, label="rows", file=sys.stderr) as rows:
                report = import_table(desk, table, rows, by, is_dry_run=dry_run, skips_refused=skip_refused)
        _tell(report, is_dry_run=dry_run)

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
    @click.option("--by", required=True, help="The staff number of the clerk.")
    @with_appcontext
    def record(connector: str, number: str, cells: tuple[str, ...], by: str) -> None:
        """Record one student: every heading with its value, as in a file; `HEADING=` is an empty cell."""
        if not all("=" in cell for cell in cells):
            raise click.ClickException("each cell is written HEADING=VALUE")
        with _named_faults():
            desk = get_desk(installation.settings, connector)
            record_entry(desk, number, dict(cell.split("=", 1) for cell in cells), by)
        _show(installation, desk, number)

    return group


@contextmanager
def _named_faults() -> Iterator[None]:
    try:
        yield
    except UnknownDesk as error:
        raise click.ClickException(f"no desk of this name is configured: {error}") from error
    except OddClerk as error:
        raise click.ClickException(f"--by is not a staff number: {error}") from error
    except (FileRefused, CellRefused) as error:
        raise click.ClickException(str(error)) from error


def _show(installation: Installation, desk: Desk, number: str) -> None:
    entry = find_entry(desk, number)
    if entry is None:
        click.echo(f"nothing is recorded of {number}")
        return
    for key, value in entry.facts.items():
        click.echo(f"{key}: {'' if value is None else value}")
    click.echo(f"recorded_by: {entry.recorded_by}")
    click.echo(f"recorded_at: {installation.get_local_time(entry.recorded_at):%Y-%m-%d %H:%M}")


def _tell(report: ImportReport, *, is_dry_run: bool) -> None:
    for cell in report.refused[:SHOWN_FAULTS]:
        click.echo(f"row {cell.place}, {cell.heading}: {cell.says}", err=True)
    if len(report.refused) > SHOWN_FAULTS:
        click.echo(f"and {len(report.refused) - SHOWN_FAULTS} more", err=True)
    click.echo(
        f"{report.added} new, {report.changed} changed, {report.unchanged} as before, "
        f"{report.refused_rows} refused"
    )
    if report.is_recorded:
        click.echo("recorded")
    elif is_dry_run and not report.refused:
        click.echo("nothing is recorded: this was a dry run")
    else:
        click.echo("nothing is recorded")
    if report.refused and not report.is_recorded:
        raise click.exceptions.Exit(1)
