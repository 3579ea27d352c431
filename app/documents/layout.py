"""Where everything on the slip stands: one A4 page, from the title down to the QR and how to check it.

A slip's values are placed by their numbers of lines alone, so that one Layout serves all slips of a wording
whose values take as many lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from app.documents.line_breaks import Lines, Measure, break_lines
from app.documents.sheet import MM_PER_POINT, Box, Column, Ink, Rule, Sheet, Style, Text
from app.documents.slip_rows import LEFT, WIDTH, Density, Row, Rows, list_limits, list_rows
from app.documents.slip_wording import QR_SIZE, Wording

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
