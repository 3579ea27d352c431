"""Whatever the words are: no text leaves its cell, no cell meets another, nothing comes near the QR."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.documents.fonts import get_fonts
from app.documents.layout import PAGE_HEIGHT, PAGE_WIDTH, QR_SIZE, Layout, SlipTooLong
from app.documents.qr import build_qr_matrix
from app.documents.sheet import BODY_ABOVE, BODY_BELOW, MM_PER_POINT, Box, Cell, Lines, Style
from app.documents.slip_pdf import fit_slip
from app.domain.slip import PrintedField, SlipRecord
from tests.fixtures.slips import LONG_LATIN_NAME, ORDINARY, SLIPS, STEPS, make_code, make_slip

CODE = make_code()
MATRIX = build_qr_matrix(CODE.url)
NEAR = 0.02
"""Less than this, in mm, is rounding."""

WORDS = st.text(alphabet="中国矿业大学研究生䶮𠮷（），。；“” abcdefgWM-0123", max_size=60)
LONG_WORDS = st.text(alphabet="因延期审核批准，。；（） abcWM0123", max_size=200)


@st.composite
def slips(draw: st.DrawFn) -> SlipRecord:
    """A slip of any words: long names, long majors, one step with facts of up to 200 characters."""
    fields = tuple(replace(field, value=draw(WORDS)) for field in ORDINARY.fields[: draw(st.integers(1, 6))])
    facts = tuple(PrintedField("fact", draw(WORDS), draw(LONG_WORDS)) for _ in range(draw(st.integers(0, 2))))
    steps = (*STEPS[: draw(st.integers(0, 4))], replace(STEPS[4], facts=facts, department=draw(WORDS)))
    second_title = draw(st.sampled_from(["", "Departure Slip", "Long Departure Slip " * 9]))
    statement = draw(WORDS) or "。"
    return replace(ORDINARY, fields=fields, steps=steps, statement=statement, second_title=second_title)


def lay_out_slip(slip: SlipRecord) -> tuple[Layout, list[tuple[Cell, Lines]]]:
    layout, values = fit_slip(slip, CODE, MATRIX, get_fonts())
    own = iter(values)
    return layout, [(cell, next(own) if lines is None else lines) for cell, lines in layout.texts]


def get_line_box(cell: Cell, line: str, baseline: float) -> Box:
    size = cell.style.size * MM_PER_POINT
    width = (get_fonts().measure(line) / 1000 + cell.style.spacing * max(len(line) - 1, 0)) * size
    return Box(cell.x, baseline - BODY_ABOVE * size, width, (BODY_ABOVE + BODY_BELOW) * size)


def is_inside(inner: Box, outer: Box) -> bool:
    return (
        inner.x >= outer.x - NEAR
        and inner.y >= outer.y - NEAR
        and inner.x + inner.width <= outer.x + outer.width + NEAR
        and inner.y + inner.height <= outer.y + outer.height + NEAR
    )


def do_overlap(one: Box, other: Box) -> bool:
    return (
        min(one.x + one.width, other.x + other.width) - max(one.x, other.x) > NEAR
        and min(one.y + one.height, other.y + other.height) - max(one.y, other.y) > NEAR
    )


def find_faults(layout: Layout, filled: list[tuple[Cell, Lines]]) -> list[str]:
    """Everything on the page that stands where it must not."""
    faults = []
    page = Box(0, 0, PAGE_WIDTH, PAGE_HEIGHT)
    for cell, lines in filled:
        if len(lines) != len(cell.baselines) or not is_inside(cell.box, page):
            faults.append("cell")
        boxes = [get_line_box(cell, line, at) for line, at in zip(lines, cell.baselines, strict=False)]
        faults += ["line" for box in boxes if not is_inside(box, cell.box)]
    boxes = [cell.box for cell, _ in filled]
    faults += ["overlap" for one, other in combinations(boxes, 2) if do_overlap(one, other)]
    near_qr = boxes + [box for box, _ in layout.fills]
    near_qr += [Box(rule.x1, rule.y1, rule.x2 - rule.x1, rule.y2 - rule.y1) for rule in layout.rules]
    faults += ["quiet zone" for box in near_qr if do_overlap(widen(box), layout.quiet_zone)]
    return faults


def widen(box: Box) -> Box:
    """A line is as wide as what just counts as rounding, however the sums come out."""
    x, width = min(box.x, box.x + box.width), abs(box.width)
    y, height = min(box.y, box.y + box.height), abs(box.height)
    near = NEAR * 0.999
    return Box(x - near, y - near, width + 2 * near, height + 2 * near)


@settings(max_examples=150, deadline=None)
@given(slips())
def test_no_text_leaves_its_cell_and_nothing_enters_the_quiet_zone(slip: SlipRecord) -> None:
    assert find_faults(*lay_out_slip(slip)) == []


@pytest.mark.parametrize("name", SLIPS)
def test_the_sample_slips_are_laid_out_without_a_fault(name: str) -> None:
    assert find_faults(*lay_out_slip(SLIPS[name])) == []


def test_a_longer_text_in_the_same_cells_is_found() -> None:
    layout, filled = lay_out_slip(ORDINARY)
    long_lines = [(cell, ("很长的文字" * 20,) * len(lines)) for cell, lines in filled]
    assert "line" in find_faults(layout, long_lines)


def test_a_cell_on_the_qr_is_found() -> None:
    layout, filled = lay_out_slip(ORDINARY)
    stamp = Cell(layout.qr, Style(9), layout.qr.x, ())
    assert find_faults(layout, [*filled, (stamp, ())]) == ["quiet zone"]


def test_the_qr_is_35_mm_with_4_modules_around() -> None:
    layout, _ = lay_out_slip(ORDINARY)
    module = QR_SIZE / MATRIX.size
    assert layout.qr.width == layout.qr.height == 35
    assert layout.qr.x - layout.quiet_zone.x == pytest.approx(4 * module)
    assert layout.quiet_zone.width == pytest.approx(35 + 8 * module)


def test_a_latin_name_of_forty_letters_stands_in_words() -> None:
    _, filled = lay_out_slip(make_slip(name=LONG_LATIN_NAME))
    assert tuple(LONG_LATIN_NAME.split()) in [lines for _, lines in filled]


def get_smallest(filled: list[tuple[Cell, Lines]]) -> float:
    return min(cell.style.size for cell, _ in filled)


def test_longer_slips_are_printed_smaller() -> None:
    _, ordinary = lay_out_slip(ORDINARY)
    facts = (PrintedField("fact", "说明", "字" * 900),)
    _, dense = lay_out_slip(replace(ORDINARY, steps=(*STEPS[:4], replace(STEPS[4], facts=facts))))
    assert get_smallest(dense) < get_smallest(ordinary)


def test_a_slip_past_the_smallest_print_is_refused() -> None:
    facts = (PrintedField("fact", "说明", "字" * 9000),)
    with pytest.raises(SlipTooLong):
        lay_out_slip(replace(ORDINARY, steps=(replace(STEPS[4], facts=facts),)))
