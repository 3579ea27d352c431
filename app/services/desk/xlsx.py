"""Reads XLSX files. What a file claims about its size does not count: every cell is read, and counted again.

Formulas are never evaluated: a cell that holds one is told, whatever value the file remembers for it.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import IO, TYPE_CHECKING, Any

from app.domain.texts import clean_text
from app.services.desk.cells import Cell, FileRefused, FileRow, Formula, Grid, Merged, keep_rows

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

MAX_UNPACKED_BYTES = 200 * 1024 * 1024
SHOWN_HIDDEN = 10
_OLD_FORMAT = b"\xd0\xcf\x11\xe0"
_STRICT = b"http://purl.oclc.org/ooxml/"
_TRANSITIONAL = {
    b"http://purl.oclc.org/ooxml/spreadsheetml/main": b"http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    b"http://purl.oclc.org/ooxml/officeDocument/": b"http://schemas.openxmlformats.org/officeDocument/2006/",
    b"http://purl.oclc.org/ooxml/drawingml/": b"http://schemas.openxmlformats.org/drawingml/2006/",
}
"""ISO/IEC 29500, part 4, annex A: openpyxl knows the second names alone, and finds no row under the first."""


@dataclass(slots=True)
class _Look:
    """What a sheet's XML holds, counted by itself."""

    cells: int = 0
    is_filled: bool = False
    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[range] = field(default_factory=list)
    filled_columns: set[int] = field(default_factory=set)
    merged: list[str] = field(default_factory=list)


def read_xlsx(content: bytes, sheet_name: str | None = None) -> Grid:
    """The one sheet that holds something, or the named one; raises FileRefused."""
    # Takes a moment to load and is needed for this alone.
    from openpyxl import load_workbook
    from openpyxl.utils.exceptions import InvalidFileException

    try:
        content = _translate_strict(_check_archive(content))
        book: Any = load_workbook(io.BytesIO(content), read_only=True, data_only=False, keep_links=False)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            # The library has no public name for where a sheet stands in the archive.
            found = [(sheet, _look(archive.open(sheet._worksheet_path))) for sheet in book.worksheets]  # noqa: SLF001
        return _read_sheet(*_choose(found, sheet_name))
    except (
        InvalidFileException,
        zipfile.BadZipFile,
        LookupError,
        ValueError,
        SyntaxError,
        TypeError,
    ) as error:
        raise FileRefused(
            "the file is damaged, or not written as XLSX should be: open it in a spreadsheet and save it again as .xlsx"
        ) from error


def _check_archive(content: bytes) -> bytes:
    if content.startswith(_OLD_FORMAT):
        raise FileRefused("the file is an old .xls or has a password: save it as .xlsx without one")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            unpacked = sum(item.file_size for item in archive.infolist())
    except zipfile.BadZipFile as error:
        raise FileRefused(
            "the file is not an XLSX file: open it in a spreadsheet, save it as .xlsx"
        ) from error
    if unpacked > MAX_UNPACKED_BYTES:
        raise FileRefused(f"the file unpacks to more than {MAX_UNPACKED_BYTES // 1024 // 1024} MiB")
    return content


def _translate_strict(content: bytes) -> bytes:
    """The archive with the names of "Strict Open XML" in their usual form; as it is where there are none."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if not any(_STRICT in archive.read(item) for item in archive.infolist()):
            return content
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as changed:
            for item in archive.infolist():
                data = archive.read(item)
                for strict, usual in _TRANSITIONAL.items():
                    data = data.replace(strict, usual)
                changed.writestr(item.filename, data)
    return made.getvalue()


def _look(source: IO[bytes]) -> _Look:
    from defusedxml.ElementTree import iterparse

    look = _Look()
    row = 0
    for event, element in iterparse(source, events=("start", "end")):
        name = element.tag.rpartition("}")[2]
        if event == "start":
            if name == "row":
                row = int(element.get("r", row + 1))
            continue
        if name == "row":
            _look_at_row(look, element, row)
            element.clear()
        elif name == "col" and element.get("hidden") in ("1", "true"):
            look.hidden_columns.append(range(int(element.get("min")), int(element.get("max")) + 1))
        elif name == "mergeCell":
            look.merged.append(element.get("ref", ""))
    return look


def _look_at_row(look: _Look, row: Element, place: int) -> None:
    from openpyxl.utils import coordinate_to_tuple

    column = 0
    is_filled = False
    for cell in row:
        reference = cell.get("r")
        column = coordinate_to_tuple(reference)[1] if reference else column + 1
        look.cells += 1
        if any(_holds_something(child) for child in cell):
            is_filled = True
            look.filled_columns.add(column)
    look.is_filled |= is_filled
    if is_filled and row.get("hidden") in ("1", "true"):
        look.hidden_rows.append(place)


def _holds_something(child: Element) -> bool:
    name = child.tag.rpartition("}")[2]
    return name == "f" or (name in ("v", "is") and any(text.strip() for text in child.itertext()))


def _choose(found: list[tuple[Any, _Look]], name: str | None) -> tuple[Any, _Look]:
    """The named sheet, or the only one that holds something: which of several is meant, nobody knows here."""
    filled = [(sheet, look) for sheet, look in found if look.is_filled]
    named = "、".join(_name_sheet(sheet) for sheet, _ in filled)
    if name is not None:
        chosen = [one for one in filled if clean_text(one[0].title) == clean_text(name)]
        if len(chosen) != 1:
            raise FileRefused(f"no sheet {name} with something in it: there are {named or 'none'}")
        return chosen[0]
    if not filled:
        raise FileRefused("the file holds nothing: every sheet is empty")
    if len(filled) > 1:
        raise FileRefused(f"several sheets hold something: {named}; delete the others or say --sheet NAME")
    return filled[0]


def _name_sheet(sheet: Any) -> str:
    return sheet.title if sheet.sheet_state == "visible" else f"{sheet.title} (hidden)"


def _read_sheet(sheet: Any, look: _Look) -> Grid:
    from openpyxl.cell.read_only import ReadOnlyCell

    sheet.reset_dimensions()
    found = 0

    def read() -> Iterator[FileRow]:
        nonlocal found
        for place, cells in enumerate(sheet.iter_rows(min_row=1, min_col=1), start=1):
            found += sum(isinstance(cell, ReadOnlyCell) for cell in cells)
            yield FileRow(place, tuple(_read_cell(cell) for cell in cells))

    rows = keep_rows(read())
    if found != look.cells:
        raise FileRefused(
            f"the sheet's rows are out of order or there twice: {look.cells} cells, {found} can be placed; "
            "open it in a spreadsheet and save it again"
        )
    where = f"sheet {_name_sheet(sheet)}"
    return Grid(rows, where, merged=tuple(map(_read_merged, look.merged)), notes=_list_notes(sheet, look))


def _read_cell(cell: Any) -> Cell:
    value = cell.value
    if getattr(cell, "data_type", "") in ("f", "e"):
        return Formula()
    return value if value is None or isinstance(value, str | int | float | date) else Formula()


def _read_merged(name: str) -> Merged:
    from openpyxl.utils import range_boundaries

    left, top, right, bottom = (int(bound or 0) for bound in range_boundaries(name))
    return Merged(name, range(left, right + 1), range(top, bottom + 1))


def _list_notes(sheet: Any, look: _Look) -> tuple[str, ...]:
    from openpyxl.utils import get_column_letter

    notes = [f"the sheet {sheet.title} is hidden"] if sheet.sheet_state != "visible" else []
    if look.hidden_rows:
        notes.append(f"hidden rows are read too: {_list_some(list(map(str, look.hidden_rows)))}")
    columns = [n for n in sorted(look.filled_columns) if any(n in hidden for hidden in look.hidden_columns)]
    if columns:
        notes.append(f"hidden columns are read too: {_list_some([get_column_letter(n) for n in columns])}")
    return tuple(notes)


def _list_some(names: list[str]) -> str:
    more = len(names) - SHOWN_HIDDEN
    return ", ".join(names[:SHOWN_HIDDEN]) + (f" and {more} more" if more > 0 else "")
