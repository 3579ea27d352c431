"""Rows that come in pages by number, or by the number of rows before them: which parameters ask for a page, and what
proves that no page is missing.

A page that is shorter than was asked for proves nothing, since systems cap a page as they like: the walk ends where the
stated total is reached, where a page says to be the last one, or at two pages without rows.

| what a walk shows | what it comes to |
| --- | --- |
| as many rows as the total says, each once | all rows |
| a row that came before, on this page or an earlier one | `repeated_page` |
| a total that changes, is no number, or is not the rows found | `wrong_count` |
| a page that says to be another one | `wrong_count` |
| with `last`: a page that says to be the last one, and which one it is | all rows |
| with `end`: a page without rows, and one more without rows | all rows |
| with `end`: rows behind a page without any | `contradiction` |
| no end within `most` pages | `too_large` |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field as Key

from app.config_model import Choice, Whole, between, one_of
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.places import Claim, Name, Place, Placed, merge
from app.connectors.http.walk import RowBook, Walk, WalkShape, list_walk_claims
from app.connectors.json_paths import OptionalPath
from app.connectors.reading import AnswerShape
from app.domain.clearance import Record
from app.domain.json_reading import Json, Path

EMPTY_PAGE = "empty_page"
LEAST_TO_THE_END = 3
"""A page with rows, and two without."""


class PageShape(WalkShape):
    """How pages are asked for and counted; one of `total`, `last` and `end` tells where they end."""

    number_in: Annotated[Choice[Place], one_of(Place.QUERY, Place.FORM, Place.JSON, Place.BODY)] = Key(
        description="where the page's number goes: `query`, `form`, `json`, or `body`, whose template names it"
    )
    number_name: Name = Key(description="the parameter or field of the page's number")
    counts: Literal["pages", "rows"] = Key(
        "pages",
        description="what that number counts: `pages`, or `rows`: those before the page, as `start = 0, 20, 40`; then `size` "
        "and `first` must be set",
    )
    first: Annotated[Whole, between(0, 1)] = Key(1, description="the number of the first page, or row")
    end: Literal["empty_page"] | None = Key(
        None,
        description='`"empty_page"`: pages are asked for until two have no rows, as a short page ends nothing',
    )
    echo: OptionalPath = Key(
        None, description="the path where an answer repeats its page's number; needed without `total`"
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if (self.end is None) == (self.total is None and not self.last):
            yield "total", f'or last must be set, or end = "{EMPTY_PAGE}" alone'
        if self.total is None and self.echo is None:
            yield "echo", "is missing: without a total, each page must say which one it is"
        if self.end is not None and self.most < LEAST_TO_THE_END:
            yield "most", f"must be from {LEAST_TO_THE_END} to 100"
        if self.counts == "rows" and self.size is None:
            yield "size", 'is missing: counts = "rows" needs it'
        if self.counts == "rows" and "first" not in self.model_fields_set:
            yield "first", 'is missing: counts = "rows" needs to know whether the first row is 0 or 1'

    def list_claims(self) -> Iterator[Claim]:
        """See WalkShape."""
        names = (("number_name", self.number_name), ("size_name", self.size_name))
        yield from list_walk_claims("pages", "number_in", self.number_in, names)

    @property
    def read_paths(self) -> tuple[Path | None, ...]:
        """See WalkShape."""
        return (self.total, self.echo)

    def start(self, shape: AnswerShape, student_number: str) -> Walk:
        """See WalkShape."""
        return PageWalk(self, RowBook(shape, self, student_number))


class PageWalk:
    """The pages of one answer about one student so far."""

    def __init__(self, pages: PageShape, book: RowBook) -> None:
        self._pages = pages
        self._book = book
        self._number = pages.first
        self._was_empty = False

    def make_fields(self) -> Placed:
        """See Walk."""
        number: Placed = {self._pages.number_in: {self._pages.number_name: self._number}}
        return merge(number, self._pages.place_size(self._pages.number_in))

    def take(self, document: Json) -> bool:
        """See Walk."""
        if self._pages.last:
            self._book.require_list(document)
        found = self._book.take_rows(document)
        if self._pages.echo is not None:
            _require_page(self._book.shape.look_up_number(document, self._pages.echo), self._number)
        self._number += (found or self._pages.size or 1) if self._pages.counts == "rows" else 1
        if self._pages.end is not None:
            return self._is_past_the_end(found > 0)
        is_complete = self._book.is_total_reached(document)
        if self._pages.last:
            return self._book.end() if self._book.is_last(document) else self._book.go_on()
        return is_complete or (found == 0 and self._book.end())

    def read_records(self) -> tuple[Record, ...]:
        """See Walk."""
        return tuple(self._book.records)

    def _is_past_the_end(self, has_rows: bool) -> bool:
        """One page without rows may be a gap, such as a page whose rows were all filtered away; two are the end."""
        if has_rows and self._was_empty:
            raise UntrustedAnswer(FailureCode.CONTRADICTION)
        is_end, self._was_empty = self._was_empty, not has_rows
        return is_end


def _require_page(value: Json, page: int) -> None:
    if type(value) is not int or value != page:
        raise UntrustedAnswer(FailureCode.WRONG_COUNT)
