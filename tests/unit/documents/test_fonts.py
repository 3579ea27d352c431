"""Glyphs: every character a name may hold, and what is said of the others."""

from __future__ import annotations

import os
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from fontTools.cffLib import CFFFontSet
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.recordingPen import RecordingPen
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTFont
from noto_cjk_sans_otc import FONT_PATH

from app.documents.cff import build_cff
from app.documents.fonts import (
    SC_FACE,
    GlyphStore,
    MissingCharacters,
    UnusableFont,
    find_missing_characters,
    get_fonts,
    load_fonts,
)
from app.documents.shaping import Piece
from app.documents.slip_pdf import render_slip_pdf
from tests.fixtures.slips import make_code, make_slip
from tests.unit.documents.tools import extract_text, rasterize, read_qr

RARE = "䶮㛃𠮷𬭎喆堃頔䒟"
HELD_BY_NO_FONT = "𪚥"
HANAZONO = Path("/usr/share/fonts/truetype/hanazono/HanaMinB.ttf")
"""Of Debian's fonts-hanazono."""
needs_hanazono = pytest.mark.skipif(
    not HANAZONO.exists() and os.environ.get("CI") != "true", reason="fonts-hanazono is not installed"
)
UCHEN = Path("/usr/share/fonts/truetype/tibetan/DDC_Uchen.ttf")
"""Of Debian's fonts-ddc-uchen."""
needs_uchen = pytest.mark.skipif(
    not UCHEN.exists() and os.environ.get("CI") != "true", reason="fonts-ddc-uchen is not installed"
)
TIBETAN = "བསྟན་འཛིན་རྒྱ་མཚོ"
SAMPLES = "中国矿业大学离校单研究生张三，。；0123ABCxyz@·é" + RARE


@pytest.fixture
def rare_font(tmp_path: Path) -> Iterator[Path]:
    """A TrueType font of 2,048 units an em that holds one character, drawn with a curve; unloaded afterwards."""
    pen = TTGlyphPen(None)
    pen.moveTo((200, 0))
    pen.qCurveTo((1000, 1700), (1800, 0))
    pen.closePath()
    empty = TTGlyphPen(None).glyph()
    builder = FontBuilder(2048, isTTF=True)
    builder.setupGlyphOrder([".notdef", "rare"])
    builder.setupCharacterMap({ord(HELD_BY_NO_FONT): "rare"})
    builder.setupGlyf({".notdef": empty, "rare": pen.glyph()})
    builder.setupHorizontalMetrics({".notdef": (2048, 0), "rare": (2048, 200)})
    builder.setupHorizontalHeader(ascent=1800, descent=-248)
    builder.setupNameTable({"familyName": "Rare", "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(tmp_path / "rare.ttf")
    yield tmp_path / "rare.ttf"
    load_fonts()


def test_rare_characters_of_names_are_held() -> None:
    assert find_missing_characters(RARE) == ""


def test_what_no_font_holds_is_named_once_each_in_order() -> None:
    assert find_missing_characters(f"张{HELD_BY_NO_FONT}三\n{HELD_BY_NO_FONT}") == f"{HELD_BY_NO_FONT}\n"


def test_a_slip_with_a_missing_character_is_refused_and_not_printed_with_a_box() -> None:
    with pytest.raises(MissingCharacters) as refusal:
        render_slip_pdf(make_slip(name=f"张{HELD_BY_NO_FONT}"), make_code())
    assert refusal.value.characters == HELD_BY_NO_FONT


def test_a_configured_font_gives_what_the_first_lacks(rare_font: Path) -> None:
    load_fonts([rare_font])
    assert find_missing_characters(HELD_BY_NO_FONT + RARE) == ""
    pdf = render_slip_pdf(make_slip(name=f"张{HELD_BY_NO_FONT}"), make_code())
    assert f"张{HELD_BY_NO_FONT}" in extract_text(pdf)


def test_a_configured_fonts_outline_is_scaled_to_the_em_of_the_slip(rare_font: Path) -> None:
    glyph = load_fonts([rare_font]).glyphs[HELD_BY_NO_FONT]
    assert glyph.advance == 1000
    assert glyph.bounds == (97, 0, 879, 830)


@pytest.fixture
def hanazono() -> Iterator[GlyphStore]:
    yield load_fonts([HANAZONO])
    load_fonts()


@needs_hanazono
def test_hanazono_holds_all_of_extension_b(hanazono: GlyphStore) -> None:
    assert hanazono.find_missing("".join(map(chr, range(0x20000, 0x2A6D7)))) == ""


@needs_hanazono
def test_a_slip_of_rarest_characters_is_sound_and_small_with_hanazono(hanazono: GlyphStore) -> None:
    code, slip = make_code(), make_slip(name="欧阳𪚥𠀀𪛖")
    pdf = render_slip_pdf(slip, code)
    with pikepdf.open(BytesIO(pdf)) as file:
        assert file.check_pdf_syntax() == []
    assert "欧阳𪚥𠀀𪛖" in extract_text(pdf)
    assert len(pdf) <= 40_000
    assert read_qr(rasterize(pdf, 150)) == [code.url]


@needs_hanazono
def test_a_character_of_hanazono_has_its_outline(hanazono: GlyphStore) -> None:
    """Its ink covers about what the font's own bounds say."""
    with TTFont(HANAZONO, lazy=True) as original:
        glyph = original["glyf"][original.getBestCmap()[ord(HELD_BY_NO_FONT)]]
        em = original["head"].unitsPerEm
        own = [round(side * 1000 / em) for side in (glyph.xMin, glyph.yMin, glyph.xMax, glyph.yMax)]
    assert hanazono.glyphs[HELD_BY_NO_FONT].bounds == pytest.approx(own, abs=1)


@pytest.fixture
def uchen() -> Iterator[GlyphStore]:
    yield load_fonts([HANAZONO, UCHEN] if HANAZONO.exists() else [UCHEN])
    load_fonts()


@needs_uchen
def test_a_tibetan_name_is_printed_with_a_configured_font_and_read_back(uchen: GlyphStore) -> None:
    code = make_code()
    pdf = render_slip_pdf(make_slip(name=TIBETAN), code)
    assert TIBETAN in extract_text(pdf)
    assert read_qr(rasterize(pdf, 150)) == [code.url]


@needs_uchen
def test_the_letters_of_a_tibetan_stack_are_one_piece(uchen: GlyphStore) -> None:
    """Side by side they would be another word."""
    pieces = [key for key in uchen.split(TIBETAN) if isinstance(key, Piece)]
    assert [piece.text for piece in pieces][:5] == ["བ", "སྟ", "ན", "་", "འ"]
    stack, letter = uchen.glyphs[pieces[1]], uchen.glyphs[pieces[2]]
    assert stack.bounds[1] < 0
    assert stack.advance < 2 * letter.advance


def test_loading_again_gives_the_same_glyphs() -> None:
    assert load_fonts() is load_fonts() is get_fonts()


def test_a_missing_font_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nowhere"):
        load_fonts([tmp_path / "nowhere.ttf"])


def test_a_file_that_is_no_font_is_told_at_start(tmp_path: Path) -> None:
    (tmp_path / "letter.ttf").write_text("no font")
    with pytest.raises(UnusableFont, match=r"letter\.ttf"):
        load_fonts([tmp_path / "letter.ttf"])


def draw_filled(pen: RecordingPen) -> list[tuple[str, tuple[object, ...]]]:
    """What a pen drew, without the lines that only close a contour, which a CFF leaves out or not."""
    drawn: list[tuple[str, tuple[object, ...]]] = []
    start: object = None
    for operator, points in pen.value:
        if operator == "moveTo":
            start = points[0]
        if operator == "closePath" and drawn[-1] == ("lineTo", (start,)):
            drawn.pop()
        drawn.append((operator, points))
    return drawn


def test_outlines_and_advances_are_those_of_the_font() -> None:
    store = get_fonts()
    glyphs = [store.glyphs[character] for character in SAMPLES]
    program = build_cff(
        "TEST", [store.notdef.charstring, *(glyph.charstring for glyph in glyphs)], (0, 0, 1, 1)
    )
    fonts = CFFFontSet()
    fonts.decompile(BytesIO(program), None)
    font = fonts[0]
    with TTFont(FONT_PATH, fontNumber=SC_FACE, lazy=True) as original:
        names, outlines = original.getBestCmap(), original.getGlyphSet()
        for cid, character in enumerate(SAMPLES, start=1):
            ours, theirs = RecordingPen(), RecordingPen()
            charstring = font.CharStrings[f"cid{cid:05d}"]
            charstring.draw(ours)
            outlines[names[ord(character)]].draw(theirs)
            assert draw_filled(ours) == draw_filled(theirs), character
            assert charstring.width == outlines[names[ord(character)]].width, character


def test_a_font_program_past_64_kilobytes_has_wider_offsets() -> None:
    charstrings = [bytes((139,)) * 400 + b"\x0e" for _ in range(200)]
    fonts = CFFFontSet()
    fonts.decompile(BytesIO(build_cff("TEST", charstrings, (0, 0, 1, 1))), None)
    stored = fonts[0].CharStrings
    assert len(stored) == 200
    assert stored["cid00199"].bytecode == charstrings[-1]
