"""Rows that come behind a cursor: each answer names what the next one is asked for with.

| what a walk shows | what it comes to |
| --- | --- |
| as many rows as the total says, each once, and no new cursor or no row behind it | all rows |
| an answer that says to be the last one, as the configuration names it, and the total where there is one | all rows |
| the last answer by one sign, and not by another | `contradiction` |
| a cursor that came before | `repeated_page` |
| no cursor where there must be one, or something else in its place | `missing_field`, `wrong_type` |
| ever new cursors, more than `most` | `too_large` |
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field as Key

from app.config_model import Choice, Whole, one_of
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.places import Claim, Name, Place, Placed, merge
from app.connectors.http.walk import RowBook, Walk, WalkShape, list_walk_claims
from app.connectors.json_paths import AnyPath, look_up
from app.connectors.reading import AnswerShape
from app.domain.clearance import Record
from app.domain.json_reading import Json, Path

MAX_CURSOR = 2048
_ENDS: dict[str, Json] = {"null": None, "empty": ""}


class CursorShape(WalkShape):
    """How the next rows are asked for; one of `total`, `last` and `end`, better two, tells where they end."""

    cursor_in: Annotated[Choice[Place], one_of(Place.QUERY, Place.FORM, Place.JSON, Place.BODY)] = Key(
        description="where the cursor goes: `query`, `form`, `json`, or `body`, whose template names it"
    )
    cursor_name: Name = Key(description="the parameter or field of the cursor")
    first: str | Whole = Key("", description="the cursor of the first request, which has none without it")
    next: AnyPath = Key(description="the path of the next cursor in the answer")
    end: Literal["null", "empty", "missing"] | None = Key(
        None,
        description='what stands at `next` on the last page: `null`; `empty`: `""`; `missing`: the key is not there, which '
        "proves least, as it is not there in many a broken answer either: name `total` or `last` beside it where you can",
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if self.total is None and not self.last and self.end is None:
            yield "end", "or total or last must be set: what proves that no row is missing"

    def list_claims(self) -> Iterator[Claim]:
        """See WalkShape."""
        names = (("cursor_name", self.cursor_name), ("size_name", self.size_name))
        yield from list_walk_claims("cursor", "cursor_in", self.cursor_in, names)

    @property
    def read_paths(self) -> tuple[Path | None, ...]:
        """See WalkShape."""
        return (self.total, self.next)

    def start(self, shape: AnswerShape, student_number: str) -> Walk:
        """See WalkShape."""
        return CursorWalk(self, RowBook(shape, self, student_number))


class CursorWalk:
    """The answers behind one cursor after another about one student so far."""

    def __init__(self, cursor: CursorShape, book: RowBook) -> None:
        self._shape = cursor
        self._book = book
        self._cursor: str | int = cursor.first
        self._used = {str(self._cursor)}

    def make_fields(self) -> Placed:
        """See Walk."""
        place = self._shape.cursor_in
        is_left_out = self._cursor == "" and place is not Place.BODY  # a template's place is always filled
        cursor: Placed = {place: {} if is_left_out else {self._shape.cursor_name: self._cursor}}
        return merge(cursor, self._shape.place_size(place))

    def take(self, document: Json) -> bool:
        """See Walk."""
        self._book.require_list(document)
        found = self._book.take_rows(document)
        is_complete = self._book.is_total_reached(document)
        has_ended = self._shape.end is not None and self._has_ended(document)
        if self._shape.last:
            is_last = self._book.is_last(document)
            if self._shape.end is not None and is_last != has_ended:
                raise UntrustedAnswer(FailureCode.CONTRADICTION)
        else:
            is_all = is_complete and (found == 0 or not self._leads_on(document))
            is_last = has_ended or (self._shape.end is None and is_all)
        if is_last:
            return self._book.end()
        self._use(look_up(document, self._shape.next))
        return self._book.go_on()

    def read_records(self) -> tuple[Record, ...]:
        """See Walk."""
        return tuple(self._book.records)

    def _has_ended(self, document: Json) -> bool:
        try:
            following = look_up(document, self._shape.next)
        except UntrustedAnswer as error:
            if self._shape.end == "missing" and error.fault is FailureCode.MISSING_FIELD:
                return True
            raise
        return self._shape.end in _ENDS and following == _ENDS[self._shape.end]

    def _leads_on(self, document: Json) -> bool:
        """Whether there is a new cursor. One behind as many rows as the total says is followed once: a total that counts
        the rows of one page would be reached on each.
        """
        try:
            following = look_up(document, self._shape.next)
        except UntrustedAnswer as error:
            if error.fault is not FailureCode.MISSING_FIELD:
                raise
            return False
        return following not in (None, "") and str(following) not in self._used

    def _use(self, following: Json) -> None:
        if isinstance(following, bool) or not isinstance(following, str | int):
            raise UntrustedAnswer(FailureCode.WRONG_TYPE)
        if following == "" or len(str(following)) > MAX_CURSOR or not str(following).isprintable():
            raise UntrustedAnswer(FailureCode.WRONG_TYPE)
        if str(following) in self._used:
            raise UntrustedAnswer(FailureCode.REPEATED_PAGE)
        self._used.add(str(following))
        self._cursor = following
