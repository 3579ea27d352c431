"""The rows of a slip: what is printed in which order and type, before anything has a height.

A slip's own values go into the columns
without words, in the order of `list_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

from app.documents.sheet import PADDING, Column, Ink, Style
from app.documents.slip_wording import COMPARED, STEP_HEADINGS, Wording
from app.domain.slip import SlipRecord

LEFT, WIDTH = 22.0, 166.0

LABEL = Style(9.5, Ink.SOFT)
VALUE = Style(10.5)
HEADING = Style(9.5, Ink.DEEP, bold=True)
STEP = Style(9.5)
STATUS = Style(9.5, Ink.DEEP, bold=True)
TIME = Style(8.5, Ink.SOFT, leading=1.4)
STATEMENT = Style(11.5, leading=1.7)
CODE = Style(14.0, bold=True, leading=1.3)
CHECK = Style(9.0)
NOTE = Style(8.5, Ink.SOFT)

LABEL_WIDTH = 24.0

Row = list[Column]
Fit = Callable[[Style], Style]


class Density(NamedTuple):
    """How close the print is: font sizes times `scale`, and mm above and below the words of a row."""

    scale: float
    gap: float

    def fit(self, style: Style) -> Style:
        """The style at this density."""
        return style if self.scale == 1 else replace(style, size=style.size * self.scale)


class Rows(NamedTuple):
    """All rows of the page by section, from the top."""

    numbers: list[Row]
    fields: list[Row]
    steps: list[Row]
    statement: list[Row]
    compared: list[Row]
    advice: list[Row]


def list_values(record: SlipRecord, short_code: str) -> list[str]:
    """A slip's own values in printed order."""
    values = [record.number, record.submitted_at, record.issued_on, *(field.value for field in record.fields)]
    for step in record.steps:
        facts = "；".join(f"{fact.label} {fact.value}" for fact in step.facts)
        values += [facts or "—", step.status_word, step.learnt_at]
    grouped = " ".join(short_code[start : start + 4] for start in range(0, len(short_code), 4))
    name, number, level, college = map(record.get_field, COMPARED)
    return [*values, grouped, name, number[-4:], level, college]


@lru_cache(maxsize=64)
def list_rows(wording: Wording, density: Density) -> Rows:
    """The rows of all slips of this wording."""
    fit = density.fit
    headings = [wording.put(heading) for heading in STEP_HEADINGS]
    return Rows(
        [_list_numbers(wording, fit)],
        list(_list_fields(wording.labels, fit)),
        [_list_step_columns(wording, (HEADING,) * 5, headings, fit), *_list_steps(wording, fit)],
        [[Column(LEFT, WIDTH, fit(STATEMENT), "　　" + wording.statement, 0)]],
        list(_list_compared(wording, fit)),
        list(_list_advice(wording, fit)),
    )


@lru_cache(maxsize=64)
def list_limits(wording: Wording, density: Density) -> tuple[float, ...]:
    """How much text a line of each value takes, in 1/1000 em."""
    rows = chain.from_iterable(list_rows(wording, density))
    return tuple(column.limit for row in rows for column in row if column.words is None)


def _split(x: float, parts: Sequence[tuple[float, str | None]], fit: Fit, padding: float) -> Row:
    """Labels, and values beside them, from `x` to the right."""
    places = accumulate((width for width, _ in parts), initial=x)
    return [
        Column(place, width, fit(VALUE if words is None else LABEL), words, padding)
        for place, (width, words) in zip(places, parts, strict=False)
    ]


def _list_numbers(wording: Wording, fit: Fit) -> Row:
    put, label = wording.put, 16 if wording.second_title else 11
    parts = (
        *((label, put("编号")), (58 - label, None)),
        *((18, put("提交时间")), (43, None)),
        *((18, put("签发日期")), (29, None)),
    )
    return _split(LEFT, parts, fit, 0)


def _list_fields(labels: tuple[str, ...], fit: Fit) -> Iterator[Row]:
    """Two fields a row; an odd one at the end has the row to itself."""
    value_width = WIDTH / 2 - LABEL_WIDTH
    for first, second in zip(labels[::2], labels[1::2], strict=False):
        parts = ((LABEL_WIDTH, first), (value_width, None), (LABEL_WIDTH, second), (value_width, None))
        yield _split(LEFT, parts, fit, PADDING)
    if len(labels) % 2:
        yield _split(LEFT, ((LABEL_WIDTH, labels[-1]), (WIDTH - LABEL_WIDTH, None)), fit, PADDING)


def _list_steps(wording: Wording, fit: Fit) -> Iterator[Row]:
    styles = (STEP, STEP, STEP, STATUS, TIME)
    for department, title in wording.steps:
        yield _list_step_columns(wording, styles, (department, title, None, None, None), fit)


def _list_step_columns(
    wording: Wording, styles: Sequence[Style], words: Sequence[str | None], fit: Fit
) -> Row:
    widths = wording.step_widths
    places = accumulate(widths, initial=LEFT)
    parts = zip(places, widths, styles, words, strict=False)
    return [Column(place, width, fit(style), text) for place, width, style, text in parts]


def _list_compared(wording: Wording, fit: Fit) -> Iterator[Row]:
    """Beside the QR: the code to type, and the fields that a checker compares with the web page."""
    x, width = _get_panel_column(wording)
    name, number, level, college = wording.compared
    rest = width - LABEL_WIDTH
    yield [
        Column(x, LABEL_WIDTH, fit(HEADING), wording.put("核验码"), 0),
        Column(x + LABEL_WIDTH, rest, fit(CODE), None, 0),
    ]
    yield _split(x, ((LABEL_WIDTH, name), (rest, None)), fit, 0)
    yield _split(x, ((LABEL_WIDTH, number), (rest - 50, None), (20, level), (30, None)), fit, 0)
    yield _split(x, ((LABEL_WIDTH, college), (rest, None)), fit, 0)


def _list_advice(wording: Wording, fit: Fit) -> Iterator[Row]:
    """How to check the slip."""
    x, width = _get_panel_column(wording)
    for style, sentence in zip((CHECK, CHECK, CHECK, NOTE), wording.list_advice(), strict=True):
        yield [Column(x, width, fit(style), sentence, 0)]


def _get_panel_column(wording: Wording) -> tuple[float, float]:
    """Left edge and width of what stands beside the QR, clear of its quiet zone."""
    x = LEFT + wording.quiet_width + 7
    return x, LEFT + WIDTH - 4 - x
