"""Rows that come in several answers: what page numbers and cursors have in common.

Rows that are counted prove nothing while one may have come twice: pages overlap where a system sorts them anew for each
question, and then another row is missing. So each row must come once, and the total, where there is one, stay the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol

from pydantic import Field as Key

from app.config_model import Section, Whole, between, matching
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.places import NAME_PATTERN, Claim, Place, Placed, Value
from app.connectors.json_paths import Marks, OptionalPath, look_up
from app.connectors.reading import AnswerShape, NoRecord, list_rows, read_row, require_count
from app.domain.clearance import Record
from app.domain.json_reading import Json, Path


class Walk(Protocol):
    """The answers about one student so far."""

    def make_fields(self) -> Placed:
        """What asks for the next answer."""

    def take(self, document: Json) -> bool:
        """Take that answer; whether it was the last one. Raises UntrustedAnswer."""

    def read_records(self) -> tuple[Record, ...]:
        """The facts of all answers, one mapping a row."""


class WalkShape(Section):
    """What every way to ask for more rows declares. All answers come within the one deadline."""

    size_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "", description="the parameter or field of the rows a page; needs `size`"
    )
    size: Annotated[Whole | None, between(1, 1000)] = Key(None, description="how many rows a page")
    total: OptionalPath = Key(None, description="the path of the number of all rows")
    last: Marks = Key(
        (),
        description="table like `success` that holds on the last page and on no other, such as `has_more = false`; with "
        "`total` too, both must agree",
    )
    row_key: OptionalPath = Key(
        None,
        description="the path inside a row of what names it, such as a bill's number; without it a row is known by all "
        "facts that are read of it. Needed where two rows may be equal in these, such as two fees of one name and amount",
    )
    most: Annotated[Whole, between(2, 100)] = Key(20, description="how many pages at most")

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if bool(self.size_name) != (self.size is not None):
            yield "size", "is missing" if self.size_name else "needs size_name"

    def start(self, shape: AnswerShape, student_number: str) -> Walk:
        """The walk before its first answer."""
        raise NotImplementedError

    def list_claims(self) -> Iterator[Claim]:
        """The places that its parameters fill."""
        raise NotImplementedError

    @property
    def read_paths(self) -> tuple[Path | None, ...]:
        """The paths of each answer that are read for the walk, beside those of `last`."""
        return (self.total,)

    def place_size(self, place: Place) -> Placed:
        """The parameter of the rows a page, if there is one."""
        sizes: dict[str, Value] = {self.size_name: self.size} if self.size else {}
        return {place: sizes}


@dataclass(slots=True)
class RowBook:
    """The rows about one student so far, each of which may come once."""

    shape: AnswerShape
    walk: WalkShape
    student_number: str
    records: list[Record] = field(default_factory=list)
    _seen: set[Any] = field(default_factory=set)
    _total: int | None = None
    _is_first: bool = True
    _says_nobody: bool = False

    def take_rows(self, document: Json) -> int:
        """Take the rows of the next answer, and return how many there are. Raises UntrustedAnswer for an answer that
        is not about this student or holds a row that came before.
        """
        rows = list_rows(self.shape, document, self.student_number, is_first=self._is_first)
        if self._is_first:
            self._says_nobody = not rows and self.shape.no_record is not NoRecord.EMPTY
        self._is_first = False
        for row in rows:
            self._take_row(row)
        return len(rows)

    def is_total_reached(self, document: Json) -> bool:
        """Whether all rows are there, by the total that each answer tells. Raises UntrustedAnswer where that changes or
        is less than what was found; False where there is none.
        """
        if self.walk.total is None:
            return False
        total = self.shape.look_up_number(document, self.walk.total)
        if type(total) is not int or total < len(self.records) or self._total not in (None, total):
            raise UntrustedAnswer(FailureCode.WRONG_COUNT)
        self._total = total
        return total == len(self.records)

    def end(self) -> bool:
        """Have the rows be all that there are: True. Raises UntrustedAnswer unless as many were found as the total,
        where there is one, says.
        """
        if self.walk.total is not None:
            require_count(self._total, len(self.records))
        return True

    def is_last(self, document: Json) -> bool:
        """Whether an answer says to be the last one; raises UntrustedAnswer where it does not say."""
        return all(mark.holds(document) for mark in self.walk.last)

    def go_on(self) -> bool:
        """Have more answers follow: False. Raises UntrustedAnswer where the first one said that there is no record."""
        if self._says_nobody:
            raise UntrustedAnswer(FailureCode.CONTRADICTION)
        return False

    def require_list(self, document: Json) -> None:
        """Raise UntrustedAnswer for a later answer without a list of rows: it says "no record" of somebody."""
        if not self._is_first and not isinstance(self.shape.look_up_rows(document), list):
            raise UntrustedAnswer(FailureCode.NO_ROWS)

    def _take_row(self, row: Json) -> None:
        record = read_row(self.shape, row, self.student_number)
        # By what is read of it, not by the whole row: a running number or a time makes no other row of it.
        key = tuple(record.values()) if self.walk.row_key is None else _read_key(row, self.walk.row_key)
        if key in self._seen:
            raise UntrustedAnswer(FailureCode.REPEATED_PAGE)
        self._seen.add(key)
        self.records.append(record)


def list_walk_claims(
    table: str, place_key: str, place: Place, names: Iterable[tuple[str, str]]
) -> Iterator[Claim]:
    """The places that the parameters of a table fill, by their keys and names."""
    for key, name in names:
        if name:
            yield Claim(f"{table}.{key}", f"{table}.{place_key}", place, name)


def _read_key(row: Json, path: Path) -> str:
    key = look_up(row, path)
    if key == "" or not isinstance(key, str | int) or isinstance(key, bool):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    return str(key)
