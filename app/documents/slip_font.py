"""The slip's font inside fpdf2: codes given out as characters are printed, a fresh small font program at the end.

Two seams of fpdf2 2.8 are used. Its font objects are looked up by key in `FPDF.fonts`: SlipFont is one that
never opens a font file. `FPDF.output(output_producer_class=...)` takes the writer: SlipOutput replaces `_add_fonts` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from fpdf.enums import FontDescriptorFlags, TextEmphasis
from fpdf.fonts import PDFFontDescriptor, TTFFont
from fpdf.output import CIDSystemInfo, OutputProducer, PDFExtGState, PDFFont, PDFType3Font, PDFXObject
from fpdf.pattern import Pattern
from fpdf.syntax import Name, PDFArray, PDFContentStream, PDFString

from app.documents.cff import FULL_WIDTH, build_cff
from app.documents.fonts import Bounds, FontMetrics, Glyph, GlyphStore

FONT_KEY = "slip"
SUBSET_TAG = "LIXIAO"
"""Marks the name of a font subset: six capital letters (ISO 32000-1, 9.6.4)."""

STEM_WIDTH = 88
"""Of upright stems, about; only for a viewer that must imitate the font."""

_CMAP = """/CIDInit /ProcSet findresource begin
12 dict begin
begincmap
/CIDSystemInfo <</Registry (Adobe) /Ordering (UCS) /Supplement 0>> def
/CMapName /Adobe-Identity-UCS def
/CMapType 2 def
1 begincodespacerange
<0000> <FFFF>
endcodespacerange
{count} beginbfrange
{ranges}
endbfrange
endcmap
CMapName currentdict /CMap defineresource pop
end
end"""


class CharacterCodes(dict[str, str]):
    """The code of each character printed so far, as four hexadecimal digits: 0001, 0002 ... in order.

    Each character has a code of its own even where two share a glyph, so that both can be copied out.
    """

    def __missing__(self, character: str) -> str:
        return self.setdefault(character, f"{len(self) + 1:04X}")

    def pick(self, code_point: int) -> int:
        """The code of a character as fpdf2 asks for it."""
        return int(self[chr(code_point)], 16)

    def encode(self, text: str) -> str:
        """`text` as the inside of a hexadecimal string."""
        return "".join(map(self.__getitem__, text))


class SlipFont(TTFFont):
    """The one font of a slip; `codes` are those of a page stream to go on from."""

    def __init__(self, store: GlyphStore, codes: Iterable[tuple[str, str]] = ()) -> None:
        self.i = 1
        self.type = "TTF"
        self.fontkey = FONT_KEY
        self.name = store.metrics.name
        self.emphasis = TextEmphasis.NONE
        self.is_symbol = False
        self.color_font = None
        self.biggest_size_pt = 0
        self.cw = store.advances
        self.store = store
        self.codes = CharacterCodes(codes)
        self.subset = self.codes  # type: ignore[assignment]  # fpdf2 calls its pick() alone

    def get_glyphs(self) -> list[Glyph]:
        """The glyphs of all codes, from code 1. Raises MissingCharacters."""
        return [self.store.glyphs[character] for character in self.codes]


class _FontProgram(PDFContentStream):
    """A bare CFF font program; left uncompressed, as outlines shrink by a tenth only."""

    def __init__(self, program: bytes) -> None:
        super().__init__(program)
        self.subtype = Name("CIDFontType0C")


class _FontDescriptor(PDFFontDescriptor):
    """The font descriptor (ISO 32000-1, 9.8)."""

    def __init__(self, metrics: FontMetrics, name: str, bounds: Bounds, program: _FontProgram) -> None:
        super().__init__(
            ascent=metrics.ascent,
            descent=metrics.descent,
            cap_height=metrics.cap_height,
            flags=FontDescriptorFlags.SYMBOLIC,
            font_b_box=f"[{' '.join(map(str, bounds))}]",
            italic_angle=0,
            stem_v=STEM_WIDTH,
            missing_width=FULL_WIDTH,
        )
        self.font_name = Name(name)
        self.font_file3 = program


class SlipOutput(OutputProducer):
    """Writes the document with its one font as a CIDFontType0C program (ISO 32000-1, 9.7 and 9.9)."""

    def _add_fonts(
        self,
        image_objects_per_index: dict[int, PDFXObject],
        gfxstate_objs_per_name: dict[str, PDFExtGState],
        pattern_objs_per_name: dict[str, Pattern],
    ) -> dict[int, PDFFont | PDFType3Font]:
        font = self.fpdf.fonts[FONT_KEY]
        assert isinstance(font, SlipFont)
        metrics, glyphs = font.store.metrics, font.get_glyphs()
        outlined = [font.store.notdef, *glyphs]
        bounds = _unite(outlined)
        name = f"{SUBSET_TAG}+{metrics.name}"
        program = _FontProgram(build_cff(name, [glyph.charstring for glyph in outlined], bounds))
        descriptor = _FontDescriptor(metrics, name, bounds, program)
        inner = PDFFont("CIDFontType0", name, d_w=FULL_WIDTH, w=_list_widths(glyphs))
        inner.c_i_d_system_info = system = CIDSystemInfo()
        system.ordering = PDFString("Identity")
        inner.font_descriptor = descriptor
        outer = PDFFont("Type0", name, encoding="Identity-H")
        outer.descendant_fonts = PDFArray([inner])
        outer.to_unicode = to_unicode = PDFContentStream(_build_to_unicode(glyphs), compress=True)
        for pdf_object in (outer, inner, to_unicode, system, descriptor, program):
            self._add_pdf_obj(pdf_object, "fonts")
        return {font.i: outer}


def _unite(glyphs: Iterable[Glyph]) -> Bounds:
    """The bounds of all glyphs. Renderers place small glyphs more finely than fonts of wide bounds."""
    lefts, bottoms, rights, tops = zip(*(glyph.bounds for glyph in glyphs), strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _list_widths(glyphs: Sequence[Glyph]) -> str:
    """The W array: the advances that are not the default one, by CID (ISO 32000-1, 9.7.4.3)."""
    narrow = (
        f"{cid} [{glyph.advance}]" for cid, glyph in enumerate(glyphs, 1) if glyph.advance != FULL_WIDTH
    )
    return f"[{' '.join(narrow)}]"


def _build_to_unicode(glyphs: Sequence[Glyph]) -> bytes:
    """The ToUnicode CMap (ISO 32000-1, 9.10.3): a range per 256 codes, whose last byte alone may change."""
    ranges = []
    for start in range(0, len(glyphs) + 1, 256):
        first, last = max(start, 1), min(start + 255, len(glyphs))
        texts = "".join(f"<{glyph.utf16_hex}>" for glyph in glyphs[first - 1 : last])
        ranges.append(f"<{first:04X}> <{last:04X}> [{texts}]")
    return _CMAP.format(count=len(ranges), ranges="\n".join(ranges)).encode("ascii")
