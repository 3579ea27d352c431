"""The rows of a slip: what is printed in which order and type, before anything has a height.

The words that the slips of a mini-app share are the Wording; a slip's own values go into the columns
without words, in the order of `list_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

from app.documents.sheet import PADDING, Column, Ink, Style
from app.domain.slip import SlipRecord

LEFT, WIDTH = 22.0, 166.0
QR_SIZE = 35.0
QUIET_MODULES = 4
"""The symbol's quiet zone in modules (ISO/IEC 18004:2015, 6.3.8)."""

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

COMPARED = ("name", "student_number", "level", "college")
"""The fields that stand beside the QR; of the student number only the last four."""

STEP_WIDTHS = (39.0, 22.0, 66.0, 15.0, 24.0)
STEP_HEADINGS = ("部门", "事项", "办理情况", "结果", "查询时间")
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


@dataclass(frozen=True, slots=True)
class Wording:
    """What slips share. `compared` are the labels beside the QR, `modules` the side of the QR symbol."""

    title: str
    labels: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    statement: str
    compared: tuple[str, ...]
    host: str
    modules: int

    @property
    def quiet_width(self) -> float:
        """The side of the QR with its quiet zone, in mm."""
        return QR_SIZE * (self.modules + 2 * QUIET_MODULES) / self.modules


class Rows(NamedTuple):
    """All rows of the page by section, from the top."""

    numbers: list[Row]
    fields: list[Row]
    steps: list[Row]
    statement: list[Row]
    compared: list[Row]
    advice: list[Row]


def get_wording(record: SlipRecord, host: str, modules: int) -> Wording:
    """The words of a slip that other slips share."""
    labels = {field.key: field.label for field in record.fields}
    labels["student_number"] = labels.get("student_number", "") + "后四位"
    return Wording(
        record.title,
        tuple(field.label for field in record.fields),
        tuple((step.department, step.title) for step in record.steps),
        record.statement,
        tuple(labels.get(key, "") for key in COMPARED),
        host,
        modules,
    )


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
    return Rows(
        [
            _split(
                LEFT,
                ((11, "编号"), (47, None), (18, "提交时间"), (43, None), (18, "签发日期"), (29, None)),
                fit,
                0,
            )
        ],
        list(_list_fields(wording.labels, fit)),
        [_list_step_columns((HEADING,) * 5, STEP_HEADINGS, fit), *_list_steps(wording.steps, fit)],
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


def _list_fields(labels: tuple[str, ...], fit: Fit) -> Iterator[Row]:
    """Two fields a row; an odd one at the end has the row to itself."""
    value_width = WIDTH / 2 - LABEL_WIDTH
    for first, second in zip(labels[::2], labels[1::2], strict=False):
        parts = ((LABEL_WIDTH, first), (value_width, None), (LABEL_WIDTH, second), (value_width, None))
        yield _split(LEFT, parts, fit, PADDING)
    if len(labels) % 2:
        yield _split(LEFT, ((LABEL_WIDTH, labels[-1]), (WIDTH - LABEL_WIDTH, None)), fit, PADDING)


def _list_steps(steps: tuple[tuple[str, str], ...], fit: Fit) -> Iterator[Row]:
    for department, title in steps:
        yield _list_step_columns((STEP, STEP, STEP, STATUS, TIME), (department, title, None, None, None), fit)


def _list_step_columns(styles: Sequence[Style], words: Sequence[str | None], fit: Fit) -> Row:
    places = accumulate(STEP_WIDTHS, initial=LEFT)
    parts = zip(places, STEP_WIDTHS, styles, words, strict=False)
    return [Column(place, width, fit(style), text) for place, width, style, text in parts]


def _list_compared(wording: Wording, fit: Fit) -> Iterator[Row]:
    """Beside the QR: the code to type, and the fields that a checker compares with the web page."""
    x, width = _get_panel_column(wording)
    name, number, level, college = wording.compared
    rest = width - LABEL_WIDTH
    yield [
        Column(x, LABEL_WIDTH, fit(HEADING), "核验码", 0),
        Column(x + LABEL_WIDTH, rest, fit(CODE), None, 0),
    ]
    yield _split(x, ((LABEL_WIDTH, name), (rest, None)), fit, 0)
    yield _split(x, ((LABEL_WIDTH, number), (rest - 50, None), (20, level), (30, None)), fit, 0)
    yield _split(x, ((LABEL_WIDTH, college), (rest, None)), fit, 0)


def _list_advice(wording: Wording, fit: Fit) -> Iterator[Row]:
    """How to check the slip."""
    x, width = _get_panel_column(wording)
    for style, sentence in (
        (CHECK, "1. 用手机扫描左侧二维码。"),
        (CHECK, f"2. 打开的网页，地址栏必须显示 {wording.host}。"),
        (CHECK, "3. 网页须显示“有效”，姓名和学号后四位须与本单一致。"),
        (NOTE, f"不便扫码时，可在 {wording.host}/verify 输入核验码。"),
    ):
        yield [Column(x, width, fit(style), sentence, 0)]


def _get_panel_column(wording: Wording) -> tuple[float, float]:
    """Left edge and width of what stands beside the QR, clear of its quiet zone."""
    x = LEFT + wording.quiet_width + 7
    return x, LEFT + WIDTH - 4 - x
