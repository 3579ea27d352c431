"""Where everything on the slip stands: one A4 page, from the title down to the QR and how to check it.

A slip's values are placed by their numbers of lines alone, so that one Layout serves all slips of a wording
whose values take as many lines. A `Wording` holds the words that the slips of a mini-app share, in Chinese or in both
languages; rows say what is printed in which order and type, and a slip's own values go into the columns without words,
in the order of `list_values`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import accumulate, chain
from typing import NamedTuple

from app.documents.sheet import (
    MM_PER_POINT,
    PADDING,
    Box,
    Column,
    Ink,
    Lines,
    Measure,
    Rule,
    Sheet,
    Style,
    Text,
    break_lines,
)
from app.domain.slip import COMPARED, SlipRecord

QR_SIZE = 35.0
QUIET_MODULES = 4
"""The symbol's quiet zone in modules (ISO/IEC 18004:2015, 6.3.8)."""

STEP_WIDTHS = (39.0, 22.0, 66.0, 15.0, 24.0)
STEP_HEADINGS = ("部门", "事项", "办理情况", "结果", "查询时间")
ENGLISH_STEP_WIDTHS = (37.0, 26.0, 60.0, 19.0, 24.0)
ENGLISH = {
    "编号": "No.",
    "提交时间": "Submitted",
    "签发日期": "Issued on",
    "部门": "Department",
    "事项": "Item",
    "办理情况": "Details",
    "结果": "Result",
    "查询时间": "Checked at",
    "核验码": "Code",
    "后四位": "last four",
}
"""What stands behind these words on a slip in both languages."""

ADVICE = (
    "1. 用手机扫描左侧二维码。",
    "2. 打开的网页，地址栏必须显示 {host}。",
    "3. 网页须显示“有效”，姓名和学号后四位须与本单一致。",
    "不便扫码时，可在 {host}/verify 输入核验码。",
)
ENGLISH_ADVICE = (
    "Scan the QR code on the left.",
    "The page that opens must be at this address.",
    'It must say "Valid", with the name and last four digits of this slip.',
    "Without a camera, type the code there.",
)


@dataclass(frozen=True, slots=True)
class Wording:
    """What slips share. `second_title` is there on slips in both languages; `compared` are the labels beside
    the QR, `modules` the side of the QR symbol.
    """

    title: str
    second_title: str
    labels: tuple[str, ...]
    steps: tuple[tuple[str, str], ...]
    statement: str
    compared: tuple[str, ...]
    host: str
    modules: int

    def put(self, word: str) -> str:
        """A word that is on every slip, with the English behind it where the slip has both."""
        return f"{word} {ENGLISH[word]}" if self.second_title else word

    @property
    def step_widths(self) -> tuple[float, ...]:
        """The columns of the steps, in mm."""
        return ENGLISH_STEP_WIDTHS if self.second_title else STEP_WIDTHS

    def list_advice(self) -> list[str]:
        """How to check the slip, in four sentences."""
        advice = [sentence.format(host=self.host) for sentence in ADVICE]
        pairs = zip(advice, ENGLISH_ADVICE, strict=True)
        return [f"{sentence} {english}" for sentence, english in pairs] if self.second_title else advice

    @property
    def quiet_width(self) -> float:
        """The side of the QR with its quiet zone, in mm."""
        return QR_SIZE * (self.modules + 2 * QUIET_MODULES) / self.modules


def get_wording(record: SlipRecord, host: str, modules: int) -> Wording:
    """The words of a slip that other slips share."""
    labels = {field.key: field.label for field in record.fields}
    last_four = f" 后四位 {ENGLISH['后四位']}" if record.second_title else "后四位"
    labels["student_number"] = labels.get("student_number", "") + last_four
    return Wording(
        record.title,
        record.second_title,
        tuple(field.label for field in record.fields),
        tuple((step.department, step.title) for step in record.steps),
        record.statement,
        tuple(labels.get(key, "") for key in COMPARED),
        host,
        modules,
    )


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
Severity = Callable[[Style], Style]


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


def _split(x: float, parts: Sequence[tuple[float, str | None]], fit: Severity, padding: float) -> Row:
    """Labels, and values beside them, from `x` to the right."""
    places = accumulate((width for width, _ in parts), initial=x)
    return [
        Column(place, width, fit(VALUE if words is None else LABEL), words, padding)
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
    widths = wording.step_widths
    places = accumulate(widths, initial=LEFT)
    parts = zip(places, widths, styles, words, strict=False)
    return [Column(place, width, fit(style), text) for place, width, style, text in parts]


def _list_compared(wording: Wording, fit: Severity) -> Iterator[Row]:
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


def _list_advice(wording: Wording, fit: Severity) -> Iterator[Row]:
    """How to check the slip."""
    x, width = _get_panel_column(wording)
    for style, sentence in zip((CHECK, CHECK, CHECK, NOTE), wording.list_advice(), strict=True):
        yield [Column(x, width, fit(style), sentence, 0)]


def _get_panel_column(wording: Wording) -> tuple[float, float]:
    """Left edge and width of what stands beside the QR, clear of its quiet zone."""
    x = LEFT + wording.quiet_width + 7
    return x, LEFT + WIDTH - 4 - x


PAGE_WIDTH, PAGE_HEIGHT = 210.0, 297.0
TITLE_TOP, BOTTOM = 21.0, 275.0
PANEL_GAP = 3.0
TITLE = Style(26.0, Ink.DEEP, bold=True, leading=1.2, spacing=0.12)
CAPTION = Style(8.0, Ink.SOFT)
CAPTION_WORDS = "扫码核验真伪"
ENGLISH_CAPTION = "Scan to verify"
SECOND_TITLE = Style(12.0, Ink.DEEP, leading=1.3)
CAPTION_HEIGHT = CAPTION.line_height

DENSITIES = (
    Density(1.0, 3.3),
    Density(1.0, 2.5),
    Density(1.0, 1.8),
    Density(1.0, 1.2),
    Density(0.92, 1.0),
    Density(0.84, 0.8),
    Density(0.74, 0.6),
    Density(0.64, 0.5),
    Density(0.54, 0.4),
)
"""From the most generous print to the smallest; the first that fits is taken."""


class SlipTooLong(ValueError):
    """The words do not fit on one page even in the smallest print."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A page ready for a slip's values, in reading order; those without lines are for `list_values`.

    Equal only to itself, so that what is drawn from it can be kept by it.
    """

    texts: tuple[Text, ...]
    rules: tuple[Rule, ...]
    fills: tuple[tuple[Box, Ink], ...]
    qr: Box
    quiet_zone: Box


def fit_page(wording: Wording, values: Sequence[str], measure: Measure) -> tuple[Layout, list[Lines]]:
    """The page in the most generous print in which the values fit, and the values in lines. Raises SlipTooLong."""
    for density in DENSITIES:
        limits = list_limits(wording, density)
        lines = [break_lines(value, limit, measure) for value, limit in zip(values, limits, strict=True)]
        layout = lay_out(wording, density, tuple(map(len, lines)), measure)
        if layout is not None:
            return layout, lines
    raise SlipTooLong(f"{sum(map(len, values))} characters")


@lru_cache(maxsize=64)
def lay_out(wording: Wording, density: Density, counts: tuple[int, ...], measure: Measure) -> Layout | None:
    """The page for values of so many lines, or None where they do not fit on it."""
    rows = list_rows(wording, density)
    taken = iter(counts)
    page = Sheet(TITLE_TOP, taken, measure)
    _add_title(page, wording)
    _add_body(page, rows, density.gap)
    check = Sheet(0, taken, measure)
    _add_rows(check, rows.compared, density.gap / 4)
    check.y += density.gap / 4
    _add_rows(check, rows.advice, density.gap / 6)
    panel_height = max(check.y, wording.quiet_width + CAPTION_HEIGHT) + 2 * PANEL_GAP
    panel = Box(LEFT, BOTTOM - panel_height, WIDTH, panel_height)
    if page.y > panel.y:
        return None
    page.add_sheet(check, panel.y + (panel_height - check.y) / 2)
    return _finish(page, panel, wording)


def _add_title(page: Sheet, wording: Wording) -> None:
    """The title in the middle, the English one under it if there is one, then a thick and a thin rule."""
    _add_middle(page, wording.title, TITLE, 4)
    if wording.second_title:
        _add_middle(page, wording.second_title, SECOND_TITLE, 0)
        page.y += 3
    page.add_rule(0.8, Ink.DEEP, LEFT, WIDTH)
    page.y += 1.1
    page.add_rule(0.2, Ink.DEEP, LEFT, WIDTH)
    page.y += 1.6


def _add_middle(page: Sheet, words: str, style: Style, gap: float) -> None:
    """One line in the middle, smaller where it is long."""
    ems = page.measure(words) / 1000 + style.spacing * (len(words) - 1)
    size = min(style.size, (WIDTH - 2) / (ems * MM_PER_POINT))
    width = ems * size * MM_PER_POINT
    page.add_row([Column((PAGE_WIDTH - width) / 2, width + 1, replace(style, size=size), words, 0)], gap)


def _add_body(page: Sheet, rows: Rows, gap: float) -> None:
    _add_rows(page, rows.numbers, 1.2)
    page.y += 1.6
    _add_table(page, rows.fields, gap, tinted_columns=(0, 2))
    page.y += 2 * gap
    _add_table(page, rows.steps, gap, tinted_columns=())
    page.y += gap
    _add_rows(page, rows.statement, gap)


def _add_rows(sheet: Sheet, rows: Sequence[Row], gap: float) -> None:
    for row in rows:
        sheet.add_row(row, gap)


def _add_table(page: Sheet, rows: Sequence[Row], gap: float, tinted_columns: Sequence[int]) -> None:
    """Rows with hairlines between them and a frame around; the labels' columns, or else the first row, are tinted."""
    top = page.y
    for number, row in enumerate(rows):
        if number:
            page.add_rule(0.15, Ink.HAIRLINE, LEFT, WIDTH)
        box = page.add_row(row, gap)
        tinted = [row[place] for place in tinted_columns if place < len(row)]
        page.fills += [(Box(column.x, box.y, column.width, box.height), Ink.TINT) for column in tinted]
        if not tinted_columns and not number:
            page.fills.append((box, Ink.TINT))
    page.add_frame(Box(LEFT, top, WIDTH, page.y - top), 0.3, Ink.DEEP)


def _finish(page: Sheet, panel: Box, wording: Wording) -> Layout:
    """The panel of the QR and the border of the page."""
    quiet_width = wording.quiet_width
    caption = f"{CAPTION_WORDS} {ENGLISH_CAPTION}" if wording.second_title else CAPTION_WORDS
    spare = panel.height - quiet_width - CAPTION_HEIGHT
    quiet = Box(LEFT + PANEL_GAP, panel.y + spare / 2, quiet_width, quiet_width)
    inset = (quiet_width - QR_SIZE) / 2
    caption_width = page.measure(caption) / 1000 * CAPTION.size * MM_PER_POINT
    page.y = quiet.y + quiet_width
    caption_x = quiet.x + (quiet_width - caption_width) / 2
    page.add_row([Column(caption_x, caption_width + 1, CAPTION, caption, 0)], 0)
    page.add_frame(panel, 0.3, Ink.DEEP)
    for margin, weight in ((11.0, 0.7), (12.4, 0.2)):
        border = Box(margin, margin, PAGE_WIDTH - 2 * margin, PAGE_HEIGHT - 2 * margin)
        page.add_frame(border, weight, Ink.DEEP)
    qr = Box(quiet.x + inset, quiet.y + inset, QR_SIZE, QR_SIZE)
    return Layout(tuple(page.texts), tuple(page.rules), tuple(page.fills), qr, quiet)
