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

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from pydantic import Field as Key

from app.config_model import Choice, Section, Whole, between, matching, one_of
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.request import BODY_PLACES, NAME_PATTERN, Access, Name, Place, RequestShape
from app.connectors.json_paths import OptionalPath, look_up
from app.connectors.reading import AnswerShape, list_rows, read_row, require_count
from app.domain.clearance import Record
from app.domain.json_reading import Json, Path

EMPTY_PAGE = "empty_page"
LEAST_TO_THE_END = 3
"""A page with rows, and two without."""


class PageShape(Section):
    """How pages are asked for and counted. All pages come within the one deadline."""

    number_in: Annotated[Choice[Place], one_of(Place.QUERY, Place.FORM, Place.JSON)] = Key(
        description="where the page's number goes: `query`, `form` or `json`"
    )
    number_name: Name = Key(description="the parameter or field of the page's number")
    size_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "", description="the parameter or field of the rows a page; needs `size`"
    )
    size: Annotated[Whole | None, between(1, 1000)] = Key(None, description="how many rows a page")
    first: Annotated[Whole, between(0, 1)] = Key(1, description="the number of the first page")
    total: OptionalPath = Key(None, description="the path of the number of all rows; or `end`")
    end: Literal["empty_page"] | None = Key(
        None,
        description='`"empty_page"`: pages are asked for until two have no rows, as a short page ends nothing',
    )
    echo: OptionalPath = Key(
        None, description="the path where an answer repeats its page's number; needed with `end`"
    )
    row_key: OptionalPath = Key(
        None,
        description="the path inside a row of what names it, such as a bill's number; without it a row is known by all "
        "facts that are read of it. Needed where two rows may be equal in these, such as two fees of one name and amount",
    )
    most: Annotated[Whole, between(2, 100)] = Key(20, description="how many pages at most")

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        if (self.end is None) == (self.total is None):
            yield "total", f'or end = "{EMPTY_PAGE}" must be set, and only one of them'
        if self.total is None and self.echo is None:
            yield "echo", "is missing: an empty page ends the walk only if it says which page it is"
        if bool(self.size_name) != (self.size is not None):
            yield "size", "is missing" if self.size_name else "needs size_name"
        if self.end is not None and self.most < LEAST_TO_THE_END:
            yield "most", f"must be from {LEAST_TO_THE_END} to 100"

    def list_body_contradictions(self, access: Access, request: RequestShape) -> Iterator[tuple[str, str]]:
        """What is wrong with the body that a page's number would make with the request's."""
        if len({self.number_in, request.number_in, access.credential_in} & BODY_PLACES) > 1:
            yield "number_in", "names another kind of body than the request has"
        if self.number_in in BODY_PLACES and request.method == "GET":
            yield "number_in", "needs method POST to send a form or JSON"

    def make_fields(self, page: int) -> dict[Place, dict[str, str | int]]:
        """The parameters that ask for a page."""
        wanted: dict[str, str | int] = {self.number_name: page}
        return {self.number_in: wanted | ({self.size_name: self.size} if self.size else {})}


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


def _require_page(value: Json, page: int) -> None:
    if type(value) is not int or value != page:
        raise UntrustedAnswer(FailureCode.WRONG_COUNT)


def _read_key(row: Json, path: Path) -> str:
    key = look_up(row, path)
    if key == "" or not isinstance(key, str | int) or isinstance(key, bool):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    return str(key)
