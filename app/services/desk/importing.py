"""Imports a clerks' table into a desk: every row is checked before one is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.connectors.desk import get_heading
from app.domain.row_ledger import RowChange
from app.extensions import DatabaseSession, db
from app.models import retry_conflicts, write_transaction
from app.services.audit import NewEvent, add_event, add_events, lock_audit
from app.services.clock import get_now
from app.services.desk.cells import (
    Cell,
    CellRefused,
    FileRefused,
    FileRow,
    is_empty,
    read_cell,
    read_number,
)
from app.services.desk.desk import (
    CHUNK,
    Desk,
    Facts,
    compare_with_known,
    explain_letter,
    iterate_entries,
    list_numbers,
    load_facts,
)
from app.services.desk.doubts import IMPORTED
from app.services.desk.gaps import doubt_others, enter_on_roll, mend, note_refused, set_complete
from app.services.desk.history import Change, Outcome, Via, keep_changes, read_held
from app.services.desk.odd_rows import explain_shift, list_places, refuse_swallowed, warn_of_thousands
from app.services.desk.spreadsheet import ImportedTable

SHOWN_LEFT = 100


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """Why a row cannot be recorded: its place in the file, a heading, and what is wrong there."""

    place: int
    heading: str
    message: str


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the clerk said: `confirmed` is how many rows may be refused and the others recorded all the same;
    `is_complete`: whoever has no entry then has nothing to settle; `removed`: how many older entries, of students
    who are not in the file, go.
    """

    is_dry_run: bool = False
    confirmed: int = 0
    is_complete: bool = False
    removed: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do: numbers of entries, what is wrong with the refused rows, the students whom
    they leave unknown, the places of rows whose number cannot be read, and how many students those leave unknown.
    `left` are the students of older entries whom a complete file does not name.
    """

    added: int
    changed: int
    unchanged: int
    refused: tuple[RefusedCell, ...]
    unknown: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()
    doubted: int = 0
    left: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    is_recorded: bool = False
    is_complete: bool = False

    @property
    def refused_rows(self) -> int:
        """How many rows were refused."""
        return len({cell.place for cell in self.refused})


@dataclass(slots=True)
class _Sorted:
    """The rows of a file: good ones by number, the numbers of the others, and the places of those without one."""

    good: dict[str, Facts] = field(default_factory=dict)
    places: dict[str, list[int]] = field(default_factory=dict)
    refused: list[RefusedCell] = field(default_factory=list)
    unread: list[int] = field(default_factory=list)
    twins: dict[str, str] = field(default_factory=dict)
    """Students whom a mistyped number may mean, and what says so."""

    @property
    def unknown(self) -> dict[str, str]:
        """What is wrong with the row of each student who was refused, or may be meant by one."""
        wrong: dict[int, str] = {}
        for cell in self.refused:
            wrong.setdefault(cell.place, f"{cell.heading} {cell.message}")
        return self.twins | {
            number: f"row {places[0]}, {wrong[places[0]]}"
            for number, places in self.places.items()
            if number not in self.good
        }

    def refuse(self, number: str, heading: str, message: str) -> None:
        """Take a student's rows out of the good ones."""
        self.good.pop(number, None)
        self.refused += [RefusedCell(place, heading, message) for place in self.places[number]]


def import_table(
    desk: Desk, table: ImportedTable, rows: Iterable[FileRow], by: str, options: ImportOptions
) -> ImportReport:
    """Record the `rows` of a table, in one transaction: all or none, or the good ones once the clerk confirmed how
    many are refused; then the students of the others are unknown until a later row or entry mends that.

    Entries that the table does not name stay as they are, and so do who recorded an entry and when where
    nothing changes. `by` is the clerk's number. Raises FileRefused or OwnDecision.
    """
    _refuse_rows_above(desk, table)
    refuse_swallowed(desk, table)
    found = _read_rows(desk, table, rows)
    warnings = warn_of_thousands(desk, table) + _compare_with_known(desk, found)
    if options.is_complete:
        _require_whole(found)
    is_refused = len({cell.place for cell in found.refused}) != options.confirmed
    if options.is_dry_run or is_refused or not (found.places or found.unread):
        left = _list_left(db.session, desk, found) if options.is_complete else ()
        return replace(_compare(db.session, desk, found)[0], warnings=warnings, left=left)
    return replace(_store_all(desk, found, by, table.digest, options), warnings=warnings)


@retry_conflicts
def _store_all(desk: Desk, found: _Sorted, clerk: str, digest: str, options: ImportOptions) -> ImportReport:
    with write_transaction() as session:
        lock_audit(session)  # what clerks decide meanwhile comes before all of this, or after it
        return _store(session, desk, found, clerk, digest, options)


def _store(
    session: DatabaseSession, desk: Desk, found: _Sorted, clerk: str, digest: str, options: ImportOptions
) -> ImportReport:
    now, changes = get_now(), RowChange()
    report, news = _compare(session, desk, found)
    told = {"file_sha256": digest}
    imported = [
        Change(number, facts, Outcome.IMPORTED, Via.IMPORT, told=told) for number, facts in news.items()
    ]
    add_events(session, _keep(session, desk, imported, clerk, now), now)
    mended = mend(session, desk.name, sorted(found.good), changes)
    note_refused(session, desk, found.unknown, clerk, now, changes)
    left = _list_left(session, desk, found) if options.is_complete else ()
    if options.removed:
        _require_removed(left, options.removed)
        _remove_entries(session, desk, left, clerk, digest, now)
    doubted = 0
    if found.unread:
        day = desk.config.conventions.get_today()
        message = f"row {found.unread[0]} of an import of {day} has no readable number"
        doubted = doubt_others(session, desk, found.good.keys(), message, clerk, now, changes)
    if options.is_complete:
        set_complete(session, desk, clerk, now, changes)
    else:
        enter_on_roll(session, desk, [*found.good, *found.unknown], now, changes)
    details = {
        "file_sha256": digest,
        "added": report.added,
        "changed": report.changed,
        "unchanged": report.unchanged,
        "refused": report.refused_rows,
        "unread": len(found.unread),
        "made_unknown": doubted,
        "mended": mended,
        "complete": options.is_complete,
        "left": [] if options.removed else left[:SHOWN_LEFT],
        "removed": options.removed,
    }
    add_event(session, IMPORTED, actor=clerk, subject=desk.name, details=details, now=now, rows=changes)
    return replace(report, doubted=doubted, left=left, is_recorded=True, is_complete=options.is_complete)


def _keep(
    session: DatabaseSession, desk: Desk, changes: Sequence[Change], clerk: str, now: datetime
) -> Iterator[NewEvent]:
    held = read_held(session, desk, [change.student_number for change in changes])
    for kept in keep_changes(session, desk, changes, held, clerk, now):
        yield kept.make_event(desk)


def _remove_entries(
    session: DatabaseSession, desk: Desk, numbers: Sequence[str], clerk: str, digest: str, now: datetime
) -> None:
    """Remove the entries of these students, whom the complete file of this digest does not name; events keep what
    they held.
    """
    for start in range(0, len(numbers), CHUNK):
        chunk = numbers[start : start + CHUNK]
        entries = {
            row["student_number"]: {"facts": row["facts"], "recorded_by": row["recorded_by"]}
            for row in iterate_entries(session, desk, chunk)
        }
        told = {"file_sha256": digest}
        removed = [Change(number, None, Outcome.REMOVED, Via.IMPORT, told=told) for number in chunk]
        details = {"file_sha256": digest, "entries": entries}
        event = NewEvent("desk_entries_removed", clerk, desk.name, details)
        add_events(session, [*_keep(session, desk, removed, clerk, now), event], now)


def _list_left(session: DatabaseSession, desk: Desk, found: _Sorted) -> tuple[str, ...]:
    """The students with an entry of whom the file says nothing, well or badly."""
    held = set(list_numbers(session, desk))
    return tuple(sorted(held - found.places.keys() - found.twins.keys()))


def _require_removed(left: Sequence[str], removed: int) -> None:
    if len(left) != removed:
        raise FileRefused(
            f"--replace: there are {len(left)} older entries that the file does not name, and not {removed}: "
            "look at them with --dry-run"
        )


def _refuse_rows_above(desk: Desk, table: ImportedTable) -> None:
    """A row of a student above the headings would be lost: a title has no number in that column."""
    column = table.columns[desk.config.number_column]
    for row in table.above:
        filled = [cell for cell in row.cells if not is_empty(cell)]
        try:
            read_number(desk.config, desk.numbers, row.cells[column] if column < len(row.cells) else None)
        except CellRefused:
            continue
        if len(filled) > 1:
            raise FileRefused(
                f"row {row.place} stands above the headings and has a student number: move it below"
            )


def _require_whole(found: _Sorted) -> None:
    if found.unread:
        places = list_places(found.unread)
        raise FileRefused(f"--complete: rows without a readable number may be about anybody: {places}")
    if not found.places:
        raise FileRefused(
            "--complete: the file has no row below its headings. If nobody has anything to settle, say so with "
            "`flask desk complete`"
        )


def _read_rows(desk: Desk, table: ImportedTable, rows: Iterable[FileRow]) -> _Sorted:
    """The good rows and what is wrong with the others. Rows about the same student contradict each other, whatever
    they say: all of them are refused.
    """
    found = _Sorted()
    for row in rows:
        number, facts, wrong = _read_row(desk, table, row)
        found.refused += wrong
        if not number:
            found.unread.append(row.place)
            continue
        found.places.setdefault(number, []).append(row.place)
        if not wrong:
            found.good[number] = facts
    for number, at in found.places.items():
        if len(at) > 1:
            found.refuse(number, desk.config.number_column, f"stands in rows {', '.join(map(str, at))}")
    found.refused.sort(key=lambda cell: cell.place)
    return found


def _read_row(desk: Desk, table: ImportedTable, row: FileRow) -> tuple[str, Facts, list[RefusedCell]]:
    def get(heading: str) -> Cell:
        column = table.columns[heading]
        return row.cells[column] if column < len(row.cells) else None

    number = ""
    facts: Facts = {}
    heading = desk.config.number_column
    wrong: list[RefusedCell] = []
    shift = explain_shift(table, row)
    if shift:
        wrong.append(RefusedCell(row.place, heading, shift))
    try:
        number = read_number(desk.config, desk.numbers, get(heading))
    except CellRefused as error:
        wrong.append(RefusedCell(row.place, error.heading, error.message))
    if shift:
        return (number if table.columns[heading] == 0 else ""), facts, wrong[:1]
    for name, item in desk.config.fields.items():
        try:
            facts[name] = read_cell(item, get(get_heading(item)))
        except CellRefused as error:
            wrong.append(RefusedCell(row.place, error.heading, error.message))
    return number, facts, wrong


def _compare_with_known(desk: Desk, found: _Sorted) -> tuple[str, ...]:
    """Refuse numbers that nobody has where the same with digits for letters is somebody's; warn of other numbers
    that nobody has: a student may still come, or it is a slip of the pen.
    """
    compared = compare_with_known(desk, found.places)
    heading = desk.config.number_column
    suspicious = []
    for number, twin in compared.alike.items():
        place = found.places[number][0]
        if not twin:
            suspicious.append(f"row {place}: {number} is nobody's here and has letters among its digits")
            continue
        message = _explain_twin(found, number, twin, is_known=twin in compared.known_twins)
        found.refuse(number, heading, message)
        if twin in found.places:
            found.refuse(
                twin, heading, f"may be meant in row {place} too, a letter for a digit? Mend that row"
            )
        else:
            found.twins[twin] = f"row {place}, {heading} {message}"
    found.refused.sort(key=lambda cell: cell.place)
    return tuple(suspicious) + _warn_of_unknown(found, set(compared.unknown))


def _explain_twin(found: _Sorted, number: str, twin: str, *, is_known: bool) -> str:
    if is_known:
        return explain_letter(number, twin)
    return (
        f"{number} is nobody's here, and {twin} stands in row {found.places[twin][0]}: a letter for a digit?"
    )


def _warn_of_unknown(found: _Sorted, unknown: set[str]) -> tuple[str, ...]:
    if not unknown:
        return ()
    places = sorted(found.places[number][0] for number in unknown)
    message = "nobody signed in with them yet, or they are mistyped"
    return (
        f"{len(unknown)} number(s) of the file are not known here: {message} (rows {list_places(places)})",
    )


def _compare(session: DatabaseSession, desk: Desk, found: _Sorted) -> tuple[ImportReport, dict[str, Facts]]:
    """The report, and the entries that are new or not as they are kept."""
    held: dict[str, Any] = load_facts(session, desk, list(found.good))
    news = {number: facts for number, facts in found.good.items() if held.get(number) != facts}
    added = sum(number not in held for number in news)
    return (
        ImportReport(
            added,
            len(news) - added,
            len(found.good) - len(news),
            tuple(found.refused),
            unknown=tuple(found.unknown),
            unread=tuple(found.unread),
        ),
        news,
    )
