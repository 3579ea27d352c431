"""Where everything on the slip stands: one A4 page, from the title down to the QR and how to check it.

A slip's values are placed by their numbers of lines alone, so that one Layout serves all slips of a wording
whose values take as many lines.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from app.documents.rows import (
    CAPTION_STYLE,
    DENSITIES,
    LEFT,
    PANEL_GAP,
    QR_SIZE,
    SEAL_SIZE,
    WIDTH,
    Density,
    Row,
    Rows,
    center,
    get_quiet_width,
    list_limits,
    list_rows,
)
from app.documents.sheet import Box, Ink, Lines, Measure, Rule, Sheet, Style, Text, break_lines, keep_spaces
from app.documents.wording import Wording

PAGE_WIDTH, PAGE_HEIGHT = 210.0, 297.0
TITLE_TOP, BOTTOM = 19.0, 278.0
TITLE_GAP = 4.0
TITLE = Style(26.0, Ink.DEEP, bold=True, leading=1.2, spacing=0.12)
SECOND_TITLE = Style(12.0, Ink.DEEP, leading=1.3)
SEAL_DROP = 4.0
"""How far below the seal's middle that of the office and the day stands (GB/T 9704-2012, 7.3.5.1)."""

CHOICES = (
    *((density, True) for density in DENSITIES if density.scale == 1),
    *((density, False) for density in DENSITIES),
)
"""The densities in the order in which they are tried, and whether the whole seal is to have room."""


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
    seal: Box | None
    wording: Wording
    rows: Rows


def fit_page(wording: Wording, values: Sequence[str], measure: Measure) -> tuple[Layout, list[Lines]]:
    """The page in the most generous print in which the values fit, and the values in lines; before the print gets smaller,
    its rows get closer, and the seal may lie over the table. Raises SlipTooLong.
    """
    scale, lines = 0.0, []
    for density, is_roomy in CHOICES:
        if density.scale != scale:
            limits = list_limits(wording, density, measure)
            lines = [break_lines(value, limit, measure) for value, limit in zip(values, limits, strict=True)]
            scale, counts = density.scale, tuple(map(len, lines))
        layout = lay_out(wording, density, counts, measure, is_roomy)
        if layout is not None:
            return layout, list(map(keep_spaces, values, lines))
    raise SlipTooLong(f"{sum(map(len, values))} characters")


@lru_cache(maxsize=128)
def lay_out(
    wording: Wording, density: Density, counts: tuple[int, ...], measure: Measure, is_roomy: bool
) -> Layout | None:
    """The page for values of so many lines, or None where they do not fit on it. On a roomy one the whole seal has its
    place between the statement and the QR.
    """
    rows = list_rows(wording, density, measure)
    taken = iter(counts)
    page = Sheet(TITLE_TOP, taken, measure)
    _add_title(page, wording, min(TITLE_GAP, 1.5 + density.gap))
    _add_body(page, rows, density.gap)
    office = Sheet(0, taken, measure)
    _add_rows(office, rows.office, 0)
    check = Sheet(0, taken, measure)
    _add_rows(check, rows.compared, density.gap / 4)
    check.y += density.gap / 4
    _add_rows(check, rows.advice, density.gap / 6)
    panel_height = max(check.y, get_quiet_width(wording.modules) + CAPTION_STYLE.line_height) + 2 * PANEL_GAP
    panel = Box(LEFT, BOTTOM - panel_height, WIDTH, panel_height)
    wanted = SEAL_SIZE if is_roomy and wording.office else office.y
    if page.y + wanted > panel.y:
        return None
    seal = _add_office(page, office, panel.y) if wording.office else None
    return _finish(page, check, panel, wording, rows, seal if wording.has_seal else None)


def _add_office(page: Sheet, office: Sheet, bottom: float) -> Box:
    """The office and the day, and the place of their seal: below the statement where that leaves room for it, else as low
    as can be.
    """
    top = min(page.y, bottom - SEAL_SIZE)
    wanted = top + SEAL_SIZE / 2 + SEAL_DROP - office.y / 2
    page.add_sheet(office, max(page.y, min(wanted, bottom - office.y)))
    day, _ = office.texts[-1]
    return Box(day.x + (day.box.width - 1) / 2 - SEAL_SIZE / 2, top, SEAL_SIZE, SEAL_SIZE)


def _add_title(page: Sheet, wording: Wording, gap: float) -> None:
    """The title in the middle, the English one under it if there is one, then a thick and a thin rule."""
    _add_middle(page, wording.title, TITLE, gap)
    if wording.second_title:
        _add_middle(page, wording.second_title, SECOND_TITLE, 0)
        page.y += 3
    page.add_rule(0.8, Ink.DEEP, LEFT, WIDTH)
    page.y += 1.1
    page.add_rule(0.2, Ink.DEEP, LEFT, WIDTH)
    page.y += 1.6


def _add_middle(page: Sheet, words: str, style: Style, gap: float) -> None:
    """One line in the middle, smaller where it is long."""
    page.add_row([center(words, style, PAGE_WIDTH / 2, WIDTH - 2, page.measure)], gap)


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


def _finish(page: Sheet, check: Sheet, panel: Box, wording: Wording, rows: Rows, seal: Box | None) -> Layout:
    """The panel of the QR with all that stands in it, and the border of the page."""
    quiet_width = get_quiet_width(wording.modules)
    spare = panel.height - quiet_width - CAPTION_STYLE.line_height
    quiet = Box(LEFT + PANEL_GAP, panel.y + spare / 2, quiet_width, quiet_width)
    inset = (quiet_width - QR_SIZE) / 2
    page.y = quiet.y + quiet_width
    _add_rows(page, rows.caption, 0)
    page.add_sheet(check, panel.y + (panel.height - check.y) / 2)
    page.add_frame(panel, 0.3, Ink.DEEP)
    for margin, weight in ((11.0, 0.7), (12.4, 0.2)):
        border = Box(margin, margin, PAGE_WIDTH - 2 * margin, PAGE_HEIGHT - 2 * margin)
        page.add_frame(border, weight, Ink.DEEP)
    qr = Box(quiet.x + inset, quiet.y + inset, QR_SIZE, QR_SIZE)
    shapes = tuple(page.rules), tuple(page.fills)
    return Layout(tuple(page.texts), *shapes, qr, quiet, seal, wording, rows)
