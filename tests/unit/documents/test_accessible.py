"""PDF/UA-1 (ISO 14289-1): everything on the page is in the structure tree or an artifact, and is read as it is printed."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import pikepdf
import pytest

from app.documents.reading import QR_ALTERNATIVE
from app.documents.slip_pdf import render_slip_pdf
from tests.fixtures.plain_slip import render_plain_slip
from tests.fixtures.slips import LATIN, OFFICIAL, ORDINARY, SEALED, SLIPS, make_code
from tests.unit.documents.tagged import TaggedPage, read_page
from tests.unit.documents.tools import list_printed, squeeze

each_slip = pytest.mark.parametrize("name", SLIPS)


def read_slip(name: str, *, is_archival: bool = False) -> TaggedPage:
    return read_page(render_slip_pdf(SLIPS[name], make_code(), is_archival))


@each_slip
@pytest.mark.parametrize("is_archival", [False, True])
def test_all_that_is_drawn_is_in_the_tree_or_an_artifact(name: str, is_archival: bool) -> None:
    assert read_slip(name, is_archival=is_archival).faults == []


def test_a_file_without_a_tree_has_faults() -> None:
    faults = read_page(render_plain_slip(ORDINARY, make_code())).faults
    assert {"no tree", "Tj outside of all marks", "INLINE IMAGE outside of all marks"} <= set(faults)


def test_a_text_that_the_tree_does_not_hold_is_found() -> None:
    with pikepdf.open(BytesIO(render_slip_pdf(ORDINARY, make_code()))) as pdf:
        del pdf.Root.StructTreeRoot.K.K[2]
        out = BytesIO()
        pdf.save(out)
    assert "marked sequences that the tree does not hold, or the reverse" in read_page(out.getvalue()).faults


@each_slip
def test_texts_are_read_in_the_order_in_which_they_are_printed(name: str) -> None:
    page = read_slip(name)
    figures = {kid for figure in page.tree.find("Figure") for kid in figure.kids if isinstance(kid, int)}
    read = [mark for mark in page.tree.list_marks() if mark not in figures]
    assert read == [mark for mark in page.texts if mark not in figures] == sorted(read)


@each_slip
def test_every_printed_text_is_read_out(name: str) -> None:
    page = read_slip(name)
    text = squeeze(page.read(page.tree))
    assert [words for words in list_printed(SLIPS[name]) if words not in text] == []


def test_an_ordinary_slip_is_a_heading_lists_a_table_and_figures() -> None:
    page = read_slip("sealed")
    assert [node.tag for node in page.tree.kids] == [
        *("H1", "L", "Table", "P", "P", "P", "Figure", "Figure", "L", "L", "P")
    ]
    pairs = [[page.read(part) for part in item.kids] for item in page.tree.find("L")[0].kids]
    assert pairs == [
        ["编号", SEALED.number],
        ["提交时间", SEALED.submitted_at],
        ["签发日期", SEALED.issued_on],
        *([field.label, field.value] for field in SEALED.fields),
    ]
    header, *rows = page.tree.find("TR")
    assert [page.read(cell) for cell in header.find("TH")] == [
        *("部门", "事项", "办理情况", "结果", "查询时间")
    ]
    assert [page.read(row.kids[1]) for row in rows] == [step.title for step in SEALED.steps]


def test_the_qr_and_the_seal_are_figures_with_alternatives() -> None:
    alternatives = [figure.alternative for figure in read_slip("sealed").tree.find("Figure")]
    assert alternatives == ["印章：中国矿业大学研究生院", QR_ALTERNATIVE]


def test_the_office_is_read_between_the_statement_and_the_qr() -> None:
    page = read_slip("official_both")
    assert [squeeze(page.read(node)) for node in page.tree.find("P")[2:-1]] == [
        *("（盖章处）Seal", "中国矿业大学研究生院"),
        *("GraduateSchool,ChinaUniversityofMiningandTechnology", "2026年6月18日"),
    ]
    assert [node.language for node in page.tree.find("P")] == ["en", "", "", "", "en", "", ""]


@each_slip
@pytest.mark.parametrize("is_archival", [False, True])
def test_the_file_says_that_it_is_pdf_ua_and_shows_its_title(name: str, is_archival: bool) -> None:
    slip = SLIPS[name]
    with pikepdf.open(BytesIO(render_slip_pdf(slip, make_code(), is_archival))) as pdf:
        metadata = pdf.open_metadata()
        assert metadata["pdfuaid:part"] == "1"
        assert metadata["dc:title"] == f"{slip.title} {slip.number}"
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)
        assert bool(pdf.Root.MarkInfo.Marked)
        assert str(pdf.Root.Lang) == "zh-CN"


def test_an_odd_field_has_a_pair_of_its_own() -> None:
    page = read_page(render_slip_pdf(replace(OFFICIAL, fields=OFFICIAL.fields[:5]), make_code()))
    assert page.faults == []
    assert len(page.tree.find("L")[0].kids) == 3 + 5


def test_words_of_two_lines_are_read_as_two() -> None:
    page = read_slip("latin")
    values = [page.read(item.kids[1]) for item in page.tree.find("L")[0].kids]
    assert LATIN.get_field("name") in values
    cells = [[page.read(cell) for cell in row.kids] for row in page.tree.find("TR")[1:]]
    assert [row[-1] for row in cells] == [step.learnt_at for step in LATIN.steps]
