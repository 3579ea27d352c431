"""The rows of an imported table, sorted into those that can be recorded and those that cannot, each with what is wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.connectors.desk import get_heading
from app.services.desk.cells import Cell, CellRefused, FileRow, read_cell, read_number
from app.services.desk.desk import Desk, Facts, compare_with_known, explain_letter
from app.services.desk.odd_rows import explain_shift, list_places
from app.services.desk.spreadsheet import ImportedTable


@dataclass(frozen=True, slots=True)
class RefusedCell:
    """Why a row cannot be recorded: its place in the file, a heading, and what is wrong there."""

    place: int
    heading: str
    message: str


@dataclass(slots=True)
class SortedRows:
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


def sort_rows(desk: Desk, table: ImportedTable, rows: Iterable[FileRow]) -> SortedRows:
    """The good rows and what is wrong with the others. Rows about the same student contradict each other, whatever
    they say: all of them are refused.
    """
    found = SortedRows()
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


def refuse_mistyped(desk: Desk, found: SortedRows) -> tuple[str, ...]:
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


def _explain_twin(found: SortedRows, number: str, twin: str, *, is_known: bool) -> str:
    if is_known:
        return explain_letter(number, twin)
    return (
        f"{number} is nobody's here, and {twin} stands in row {found.places[twin][0]}: a letter for a digit?"
    )


def _warn_of_unknown(found: SortedRows, unknown: set[str]) -> tuple[str, ...]:
    if not unknown:
        return ()
    places = sorted(found.places[number][0] for number in unknown)
    message = "nobody signed in with them yet, or they are mistyped"
    return (
        f"{len(unknown)} number(s) of the file are not known here: {message} (rows {list_places(places)})",
    )
