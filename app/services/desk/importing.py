"""Imports a clerks' table into a desk: every row is checked before one is recorded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from app.connectors.desk import DOUBT
from app.domain.row_ledger import RowChange
from app.extensions import DatabaseSession, db
from app.models import retry_conflicts, write_transaction
from app.services.audit import NewEvent, add_event, add_events, lock_audit
from app.services.clock import get_now
from app.services.desk.cells import (
    CellRefused,
    FileRefused,
    FileRow,
    is_empty,
    read_number,
)
from app.services.desk.desk import (
    CHUNK,
    Desk,
    Facts,
    iterate_entries,
    list_numbers,
    load_facts,
)
from app.services.desk.doubts import IMPORTED, REFUSED, UNREAD
from app.services.desk.gaps import doubt_others, enter_on_roll, mend, note_refused, set_complete
from app.services.desk.history import Change, Held, Outcome, Via, keep_changes, read_held
from app.services.desk.odd_rows import list_places, refuse_swallowed, warn_of_thousands
from app.services.desk.overruling import Overruled, find_overruled
from app.services.desk.sorted_rows import RefusedCell, SortedRows, refuse_mistyped, sort_rows
from app.services.desk.spreadsheet import ImportedTable

SHOWN_LEFT = 100


@dataclass(frozen=True, slots=True)
class ImportOptions:
    """What the clerk said: `confirmed` is how many rows may be refused and the others recorded all the same;
    `is_complete`: whoever has no entry then has nothing to settle; `removed`: how many older entries, of students
    who are not in the file, go; `overruled`: how many decisions of counters are changed all the same.
    """

    is_dry_run: bool = False
    confirmed: int = 0
    is_complete: bool = False
    removed: int = 0
    overruled: int = 0


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do: numbers of entries, what is wrong with the refused rows, the students whom
    they leave unknown, the places of rows whose number cannot be read, and how many students those leave unknown.
    `left` are the students of older entries whom a complete file does not name, `overruled` what was decided at a
    counter and is changed, or would be, and who has submitted already.
    """

    added: int
    changed: int
    unchanged: int
    refused: tuple[RefusedCell, ...]
    unknown: tuple[str, ...] = ()
    unread: tuple[int, ...] = ()
    doubted: int = 0
    left: tuple[str, ...] = ()
    overruled: Overruled = field(default_factory=Overruled)
    warnings: tuple[str, ...] = ()
    is_recorded: bool = False
    is_complete: bool = False

    @property
    def refused_rows(self) -> int:
        """How many rows were refused."""
        return len({cell.place for cell in self.refused})

    def is_confirmed(self, options: ImportOptions) -> bool:
        """Whether the clerk knows how many decisions of counters are changed."""
        return len(self.overruled.decisions) == options.overruled


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
    found = sort_rows(desk, table, rows)
    warnings = warn_of_thousands(desk, table) + refuse_mistyped(desk, found)
    if options.is_complete:
        _require_whole(found)
    is_refused = len({cell.place for cell in found.refused}) != options.confirmed
    if options.is_dry_run or is_refused or not (found.places or found.unread):
        return replace(_foresee(db.session, desk, found, options).report, warnings=warnings)
    return replace(_store_all(desk, found, by, table.digest, options), warnings=warnings)


@retry_conflicts
def _store_all(
    desk: Desk, found: SortedRows, clerk: str, digest: str, options: ImportOptions
) -> ImportReport:
    with write_transaction() as session:
        lock_audit(session)  # what clerks decide meanwhile comes before all of this, or after it
        return _store(session, desk, found, clerk, digest, options)


def _store(
    session: DatabaseSession, desk: Desk, found: SortedRows, clerk: str, digest: str, options: ImportOptions
) -> ImportReport:
    now, changes = get_now(), RowChange()
    foreseen = _foresee(session, desk, found, options)
    report, left = foreseen.report, foreseen.report.left
    if options.removed:
        _require_removed(left, options.removed)
    if not report.is_confirmed(options):
        return report
    told = {"file_sha256": digest}
    imported = [
        Change(number, facts, Outcome.IMPORTED, Via.IMPORT, told=told)
        for number, facts in foreseen.news.items()
    ]
    add_events(session, _keep(session, desk, imported, foreseen.held, clerk, now), now)
    mended = mend(session, desk.name, sorted(found.good), changes)
    note_refused(session, desk, found.unknown, clerk, now, changes)
    if options.removed:
        _remove_entries(session, desk, left, foreseen.held, clerk, digest, now)
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
        "overruled": options.overruled,
    }
    add_event(session, IMPORTED, actor=clerk, subject=desk.name, details=details, now=now, rows=changes)
    return replace(report, doubted=doubted, is_recorded=True, is_complete=options.is_complete)


def _keep(
    session: DatabaseSession,
    desk: Desk,
    changes: Sequence[Change],
    held: Mapping[str, Held],
    clerk: str,
    now: datetime,
) -> Iterator[NewEvent]:
    for kept in keep_changes(session, desk, changes, held, clerk, now):
        yield kept.make_event(desk)


def _remove_entries(
    session: DatabaseSession,
    desk: Desk,
    numbers: Sequence[str],
    held: Mapping[str, Held],
    clerk: str,
    digest: str,
    now: datetime,
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
        add_events(session, [*_keep(session, desk, removed, held, clerk, now), event], now)


def _list_left(session: DatabaseSession, desk: Desk, found: SortedRows) -> tuple[str, ...]:
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


def _require_whole(found: SortedRows) -> None:
    if found.unread:
        places = list_places(found.unread)
        raise FileRefused(f"--complete: rows without a readable number may be about anybody: {places}")
    if not found.places:
        raise FileRefused(
            "--complete: the file has no row below its headings. If nobody has anything to settle, say so with "
            "`flask desk complete`"
        )


@dataclass(frozen=True, slots=True)
class _Foreseen:
    """What an import would do: its report, the entries that are new or not as they are kept, and what stands of all
    whom it changes.
    """

    report: ImportReport
    news: Mapping[str, Facts]
    held: Mapping[str, Held]


def _foresee(session: DatabaseSession, desk: Desk, found: SortedRows, options: ImportOptions) -> _Foreseen:
    report, news = _compare(session, desk, found)
    left = _list_left(session, desk, found) if options.is_complete else ()
    changes: dict[str, Facts | None] = {}
    if found.unread:
        others = set(list_numbers(session, desk)) - found.good.keys()
        changes |= {number: {DOUBT: UNREAD} for number in others}
    changes |= {number: {DOUBT: REFUSED} for number in found.unknown}
    changes |= dict.fromkeys(left if options.removed else (), None)
    changes |= news
    held = read_held(session, desk, sorted(changes))
    overruled = find_overruled(session, desk, changes, held)
    return _Foreseen(replace(report, left=left, overruled=overruled), news, held)


def _compare(
    session: DatabaseSession, desk: Desk, found: SortedRows
) -> tuple[ImportReport, dict[str, Facts]]:
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
