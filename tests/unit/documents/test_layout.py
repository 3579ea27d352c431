"""Whatever the words are: no text leaves its cell, no cell meets another, nothing comes near the QR."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.documents.fonts import get_fonts
from app.documents.layout import PAGE_HEIGHT, PAGE_WIDTH, Layout, SlipTooLong
from app.documents.qr import build_qr_matrix
from app.documents.rows import DENSITIES, QR_SIZE, SEAL_SIZE, Density, list_rows
from app.documents.sheet import BODY_ABOVE, BODY_BELOW, MM_PER_POINT, Box, Cell, Lines, Style, break_lines
from app.documents.slip_pdf import fit_slip
from app.documents.wording import get_wording
from app.domain.slip import PrintedField, SlipRecord
from tests.fixtures.seals import load_sample_seal
from tests.fixtures.slips import (
    LONG_LATIN_NAME,
    OFFICIAL,
    ORDINARY,
    SEALED,
    SLIPS,
    STEPS,
    make_code,
    make_slip,
)

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
    words = {"statement": statement, "second_title": second_title}
    if draw(st.booleans()):
        seal = draw(st.sampled_from(["", load_sample_seal().digest]))
        second = draw(st.sampled_from(["", "Graduate School", "Long Graduate School " * 5]))
        words |= {"office": draw(WORDS).strip() or "研究生院", "second_office": second, "seal": seal}
    return replace(ORDINARY, fields=fields, steps=steps, **words)


def lay_out_slip(slip: SlipRecord) -> tuple[Layout, list[tuple[Cell, Lines]]]:
    layout, values = fit_slip(slip, CODE, MATRIX, get_fonts())
    own = iter(values)
    return layout, [(cell, next(own) if lines is None else lines) for cell, lines in layout.texts]


def get_line_box(cell: Cell, line: str, baseline: float) -> Box:
    size = cell.style.size * MM_PER_POINT
    line = line.rstrip(" ")  # not seen at the end
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
    near_qr += [layout.seal] if layout.seal else []
    faults += ["quiet zone" for box in near_qr if do_overlap(widen(box), layout.quiet_zone)]
    if layout.seal and not is_inside(layout.seal, page):
        faults.append("seal")
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


def test_the_qr_is_42_mm_with_4_modules_around() -> None:
    layout, _ = lay_out_slip(ORDINARY)
    module = QR_SIZE / MATRIX.size
    assert layout.qr.width == layout.qr.height == 42
    assert layout.qr.x - layout.quiet_zone.x == pytest.approx(4 * module)
    assert layout.quiet_zone.width == pytest.approx(42 + 8 * module)


def test_a_latin_name_of_forty_letters_stands_in_words() -> None:
    _, filled = lay_out_slip(make_slip(name=LONG_LATIN_NAME))
    printed = [tuple(map(str.rstrip, lines)) for _, lines in filled]
    assert tuple(LONG_LATIN_NAME.split()) in printed


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


def test_a_seal_on_the_qr_is_found() -> None:
    layout, filled = lay_out_slip(SEALED)
    assert find_faults(replace(layout, seal=layout.quiet_zone), filled) == ["quiet zone"]


def get_texts(filled: list[tuple[Cell, Lines]], *wanted: str) -> list[Cell]:
    return [cell for cell, lines in filled if lines in [(text,) for text in wanted]]


@pytest.mark.parametrize("name", ["sealed", "sealed_both", "sealed_reason"])
def test_the_seal_rides_the_office_and_the_day(name: str) -> None:
    """GB/T 9704-2012, 7.3.5.1: both stand in the seal's middle or below."""
    layout, filled = lay_out_slip(SLIPS[name])
    office, day = get_texts(filled, SEALED.office, "2026年6月18日")
    assert layout.seal is not None
    assert layout.seal.width == layout.seal.height == SEAL_SIZE
    middle = layout.seal.x + SEAL_SIZE / 2
    for cell in (office, day):
        assert cell.box.x + (cell.box.width - 1) / 2 == pytest.approx(middle)
        assert layout.seal.y < cell.box.y
    assert day.box.y + day.box.height <= layout.seal.y + SEAL_SIZE + NEAR
    assert day.box.y + day.box.height / 2 > layout.seal.y + SEAL_SIZE / 2


def test_an_ordinary_slip_has_room_for_the_whole_seal_between_statement_and_qr() -> None:
    layout, filled = lay_out_slip(SEALED)
    (statement,) = get_texts(filled, "　　" + SEALED.statement)
    assert layout.seal is not None
    assert layout.seal.y >= statement.box.y + statement.box.height - NEAR
    assert get_smallest(filled) == get_smallest(lay_out_slip(ORDINARY)[1])


def test_the_place_of_a_seal_that_is_not_drawn_is_told_in_words() -> None:
    for slip in (OFFICIAL, replace(SEALED, seal="0" * 64)):
        layout, filled = lay_out_slip(slip)
        assert layout.seal is None
        assert len(get_texts(filled, "（盖章处）")) == 1
    assert get_texts(lay_out_slip(SEALED)[1], "（盖章处）") == []


@pytest.mark.parametrize(
    ("day", "printed"), [("2026-06-08", "2026年6月8日"), ("2026-12-18", "2026年12月18日")]
)
def test_the_day_stands_under_the_office_in_chinese_form(day: str, printed: str) -> None:
    _, filled = lay_out_slip(replace(OFFICIAL, issued_on=day))
    office, under = get_texts(filled, OFFICIAL.office, printed)
    assert under.box.y >= office.box.y + office.box.height - NEAR
    assert office.box.x + office.box.width / 2 == pytest.approx(under.box.x + under.box.width / 2)


def test_a_slip_without_an_office_has_neither_day_nor_place() -> None:
    _, filled = lay_out_slip(ORDINARY)
    assert get_texts(filled, "2026年6月18日", "（盖章处）") == []


def test_the_last_four_are_labelled_in_chinese_and_then_in_english() -> None:
    for name, label in (("ordinary", "学号后四位"), ("both", "学号后四位 Last four of student number")):
        _, filled = lay_out_slip(SLIPS[name])
        assert label in ["".join(lines) for _, lines in filled]


@pytest.mark.parametrize("density", DENSITIES)
def test_a_label_keeps_a_gap_to_its_value_in_every_print(density: Density) -> None:
    measure = get_fonts().measure
    for name in ("ordinary", "both"):
        wording = get_wording(SLIPS[name], CODE.host, MATRIX.size, has_seal=False)
        rows = list_rows(wording, density, measure)
        for row in (*rows.numbers, *rows.compared[1:]):
            for label, value in pairwise(row):
                if label.words is None:
                    continue
                lines = break_lines(label.words, label.limit, measure)
                widest = max(map(measure, lines)) / 1000 * label.style.size * MM_PER_POINT
                assert value.x - label.x - widest > 1, label.words


LONG_OFFICE = (
    "Office of Graduate Admissions, Student Affairs and Academic Records of the Graduate School, " * 2
)


@pytest.mark.parametrize("key", ["office", "second_office"])
def test_a_long_office_takes_lines_of_readable_print(key: str) -> None:
    layout, filled = lay_out_slip(replace(OFFICIAL, **{key: LONG_OFFICE.strip()}))
    cells = [cell for cell, lines in filled if "".join(lines).strip() and "".join(lines) in LONG_OFFICE]
    assert len(cells) >= 2
    assert min(cell.style.size for cell in cells) >= 7
    assert find_faults(layout, filled) == []
