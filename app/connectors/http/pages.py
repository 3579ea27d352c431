"""Rows that come in pages: which parameters ask for a page, and what proves that no page is missing.

A page that is shorter than was asked for proves nothing, since systems cap a page as they like: the walk ends
where the stated total is reached, or at two pages without rows. Rows that are counted prove nothing either while one
may have come twice: pages overlap where a system sorts them anew for each question, and then another row is missing.

| what a walk shows | what it comes to |
| --- | --- |
| as many rows as the total says, each once | all rows |
| a row that came before, on this page or an earlier one | `repeated_page` |
| a total that changes, is no number, or is not the rows found | `wrong_count` |
| a page that says to be another one | `wrong_count` |
| with `end`: a page without rows, and one more without rows | all rows |
| with `end`: rows behind a page without any | `contradiction` |
| no end within `most` pages | `too_large` |
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.config import NAME_PATTERN, read_choice, read_optional_path
from app.connectors.http.request import BODY_PLACES, Place, RequestShape
from app.connectors.json_paths import look_up
from app.connectors.reading import AnswerShape, list_rows, read_row, require_count
from app.domain.clearance import Record
from app.domain.json_reading import Json, Path
from app.tables import Table

EMPTY_PAGE = "empty_page"
_PLACES = (Place.QUERY, Place.FORM, Place.JSON)


@dataclass(frozen=True, slots=True)
class PageShape:
    """How pages are asked for and counted; the keys are explained in `http_config.py`. `total` is None where empty
    pages end the walk. `row_key` is None where a row is known by all that is read of it.
    """

    place: Place
    number_name: str
    size_name: str
    size: int
    first: int
    total: Path | None
    echo: Path | None
    most: int
    row_key: Path | None = None

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
    _records: list[Record] = field(default_factory=list)
    _seen: set[Any] = field(default_factory=set)
    _total: int | None = None
    _was_empty: bool = False

    def take(self, document: Json, page: int) -> bool:
        """Take the answer to the question for a page; whether it was the last one. Raises UntrustedAnswer for an
        answer that is not about this student and this page, holds a row that came before, or changes the total.
        """
        rows = list_rows(self.shape, document, self.student_number, is_first=page == self.pages.first)
        if self.pages.echo is not None:
            _require_page(look_up(document, self.pages.echo), page)
        for row in rows:
            self._take_row(row)
        if self.pages.total is None:
            return self._is_past_the_end(bool(rows))
        return self._is_complete(document, bool(rows))

    def read_records(self) -> tuple[Record, ...]:
        """The facts of all pages, one mapping a row."""
        return tuple(self._records)

    def _take_row(self, row: Json) -> None:
        record = read_row(self.shape, row, self.student_number)
        # By what is read of it, not by the whole row: a running number or a time makes no other row of it.
        key = tuple(record.values()) if self.pages.row_key is None else _read_key(row, self.pages.row_key)
        if key in self._seen:
            raise UntrustedAnswer(FailureCode.REPEATED_PAGE)
        self._seen.add(key)
        self._records.append(record)

    def _is_past_the_end(self, has_rows: bool) -> bool:
        """One page without rows may be a gap, such as a page whose rows were all filtered away; two are the end."""
        if has_rows and self._was_empty:
            raise UntrustedAnswer(FailureCode.CONTRADICTION)
        is_end, self._was_empty = self._was_empty, not has_rows
        return is_end

    def _is_complete(self, document: Json, has_rows: bool) -> bool:
        total = look_up(document, self.pages.total or ())
        if type(total) is not int or total < len(self._records) or self._total not in (None, total):
            raise UntrustedAnswer(FailureCode.WRONG_COUNT)
        self._total = total
        if not has_rows:
            require_count(total, len(self._records))
        return total == len(self._records)


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
        most=table.integer("most", 20, least=3 if table.has("end") else 2, most=100),
        row_key=read_optional_path(table, "row_key"),
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
        raise UntrustedAnswer(FailureCode.WRONG_COUNT)


def _read_key(row: Json, path: Path) -> str:
    key = look_up(row, path)
    if key == "" or not isinstance(key, str | int) or isinstance(key, bool):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    return str(key)
