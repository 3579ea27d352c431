"""Imports a clerks' table into a desk: every row is checked before one is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.connectors.desk_config import get_heading
from app.extensions import DatabaseSession, db
from app.models import write_transaction
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.desk import Desk, Facts, load_facts, require_clerk, store_entries
from app.services.desk_cells import Cell, CellRefused, read_cell, read_number
from app.services.desk_files import FileRefused, FileRow, ImportedTable


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """Why a row cannot be recorded: its place in the file, a heading, and what is wrong there."""

    place: int
    heading: str
    says: str


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do: numbers of entries, and what is wrong with the refused rows."""

    added: int
    changed: int
    unchanged: int
    refused: tuple[RefusedCell, ...]
    is_recorded: bool

    @property
    def refused_rows(self) -> int:
        """How many rows were refused."""
        return len({cell.place for cell in self.refused})


def check_headings(desk: Desk, table: ImportedTable) -> dict[str, int]:
    """Where each needed heading stands in the table. Raises FileRefused when one is missing or there twice."""
    needed = [desk.config.number_column, *(get_heading(field) for field in desk.config.fields.values())]
    faults = [f"no column {heading}" for heading in needed if heading not in table.headings]
    faults += [f"two columns {heading}" for heading in needed if table.headings.count(heading) > 1]
    if faults:
        raise FileRefused("; ".join(faults))
    return {heading: table.headings.index(heading) for heading in needed}


def import_table(
    desk: Desk,
    table: ImportedTable,
    rows: Iterable[FileRow],
    by: str,
    *,
    is_dry_run: bool,
    skips_refused: bool,
) -> ImportReport:
    """Record the `rows` of a table, in one transaction: all or none, or with `skips_refused` the good ones.

    Entries that the table does not name stay as they are, and so do who recorded an entry and when where
    nothing changes. Raises FileRefused, and OddClerk.
    """
    clerk = require_clerk(by)
    good, refused = _read_rows(desk, check_headings(desk, table), rows)
    if is_dry_run or not good or (refused and not skips_refused):
        return _compare(db.session, desk, good, refused)[0]
    with write_transaction() as session:
        report, news = _compare(session, desk, good, refused, is_recorded=True)
        store_entries(session, desk, news, clerk)
        details = {
            "file_sha256": table.digest,
            "added": report.added,
            "changed": report.changed,
            "unchanged": report.unchanged,
            "refused": report.refused_rows,
        }
        add_event(session, "desk_imported", actor=clerk, subject=desk.name, details=details, now=get_now())
    return report


def _read_rows(
    desk: Desk, places: Mapping[str, int], rows: Iterable[FileRow]
) -> tuple[dict[str, Facts], tuple[RefusedCell, ...]]:
    """The entries of the good rows and what is wrong with the others. Rows about the same student contradict each
    other, whatever they say: all of them are refused.
    """
    good: dict[str, Facts] = {}
    seen: dict[str, list[int]] = {}
    refused: list[RefusedCell] = []
    for row in rows:
        number, facts, wrong = _read_row(desk, places, row)
        refused += wrong
        if number:
            seen.setdefault(number, []).append(row.place)
        if number and not wrong:
            good[number] = facts
    for number, at in seen.items():
        if len(at) > 1:
            good.pop(number, None)
            says = f"stands in rows {', '.join(map(str, at))}"
            refused += [RefusedCell(place, desk.config.number_column, says) for place in at]
    return good, tuple(sorted(refused, key=lambda cell: cell.place))


def _read_row(desk: Desk, places: Mapping[str, int], row: FileRow) -> tuple[str, Facts, list[RefusedCell]]:
    def get(heading: str) -> Cell:
        place = places[heading]
        return row.cells[place] if place < len(row.cells) else None

    number, facts = "", {}
    wrong = []
    try:
        number = read_number(desk.config, get(desk.config.number_column))
    except CellRefused as error:
        wrong.append(RefusedCell(row.place, error.heading, error.says))
    for name, field in desk.config.fields.items():
        try:
            facts[name] = read_cell(field, get(get_heading(field)))
        except CellRefused as error:
            wrong.append(RefusedCell(row.place, error.heading, error.says))
    return number, facts, wrong


def _compare(
    session: DatabaseSession,
    desk: Desk,
    good: Mapping[str, Facts],
    refused: tuple[RefusedCell, ...],
    *,
    is_recorded: bool = False,
) -> tuple[ImportReport, dict[str, Facts]]:
    """The report, and the entries that are new or not as they are kept."""
    held: dict[str, Any] = load_facts(session, desk, list(good))
    news = {number: facts for number, facts in good.items() if held.get(number) != facts}
    added = sum(number not in held for number in news)
    report = ImportReport(added, len(news) - added, len(good) - len(news), refused, is_recorded)
    return report, news
