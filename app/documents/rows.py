"""The rows of a slip's page: what is printed in which order, column and type, at one density.

A slip's own values go into the columns without words, in the order of `list_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

from app.documents.sheet import MM_PER_POINT, PADDING, Column, Ink, Measure, Style, break_lines, keep_spaces
from app.documents.wording import CAPTION, SEAL_PLACE, STEP_HEADINGS, Wording

QR_SIZE = 42.0
"""A page printed at half its size and scanned at 150 dpi shows a module 2 pixels wide. Of 35, 38, 40, 42, 44 and 45 mm 42
was the least at which every one of 150 such scans was read."""
QUIET_MODULES = 4
"""The symbol's quiet zone in modules (ISO/IEC 18004:2015, 6.3.8)."""

STEP_WIDTHS = (38.0, 22.0, 63.0, 19.0, 24.0)
ENGLISH_STEP_WIDTHS = (37.0, 26.0, 60.0, 19.0, 24.0)

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
OFFICE = Style(12.0, leading=1.4)
SECOND_OFFICE = Style(9.5, leading=1.4)
CAPTION_STYLE = Style(8.0, Ink.SOFT)

LABEL_WIDTH = 24.0
CHECK_LABEL_WIDTH, ENGLISH_CHECK_LABEL_WIDTH = 24.0, 35.0
"""Of the labels beside the QR, in Chinese and in both languages."""
LABEL_GAP = 1.5
"""Between a label and its value where neither is padded."""
PANEL_GAP = 3.0
"""Around what stands in the panel of the QR."""
SEAL_SIZE = 42.0
"""The seal's diameter, that of a university's."""
OFFICE_WIDTH, OFFICE_INDENT = 110.0, 6.0
"""How wide the office's name may be, and how far it keeps from the right."""
LEAST_SIZE = 7.0
"""In points; a name that would have to be smaller to stand in one line takes several."""

Row = list[Column]
Severity = Callable[[Style], Style]


class Density(NamedTuple):
    """How close the print is: font sizes times `scale`, and mm above and below the words of a row."""

    scale: float
    gap: float

    def fit(self, style: Style) -> Style:
        """The style at this density."""
        return style if self.scale == 1 else replace(style, size=style.size * self.scale)


DENSITIES = (
    Density(1.0, 3.3),
    Density(1.0, 2.5),
    Density(1.0, 1.8),
    Density(1.0, 1.2),
    Density(1.0, 0.8),
    Density(0.92, 1.0),
    Density(0.84, 0.8),
    Density(0.74, 0.6),
    Density(0.64, 0.5),
    Density(0.54, 0.4),
)
"""From the most generous print to the smallest; the first that fits is taken."""


class Rows(NamedTuple):
    """All rows of the page by section, from the top."""

    numbers: list[Row]
    fields: list[Row]
    steps: list[Row]
    statement: list[Row]
    office: list[Row]
    caption: list[Row]
    compared: list[Row]
    advice: list[Row]


@lru_cache(maxsize=64)
def list_rows(wording: Wording, density: Density, measure: Measure) -> Rows:
    """The rows of all slips of this wording."""
    fit = density.fit
    headings = [wording.put(heading) for heading in STEP_HEADINGS]
    return Rows(
        [_list_numbers(wording, fit)],
        list(_list_fields(wording.labels, fit)),
        [_list_step_columns(wording, (HEADING,) * 5, headings, fit), *_list_steps(wording, fit)],
        [[Column(LEFT, WIDTH, fit(STATEMENT), "　　" + wording.statement, 0)]],
        list(_list_office(wording, fit, measure)),
        [[_list_caption(wording, measure)]],
        list(_list_compared(wording, fit)),
        list(_list_advice(wording, fit)),
    )


@lru_cache(maxsize=64)
def list_limits(wording: Wording, density: Density, measure: Measure) -> tuple[float, ...]:
    """How much text a line of each value takes, in 1/1000 em."""
    rows = chain.from_iterable(list_rows(wording, density, measure))
    return tuple(column.limit for row in rows for column in row if column.words is None)


def get_quiet_width(modules: int) -> float:
    """The side of a QR of so many modules with its quiet zone, in mm."""
    return QR_SIZE * (modules + 2 * QUIET_MODULES) / modules


def center(words: str, style: Style, middle: float, most: float, measure: Measure) -> Column:
    """Words in one line around `middle`, smaller where they would be wider than `most`."""
    ems = measure(words) / 1000 + style.spacing * (len(words) - 1)
    size = min(style.size, most / (ems * MM_PER_POINT))
    width = ems * size * MM_PER_POINT
    return Column(middle - width / 2, width + 1, replace(style, size=size), words, 0)


def _split(x: float, parts: Sequence[tuple[float, str | None]], fit: Severity, padding: float) -> Row:
    """Labels, and values beside them, from `x` to the right."""
    places = accumulate((width for width, _ in parts), initial=x)
    gap = 0 if padding else LABEL_GAP
    return [
        Column(place, width, fit(VALUE), None, padding)
        if words is None
        else Column(place, width - gap, fit(LABEL), words, padding)
        for place, (width, words) in zip(places, parts, strict=False)
    ]


def _list_numbers(wording: Wording, fit: Severity) -> Row:
    put, label = wording.put, 16 if wording.second_title else 11
    parts = (
        *((label, put("编号")), (58 - label, None)),
        *((18, put("提交时间")), (43, None)),
        *((18, put("签发日期")), (29, None)),
    )
    return _split(LEFT, parts, fit, 0)


def _list_fields(labels: tuple[str, ...], fit: Severity) -> Iterator[Row]:
    """Two fields a row; an odd one at the end has the row to itself."""
    value_width = WIDTH / 2 - LABEL_WIDTH
    for first, second in zip(labels[::2], labels[1::2], strict=False):
        parts = ((LABEL_WIDTH, first), (value_width, None), (LABEL_WIDTH, second), (value_width, None))
        yield _split(LEFT, parts, fit, PADDING)
    if len(labels) % 2:
        yield _split(LEFT, ((LABEL_WIDTH, labels[-1]), (WIDTH - LABEL_WIDTH, None)), fit, PADDING)


def _list_steps(wording: Wording, fit: Severity) -> Iterator[Row]:
    styles = (STEP, STEP, STEP, STATUS, TIME)
    for department, title in wording.steps:
        yield _list_step_columns(wording, styles, (department, title, None, None, None), fit)


def _list_step_columns(
    wording: Wording, styles: Sequence[Style], words: Sequence[str | None], fit: Severity
) -> Row:
    widths = ENGLISH_STEP_WIDTHS if wording.second_title else STEP_WIDTHS
    places = accumulate(widths, initial=LEFT)
    parts = zip(places, widths, styles, words, strict=False)
    return [Column(place, width, fit(style), text) for place, width, style, text in parts]


def _list_office(wording: Wording, fit: Severity, measure: Measure) -> Iterator[Row]:
    """Who issues the slip and under it when, around one middle at the right; beside it the place of the seal, in words
    where no seal is drawn.
    """
    if not wording.office:
        return
    lines = [
        *_break_name(wording.office, fit(OFFICE), measure),
        *_break_name(wording.second_office, fit(SECOND_OFFICE), measure),
        (wording.day, fit(OFFICE)),
    ]
    widest = max(center(words, style, 0, OFFICE_WIDTH, measure).width for words, style in lines)
    middle = LEFT + WIDTH - max(widest, SEAL_SIZE) / 2 - OFFICE_INDENT
    columns = [center(words, style, middle, OFFICE_WIDTH, measure) for words, style in lines]
    if not wording.has_seal:
        place = wording.put(SEAL_PLACE)
        width = center(place, fit(NOTE), 0, OFFICE_WIDTH, measure).width
        yield [
            Column(middle - max(widest, SEAL_SIZE) / 2 - width, width, fit(NOTE), place, 0),
            columns.pop(0),
        ]
    *others, day = columns
    yield from ([column] for column in others)
    yield [day._replace(words=None)]


def _break_name(name: str, style: Style, measure: Measure) -> Iterator[tuple[str, Style]]:
    """The lines of an office's name: one, in smaller print if need be, or several where that would be too small."""
    if not name:
        return
    needed = center(name, style, 0, OFFICE_WIDTH, measure).style.size
    is_long = needed < min(style.size, LEAST_SIZE)
    limit = style.get_limit(OFFICE_WIDTH)
    lines = keep_spaces(name, break_lines(name, limit, measure)) if is_long else (name,)
    yield from ((line, style) for line in lines)


def _list_caption(wording: Wording, measure: Measure) -> Column:
    quiet_width = get_quiet_width(wording.modules)
    return center(
        wording.put(CAPTION), CAPTION_STYLE, LEFT + PANEL_GAP + quiet_width / 2, quiet_width, measure
    )


def _list_compared(wording: Wording, fit: Severity) -> Iterator[Row]:
    """Beside the QR: the code to type, and the fields that a checker compares with the web page."""
    x, width = _get_panel_column(wording)
    name, number, level, college = wording.compared
    label = ENGLISH_CHECK_LABEL_WIDTH if wording.second_title else CHECK_LABEL_WIDTH
    rest = width - label
    yield [
        Column(x, label, fit(HEADING), wording.put("核验码"), 0),
        Column(x + label, rest, fit(CODE), None, 0),
    ]
    yield _split(x, ((label, name), (rest, None)), fit, 0)
    yield _split(x, ((label, number), (rest - 50, None), (20, level), (30, None)), fit, 0)
    yield _split(x, ((label, college), (rest, None)), fit, 0)


def _list_advice(wording: Wording, fit: Severity) -> Iterator[Row]:
    """How to check the slip."""
    x, width = _get_panel_column(wording)
    for style, sentence in zip((CHECK, CHECK, CHECK, NOTE), wording.list_advice(), strict=True):
        yield [Column(x, width, fit(style), sentence, 0)]


def _get_panel_column(wording: Wording) -> tuple[float, float]:
    """Left edge and width of what stands beside the QR, clear of its quiet zone."""
    x = LEFT + get_quiet_width(wording.modules) + 7
    return x, LEFT + WIDTH - 4 - x
