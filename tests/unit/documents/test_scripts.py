"""Names in other scripts: printed in fonts that have them, shaped, and read back as they were."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import unicodedata
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from fontTools.cffLib import CFFFontSet

from app.documents.cff import get_bounds
from app.documents.fonts import FALLBACKS, GlyphStore, MissingCharacters, list_font_files
from app.documents.shaping import Piece, split_runs
from app.documents.sheet import break_lines
from app.documents.slip_pdf import render_slip_pdf
from tests.fixtures.names import NARROW_SIGNS, OF_OTHER_FONTS, PLAIN, PRINTABLE, UNPRINTABLE, WITH_MARKS
from tests.fixtures.slips import make_code, make_slip
from tests.unit.documents.tools import extract_text, needs, run_tool, squeeze

BIDI_MARKS = str.maketrans("", "", "\u200e\u200f\u202a\u202b\u202c")
UYGHUR = OF_OTHER_FONTS["uyghur"]


@pytest.fixture(scope="module")
def store() -> GlyphStore:
    """The fonts that come with the service, with nothing drawn yet."""
    return GlyphStore(list_font_files([]))


def list_pieces(store: GlyphStore, text: str) -> list[Piece]:
    return [key for key in store.split(text) if isinstance(key, Piece)]


def get_program(pdf: bytes) -> CFFFontSet:
    """The font program of a slip's file."""
    with pikepdf.open(BytesIO(pdf)) as file:
        font = file.pages[0].Resources.Font.F1.DescendantFonts[0]
        data = font.FontDescriptor.FontFile3.read_bytes()
    fonts = CFFFontSet()
    fonts.decompile(BytesIO(data), None)
    return fonts


@pytest.mark.parametrize("name", PRINTABLE.values(), ids=PRINTABLE)
def test_a_name_is_read_back_from_the_slip(name: str) -> None:
    assert squeeze(name) in extract_text(render_slip_pdf(make_slip(name=name), make_code()))


@needs("pdftotext")
@pytest.mark.parametrize("name", PRINTABLE.values(), ids=PRINTABLE)
def test_a_name_is_read_back_by_poppler(name: str, tmp_path: Path) -> None:
    (tmp_path / "slip.pdf").write_bytes(render_slip_pdf(make_slip(name=name), make_code()))
    text = run_tool("pdftotext", tmp_path / "slip.pdf", "-").translate(BIDI_MARKS)
    assert squeeze(name) in squeeze(text)


@pytest.mark.parametrize("name", PRINTABLE.values(), ids=PRINTABLE)
def test_no_glyph_of_a_name_is_the_one_for_missing_characters(name: str) -> None:
    font = get_program(render_slip_pdf(make_slip(name=name), make_code()))[0]
    notdef, *glyphs = [font.CharStrings[glyph].bytecode for glyph in font.charset]
    assert notdef not in glyphs


@pytest.mark.parametrize("name", OF_OTHER_FONTS.values(), ids=OF_OTHER_FONTS)
def test_without_the_fallback_fonts_such_a_name_is_refused(name: str) -> None:
    """The control: each needs a font beside the first."""
    with pytest.raises(MissingCharacters):
        GlyphStore(list_font_files([])[:1]).split(name)


@pytest.mark.parametrize(("name", "missing"), UNPRINTABLE.items())
def test_what_no_font_holds_is_named(store: GlyphStore, name: str, missing: str) -> None:
    assert missing in store.find_missing(name)
    assert store.find_missing(f"张三{missing}") == missing


@pytest.mark.parametrize("name", PLAIN.values(), ids=PLAIN)
def test_plain_names_are_printed_character_by_character(store: GlyphStore, name: str) -> None:
    assert "".join(map(str, store.split(name))) == name


def test_an_ordinary_slip_opens_no_fallback_font() -> None:
    program = (
        "from app.documents import fonts\n"
        "from app.documents.slip_pdf import render_slip_pdf\n"
        "from tests.fixtures.slips import SLIPS, make_code, make_slip\n"
        "names = ['买买提·艾力', 'Nguyễn Thị Hương']\n"
        "for slip in [*SLIPS.values(), *(make_slip(name=name) for name in names)]:\n"
        "    render_slip_pdf(slip, make_code())\n"
        "store = fonts.get_fonts()\n"
        "print(['font' in file.__dict__ for file in store._files])\n"
        "store.split('Ş')\n"
        "print(['font' in file.__dict__ for file in store._files])\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    ordinary, turkish = done.stdout.splitlines()
    assert ordinary == str([True, False, False, False])
    assert turkish == str([True, True, False, False])


def test_all_fallback_fonts_are_installed() -> None:
    files = list_font_files([])
    assert len(files) == 1 + len(FALLBACKS)
    assert all(file.font.face.glyph_count for file in files)


def test_a_word_is_printed_in_one_font(store: GlyphStore) -> None:
    """A word with a letter that the first font lacks takes none of its letters from it."""
    pieces = list_pieces(store, "Şahin")
    assert "".join(piece.text for piece in pieces) == "Şahin"
    assert {piece.font for piece in pieces} == {1}
    assert list_pieces(store, "Sahin") == []


def test_chinese_beside_a_foreign_word_stays_in_the_chinese_font(store: GlyphStore) -> None:
    keys = store.split("Łukasz 王小明")
    assert keys[-3:] == ("王", "小", "明")


@pytest.mark.parametrize("name", NARROW_SIGNS.values(), ids=NARROW_SIGNS)
def test_a_sign_inside_a_latin_word_is_narrow_and_of_the_words_font(store: GlyphStore, name: str) -> None:
    pieces = list_pieces(store, name)
    (sign,) = [piece for piece in pieces if piece.text in "’·"]
    assert sign.advance < 400
    assert {piece.font for piece in pieces} == {1}
    assert "".join(piece.text for piece in pieces) == name


@pytest.mark.parametrize("text", ["网页须显示“有效”，姓名", "买买提·艾力", "显示“Valid”字样", "其他……"])
def test_a_sign_beside_chinese_is_a_whole_em_wide(store: GlyphStore, text: str) -> None:
    assert list_pieces(store, text) == []
    assert store.measure("“") == 1000


@pytest.mark.parametrize("name", ["Nguyễn Thị Hương", "Émile", "Şahin Ağrı", "Йорданка"])
def test_decomposed_names_are_printed_as_composed_ones(store: GlyphStore, name: str) -> None:
    decomposed = unicodedata.normalize("NFD", name)
    assert decomposed != name
    assert "".join(map(str, store.split(decomposed))) == "".join(map(str, store.split(name)))


def test_selectors_that_no_font_knows_are_dropped(store: GlyphStore) -> None:
    assert store.find_missing("葛\U000e0100晓明\ufe0f") == ""
    assert store.measure("葛\U000e0100晓明\ufe0f") == 3000


def test_a_mark_is_printed_over_its_letter(store: GlyphStore) -> None:
    """Ẹ̀ has no code point of its own: one piece of two glyphs, the second placed over the first."""
    piece = list_pieces(store, "Ẹ̀")[0]
    assert piece.text == "Ẹ̀"
    assert len(piece.parts) == 2
    letter, mark = (get_bounds(store._files[piece.font].font, [part]) for part in piece.parts)
    assert letter[0] < (mark[0] + mark[2]) / 2 < letter[2]
    assert mark[1] > letter[3]


def test_letters_of_uyghur_are_joined_and_go_from_right_to_left(store: GlyphStore) -> None:
    pieces = list_pieces(store, UYGHUR)
    assert "".join(piece.text for piece in pieces)[::-1] == UYGHUR
    alone = {letter: list_pieces(store, letter)[0] for letter in "لب"}
    joined = {piece.text: piece for piece in pieces if piece.text in alone}
    assert all(joined[letter].parts != alone[letter].parts for letter in joined)
    assert joined


def test_runs_stand_as_the_bidirectional_algorithm_puts_them() -> None:
    runs = [run.text for run in split_runs("姓名 ئا بل 12 号")]
    assert runs == ["姓名 ", "12", "ئا بل ", " ", "号"]


def test_a_slip_with_a_shaped_name_is_the_same_each_time_and_small() -> None:
    slip, code = make_slip(name=UYGHUR), make_code()
    program = (
        "import hashlib\n"
        "from app.documents.slip_pdf import render_slip_pdf\n"
        "from tests.fixtures.slips import make_code, make_slip\n"
        f"render_slip_pdf(make_slip(name={PRINTABLE['turkish']!r}), make_code(2))\n"
        f"print(hashlib.sha256(render_slip_pdf(make_slip(name={UYGHUR!r}), make_code())).hexdigest())\n"
    )
    pdf = render_slip_pdf(slip, code)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == hashlib.sha256(pdf).hexdigest()
    assert len(pdf) <= 40_000


@needs("qpdf")
@needs("pdffonts")
@pytest.mark.parametrize("is_archival", [False, True])
@pytest.mark.parametrize("name", [UYGHUR, WITH_MARKS["yoruba"]], ids=["uyghur", "yoruba"])
def test_a_file_with_shaped_text_is_sound(name: str, is_archival: bool, tmp_path: Path) -> None:
    path = tmp_path / "slip.pdf"
    path.write_bytes(render_slip_pdf(make_slip(name=name), make_code(), is_archival))
    run_tool("qpdf", "--check", path)
    font = run_tool("pdffonts", path).splitlines()[2].split()
    assert font[-5:-2] == ["yes", "yes", "yes"]


def test_shaped_words_in_the_mini_apps_own_texts_are_printed() -> None:
    """Labels and departments are drawn with the frame that slips share."""
    slip = make_slip()
    step = replace(slip.steps[0], title="图书 كۇتۇپخانا", department="O’Connor Library Şube")
    text = extract_text(render_slip_pdf(replace(slip, steps=(step, *slip.steps[1:])), make_code()))
    assert "كۇتۇپخانا" in text
    assert "O’ConnorLibraryŞube" in text


def test_words_keep_their_apostrophe_and_letters_their_marks_where_lines_break(store: GlyphStore) -> None:
    assert break_lines("Seán O’Connor", 5000, store.measure) == ("Seán", "O’Connor")
    word = "Ẹ̀kọ́" * 6
    lines = break_lines(word, 3000, store.measure)
    assert "".join(lines) == word
    assert not any(unicodedata.category(line[0]).startswith("M") for line in lines)


def test_no_line_is_wider_than_the_limit_where_a_neighbour_changes_a_words_font(store: GlyphStore) -> None:
    name = "Muhammadjonbek Abdurahmonovich Khudoyberdiyev Williamson Şahinoğlu Wim Ş Mammadov Ğ"
    for limit in range(8000, 26000, 200):
        lines = break_lines(name, limit, store.measure)
        assert all(store.measure(line) <= limit for line in lines), limit
        assert "".join(lines).replace(" ", "") == name.replace(" ", "")


def test_tibetan_breaks_between_syllables() -> None:
    lines = break_lines("བསྟན་འཛིན་རྒྱ་མཚོ", 12, len)
    assert lines == ("བསྟན་འཛིན་", "རྒྱ་མཚོ")
