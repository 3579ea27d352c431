"""The slip as a screen reader reads it: a heading, lists of labels and values, the table of steps, and figures with their
alternatives, in the order in which they are printed.

The types are those of ISO 32000-1, 14.8.4; PDF/UA-1 (ISO 14289-1) asks for the attributes. The marked sequence of a text
has the text's place in `Layout.texts` as its number; those of the two figures come behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from app.documents.layout import PAGE_HEIGHT, Layout
from app.documents.rows import Row
from app.documents.sheet import MM_PER_POINT, Box
from app.documents.structure import Element, write_text

QR_ALTERNATIVE = "核验二维码，内容为本单的核验网址"
SEAL_ALTERNATIVE = "印章：{office}"

_ENGLISH = " /Lang (en)"
_COLUMN_HEADER = " /A <</O /Table /Scope /Column>>"
_UNNUMBERED = " /A <</O /List /ListNumbering /None>>"

Number = Callable[[], int]
"""The place of the next text."""


def get_qr_number(layout: Layout) -> int:
    """The number of the marked sequence of the QR; that of the seal is the next."""
    return len(layout.texts)


def build_tree(layout: Layout) -> Element:
    """The structure of a slip's page."""
    return Element("Document", tuple(_list_parts(layout)))


def _list_parts(layout: Layout) -> Iterator[Element]:
    rows, wording = layout.rows, layout.wording
    number = count().__next__
    yield Element("H1", (number(),))
    if wording.second_title:
        yield Element("P", (number(),), _ENGLISH)
    yield _build_pairs([*rows.numbers, *rows.fields], number)
    header, *steps = rows.steps
    titles = Element("TR", tuple(Element("TH", (number(),), _COLUMN_HEADER) for _ in header))
    yield Element("Table", (titles, *(_build_row(row, number) for row in steps)))
    yield Element("P", (number(),))
    for column in (column for row in rows.office for column in row):
        is_english = column.words is not None and column.words in wording.second_office
        yield Element("P", (number(),), _ENGLISH if is_english else "")
    qr_number = get_qr_number(layout)
    if layout.seal is not None:
        yield _build_figure((qr_number + 1,), SEAL_ALTERNATIVE.format(office=wording.office), layout.seal)
    yield _build_figure((Element("Caption", (number(),)), qr_number), QR_ALTERNATIVE, layout.qr)
    yield _build_pairs(rows.compared, number)
    *points, _ = rows.advice
    items = (Element("LI", (Element("LBody", (number(),)),)) for _ in points)
    yield Element("L", tuple(items), _UNNUMBERED)
    yield Element("P", (number(),))


def _build_pairs(rows: list[Row], number: Number) -> Element:
    """Labels and values as a list of pairs."""
    pairs = (_build_pair(number) for row in rows for _ in row[::2])
    return Element("L", tuple(pairs), _UNNUMBERED)


def _build_pair(number: Number) -> Element:
    return Element("LI", (Element("Lbl", (number(),)), Element("LBody", (number(),))))


def _build_row(row: Row, number: Number) -> Element:
    return Element("TR", tuple(Element("TD", (number(),)) for _ in row))


def _build_figure(kids: tuple[Element | int, ...], alternative: str, box: Box) -> Element:
    left, right = box.x / MM_PER_POINT, (box.x + box.width) / MM_PER_POINT
    top, bottom = (
        (PAGE_HEIGHT - box.y) / MM_PER_POINT,
        (PAGE_HEIGHT - box.y - box.height) / MM_PER_POINT,
    )
    place = f" /A <</O /Layout /Placement /Block /BBox [{left:.2f} {bottom:.2f} {right:.2f} {top:.2f}]>>"
    return Element("Figure", kids, f" /Alt {write_text(alternative)}{place}")
