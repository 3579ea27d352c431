"""Rows that come in pages: which parameters ask for a page, and what proves that no page is missing.

A page that is shorter than was asked for proves nothing, since systems cap a page as they like: the walk ends
where the stated total is reached, or at a page without rows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.connectors.answer import AnswerShape, list_rows, read_row, require_count
from app.connectors.base import Fault, UntrustedAnswer
from app.connectors.config_parts import NAME_PATTERN, read_choice, read_optional_path
from app.connectors.paths import Path, look_up
from app.connectors.request import BODY_PLACES, Place, RequestShape
from app.connectors.strict_json import Json
from app.domain.clearance import Record
from app.tables import Table

EMPTY_PAGE = "empty_page"
_PLACES = (Place.QUERY, Place.FORM, Place.JSON)


@dataclass(frozen=True, slots=True)
class PageShape:
    """How pages are asked for and counted; the keys are explained in `http_config.py`. `total` is None where an
    empty page ends the walk.
    """

    place: Place
    number_name: str
    size_name: str
    size: int
    first: int
    total: Path | None
    echo: Path | None
    most: int

    def make_fields(self, page: int) -> dict[Place, dict[str, str | int]]:
        """The parameters that ask for a page."""
        wanted: dict[str, str | int] = {self.number_name: page}
        return {self.place: wanted | ({self.size_name: self.size} if self.size_name else {})}


@dataclass(slots=True)
class PageWalk:
    """The pages of one answer about one student so far."""

    shape: AnswerShape
    pages: PageShape
    student_number: str
    _rows: list[Any] = field(default_factory=list)
    _before: list[Any] | None = None
    _total: int | None = None

    def take(self, document: Json, page: int) -> bool:
        """Take the answer to the question for a page; whether it was the last one. Raises UntrustedAnswer for an
        answer that is not about this student and this page, repeats the one before, or changes the total.
        """
        rows = list_rows(self.shape, document, self.student_number, is_first=page == self.pages.first)
        if self.pages.echo is not None:
            _require_page(look_up(document, self.pages.echo), page)
        if rows and rows == self._before:  # the parameter is not heeded, or the page is somebody's guess
            raise UntrustedAnswer(Fault.REPEATED_PAGE)
        self._before = rows
        self._rows += rows
        return not rows if self.pages.total is None else self._is_complete(document, bool(rows))

    def read_records(self) -> tuple[Record, ...]:
        """The facts of all pages, one mapping a row."""
        return tuple(read_row(self.shape, row, self.student_number) for row in self._rows)

    def _is_complete(self, document: Json, has_rows: bool) -> bool:
        total = look_up(document, self.pages.total or ())
        if type(total) is not int or total < len(self._rows) or self._total not in (None, total):
            raise UntrustedAnswer(Fault.WRONG_COUNT)
        self._total = total
        if not has_rows:
            require_count(total, len(self._rows))
        return total == len(self._rows)


def read_pages(table: Table, request: RequestShape) -> PageShape:
    """The table `pages`; notes its faults."""
    shape = PageShape(
        place=read_choice(table, "number_in", Place.QUERY, choices=_PLACES),
        number_name=table.text("number_name", pattern=NAME_PATTERN),
        size_name=table.text("size_name", "", pattern=NAME_PATTERN),
        size=table.integer("size", least=1, most=1000) if table.has("size_name") else 0,
        first=table.integer("first", 1, least=0, most=1),
        total=read_optional_path(table, "total"),
        echo=read_optional_path(table, "echo"),
        most=table.integer("most", 20, least=2, most=100),
    )
    if table.has("end"):
        table.text("end", choices=(EMPTY_PAGE,))
    if table.has("end") == (shape.total is not None):
        table.fault("total", f'or end = "{EMPTY_PAGE}" must be set, and only one of them')
    if shape.total is None and shape.echo is None:
        table.fault("echo", "is missing: an empty page ends the walk only if it says which page it is")
    _check_body(table, shape, request)
    table.close()
    return shape


def _check_body(table: Table, shape: PageShape, request: RequestShape) -> None:
    places = {shape.place, request.number_place}
    if request.credential is not None:
        places.add(request.credential.place)
    if len(places & BODY_PLACES) > 1:
        table.fault("number_in", "names another kind of body than the request has")
    if shape.place in BODY_PLACES and request.method == "GET":
        table.fault("number_in", "needs method POST to send a form or JSON")


def _require_page(value: Json, page: int) -> None:
    if type(value) is not int or value != page:
        raise UntrustedAnswer(Fault.WRONG_COUNT)
