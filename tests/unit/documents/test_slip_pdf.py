"""The slip's PDF: a sound file, every word in it, the picture plain fpdf2 gives, the same bytes each time."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageChops

from app.documents.fonts import MissingCharacters, get_fonts
from app.documents.layout import SlipTooLong
from app.documents.slip_font import FONT_KEY, SlipFont
from app.documents.slip_output import SlipOutput
from app.documents.slip_pdf import SlipDocument, check_printable, render_slip_pdf
from tests.fixtures.plain_slip import render_plain_slip
from tests.fixtures.seals import load_sample_seal
from tests.fixtures.slips import HOST, ORDINARY, RARE, SLIPS, make_code, make_slip
from tests.unit.documents.tools import (
    extract_text,
    list_printed,
    needs,
    rasterize,
    read_qr,
    run_tool,
    squeeze,
)

ROOT = Path(__file__).resolve().parents[3]
each_slip = pytest.mark.parametrize("name", SLIPS)


def save(folder: Path, name: str) -> Path:
    path = folder / f"{name}.pdf"
    path.write_bytes(render_slip_pdf(SLIPS[name], make_code()))
    return path


@each_slip
def test_every_printed_field_can_be_copied_out(name: str) -> None:
    text = extract_text(render_slip_pdf(SLIPS[name], make_code()))
    assert [words for words in list_printed(SLIPS[name]) if words not in text] == []


def test_no_time_stands_at_an_item_about_which_nobody_was_asked() -> None:
    first, *others = ORDINARY.steps
    asked = replace(first, learnt_at="2026-06-02 03:04:05")
    unasked = replace(asked, status="not_required", status_word="无需办理")
    texts = [
        extract_text(render_slip_pdf(replace(ORDINARY, steps=(step, *others)), make_code()))
        for step in (asked, unasked)
    ]
    assert ["03:04:05" in text for text in texts] == [True, False]


def test_words_are_read_out_in_the_order_in_which_they_stand() -> None:
    text = extract_text(render_slip_pdf(ORDINARY, make_code()))
    assert squeeze("".join(field.label + field.value for field in ORDINARY.fields)) in text


def test_the_code_and_how_to_check_it_stand_beside_the_qr() -> None:
    code = make_code()
    text = extract_text(render_slip_pdf(ORDINARY, code))
    assert code.short_code in text
    assert f"地址栏必须显示{HOST}" in text
    assert f"学号后四位{ORDINARY.get_field('student_number')[-4:]}" in text


def test_two_characters_of_one_glyph_are_copied_out_as_they_were() -> None:
    """U+2F00 KANGXI RADICAL ONE looks like 一 and has its glyph."""
    assert "⼀张一" in extract_text(render_slip_pdf(make_slip(name="⼀张一"), make_code()))


def test_braces_in_a_name_are_not_a_page_number() -> None:
    assert "{nb}" in extract_text(render_slip_pdf(make_slip(name="{nb}"), make_code()))


@each_slip
def test_the_picture_is_that_of_plain_fpdf2(name: str) -> None:
    code = make_code()
    ours, plain = render_slip_pdf(SLIPS[name], code), render_plain_slip(SLIPS[name], code)
    for dpi in (72, 150, 300):
        assert ImageChops.difference(rasterize(ours, dpi), rasterize(plain, dpi)).getbbox() is None


def test_the_comparison_of_pictures_sees_one_other_character() -> None:
    ours = render_slip_pdf(make_slip(name="李文静"), make_code())
    plain = render_plain_slip(make_slip(name="李文净"), make_code())
    assert ImageChops.difference(rasterize(ours, 72), rasterize(plain, 72)).getbbox() is not None


@needs("pdftoppm")
@pytest.mark.parametrize("dpi", ["100", "300"])
def test_the_picture_is_that_of_plain_fpdf2_in_poppler_too(tmp_path: Path, dpi: str) -> None:
    (tmp_path / "ours.pdf").write_bytes(render_slip_pdf(RARE, make_code()))
    (tmp_path / "plain.pdf").write_bytes(render_plain_slip(RARE, make_code()))
    for name in ("ours", "plain"):
        run_tool("pdftoppm", "-r", dpi, "-png", tmp_path / f"{name}.pdf", tmp_path / name)
    assert (tmp_path / "ours-1.png").read_bytes() == (tmp_path / "plain-1.png").read_bytes()


@each_slip
@pytest.mark.parametrize("dpi", [72, 100, 150, 300])
def test_the_qr_is_read_from_a_picture_of_the_whole_page(name: str, dpi: int) -> None:
    code = make_code(dpi)
    assert read_qr(rasterize(render_slip_pdf(SLIPS[name], code), dpi)) == [code.url]


def test_a_covered_qr_is_not_read() -> None:
    page = rasterize(render_slip_pdf(ORDINARY, make_code()), 150)
    seal = Image.new("RGB", (page.width // 6, page.width // 6), (200, 0, 0))
    page.paste(seal, (page.width // 7, page.height * 3 // 4))
    assert read_qr(page) == []


@needs("zbarimg")
def test_zbar_reads_the_qr_too(tmp_path: Path) -> None:
    rasterize(render_slip_pdf(ORDINARY, make_code()), 150).save(tmp_path / "page.png")
    assert run_tool("zbarimg", "-q", "--raw", tmp_path / "page.png").strip() == make_code().url


@pytest.mark.parametrize("name", ["ordinary", "latin", "rare", "waived", "official", "both"])
def test_a_slip_is_at_most_40_kilobytes(name: str) -> None:
    assert len(render_slip_pdf(SLIPS[name], make_code())) <= 40_000


def test_a_seal_adds_its_picture_alone() -> None:
    sealed, official = (len(render_slip_pdf(SLIPS[name], make_code())) for name in ("sealed", "official"))
    assert sealed - official <= len(load_sample_seal().pixels) + 500


def test_a_reason_of_200_characters_adds_its_outlines_alone() -> None:
    """About 110 more glyphs; HarfBuzz's own subset of the same glyphs is no smaller."""
    assert len(render_slip_pdf(SLIPS["reason"], make_code())) <= 52_000


def test_a_slip_has_the_same_bytes_twice_and_after_other_slips() -> None:
    first = render_slip_pdf(ORDINARY, make_code())
    for slip in SLIPS.values():
        render_slip_pdf(slip, make_code(2))
    assert render_slip_pdf(ORDINARY, make_code()) == first
    assert render_slip_pdf(replace(ORDINARY, number="LX264839201755628"), make_code()) != first


def test_another_process_writes_the_same_bytes() -> None:
    script = (
        "import hashlib; from app.documents.slip_pdf import render_slip_pdf as render;"
        "from tests.fixtures.slips import RARE, make_code;"
        "print(hashlib.sha256(render(RARE, make_code())).hexdigest())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == sha256(render_slip_pdf(RARE, make_code())).hexdigest()


def test_eight_threads_make_the_bytes_that_one_makes() -> None:
    slips = [
        make_slip(name=f"{chr(0x4E00 + 37 * number)}{chr(0x6000 + 41 * number)}") for number in range(64)
    ]
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(render_slip_pdf, slips, map(make_code, range(64))))
    assert together == [render_slip_pdf(slip, make_code(number)) for number, slip in enumerate(slips)]


def test_the_file_says_what_it_is() -> None:
    with pikepdf.open(BytesIO(render_slip_pdf(ORDINARY, make_code()))) as pdf:
        assert str(pdf.docinfo["/Title"]) == f"{ORDINARY.title} {ORDINARY.number}"
        assert str(pdf.docinfo["/CreationDate"]) == "D:20260618000000Z"
        assert str(pdf.Root.Lang) == "zh-CN"
        assert len(pdf.pages) == 1
        assert [round(float(side)) for side in pdf.pages[0].mediabox[2:]] == [595, 842]


@each_slip
def test_the_file_is_sound(name: str) -> None:
    with pikepdf.open(BytesIO(render_slip_pdf(SLIPS[name], make_code()))) as pdf:
        assert pdf.check_pdf_syntax() == []


def test_the_one_font_is_embedded_as_a_subset_with_a_unicode_map() -> None:
    with pikepdf.open(BytesIO(render_slip_pdf(RARE, make_code()))) as pdf:
        fonts = pdf.pages[0].Resources.Font
        assert list(fonts) == ["/F1"]
        font = fonts.F1
        descriptor = font.DescendantFonts[0].FontDescriptor
        assert str(font.BaseFont) == "/LIXIAO+NotoSansCJKsc-Regular"
        assert str(descriptor.FontFile3.Subtype) == "/CIDFontType0C"
        assert "𠮷".encode("utf-16-be").hex().upper().encode() in font.ToUnicode.read_bytes()


@needs("qpdf")
@each_slip
def test_qpdf_finds_no_fault(tmp_path: Path, name: str) -> None:
    assert "No syntax or stream encoding errors" in run_tool("qpdf", "--check", save(tmp_path, name))


@needs("pdffonts")
def test_pdffonts_sees_an_embedded_subset_with_a_unicode_map(tmp_path: Path) -> None:
    *_, font = run_tool("pdffonts", save(tmp_path, "rare")).splitlines()
    assert font.split()[:8] == [
        "LIXIAO+NotoSansCJKsc-Regular",
        "CID",
        "Type",
        "0C",
        "Identity-H",
        "yes",
        "yes",
        "yes",
    ]


@needs("pdftotext")
@each_slip
def test_pdftotext_returns_every_field(tmp_path: Path, name: str) -> None:
    text = squeeze(run_tool("pdftotext", "-raw", save(tmp_path, name), "-"))
    assert [words for words in list_printed(SLIPS[name]) if words not in text] == []


def test_ordinary_fpdf2_calls_print_with_the_slips_font() -> None:
    document = SlipDocument()
    document.describe(ORDINARY, make_code())
    document.fonts[FONT_KEY] = SlipFont(get_fonts())
    document.set_font(FONT_KEY, size=12)
    document.cell(60, 10, "欧阳䶮𠮷𬭎", border=1, align="C")
    document.multi_cell(30, 6, "经学院审核并报研究生院批准")
    text = extract_text(bytes(document.output(output_producer_class=SlipOutput)))
    assert "欧阳䶮𠮷𬭎" in text
    assert "经学院审核并报研究生院批准" in text


@each_slip
def test_a_slip_that_can_be_printed_passes_the_check(name: str) -> None:
    check_printable(SLIPS[name], HOST)
    assert render_slip_pdf(SLIPS[name], make_code()).startswith(b"%PDF-")


@pytest.mark.parametrize(("value", "fault"), [("𪚥", MissingCharacters), ("字" * 9000, SlipTooLong)])
def test_a_slip_that_cannot_be_printed_is_found_before_it_has_a_code(
    value: str, fault: type[Exception]
) -> None:
    with pytest.raises(fault):
        check_printable(make_slip(college=value), HOST)
    with pytest.raises(fault):
        render_slip_pdf(make_slip(college=value), make_code())
