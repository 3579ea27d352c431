"""The slip's font inside fpdf2: codes given out as characters are printed, a fresh small font program at the end.

Two seams of fpdf2 2.8 are used. Its font objects are looked up by key in `FPDF.fonts`: SlipFont is one that
never opens a font file. `FPDF.output(output_producer_class=...)` takes the writer: SlipOutput replaces `_add_fonts` alone.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from typing import cast

from fpdf.enums import FontDescriptorFlags, TextEmphasis
from fpdf.fonts import TTFFont
from fpdf.output import OutputProducer, PDFExtGState, PDFFont, PDFType3Font, PDFXObject
from fpdf.pattern import Pattern
from fpdf.syntax import PDFObject

from app.documents.cff import FULL_WIDTH, Bounds, build_cff
from app.documents.fonts import Glyph, GlyphStore, Key

FONT_KEY = "slip"
SUBSET_TAG = "LIXIAO"
"""Marks the name of a font subset: six capital letters (ISO 32000-1, 9.6.4)."""

PLAIN_PROGRAM = 33_000
"""Up to this size a font program is not compressed: a tenth less is not worth a third of the slip's time."""

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


class CharacterCodes(dict[Key, str]):
    """The code of each character or piece printed so far, as four hexadecimal digits: 0001, 0002 ... in order.

    Each character has a code of its own even where two share a glyph, so that both can be copied out.
    """

    def __missing__(self, key: Key) -> str:
        return self.setdefault(key, f"{len(self) + 1:04X}")

    def pick(self, code_point: int) -> int:
        """The code of a character as fpdf2 asks for it."""
        return int(self[chr(code_point)], 16)


class SlipFont(TTFFont):
    """The one font of a slip; `codes` are those of a page stream to go on from."""

    def __init__(self, store: GlyphStore, codes: Iterable[tuple[Key, str]] = ()) -> None:
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

    def encode(self, text: str) -> str:
        """`text` as the inside of a hexadecimal string, from left to right. Raises MissingCharacters."""
        return "".join(map(self.codes.__getitem__, self.store.split(text)))

    def is_plain(self, text: str) -> bool:
        """Whether fpdf2 can print the text, a code for each character."""
        return all(isinstance(key, str) for key in self.store.split(text))

    def get_glyphs(self) -> list[Glyph]:
        """The glyphs of all codes, from code 1."""
        return [self.store.glyphs[key] for key in self.codes]


class _Ready(PDFObject):
    """An object of a file (ISO 32000-1, 7.3.10) whose entries are written out already."""

    def __init__(self, entries: str, stream: bytes | None = None) -> None:
        super().__init__()
        self._entries = entries
        self._stream = stream

    def serialize(self, obj_dict: object = None, _security_handler: object = None) -> str:
        if self._stream is None:
            return f"{self.id} 0 obj\n<<{self._entries}>>\nendobj"
        head = f"{self.id} 0 obj\n<<{self._entries} /Length {len(self._stream)}>>\nstream\n"
        return f"{head}{self._stream.decode('latin-1')}\nendstream\nendobj"


class SlipOutput(OutputProducer):
    """Writes the document with its one font as a CIDFontType0C program (ISO 32000-1, 9.7 to 9.10)."""

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
        program_ref = self._add_program(build_cff(name, [glyph.charstring for glyph in outlined], bounds))
        descriptor_ref = self._add_ready(
            f"/Type /FontDescriptor /FontName /{name} /Flags {FontDescriptorFlags.SYMBOLIC.value} "
            f"/FontBBox [{' '.join(map(str, bounds))}] /ItalicAngle 0 /Ascent {metrics.ascent} "
            f"/Descent {metrics.descent} /CapHeight {metrics.cap_height} /StemV {STEM_WIDTH} /FontFile3 {program_ref}"
        )
        inner_ref = self._add_ready(
            f"/Type /Font /Subtype /CIDFontType0 /BaseFont /{name} /FontDescriptor {descriptor_ref} "
            f"/CIDSystemInfo <</Registry (Adobe) /Ordering (Identity) /Supplement 0>> "
            f"/DW {FULL_WIDTH} /W [{_list_widths(glyphs)}]"
        )
        unicode_ref = self._add_ready("/Filter /FlateDecode", zlib.compress(_build_to_unicode(glyphs), 1))
        outer = _Ready(
            f"/Type /Font /Subtype /Type0 /BaseFont /{name} /Encoding /Identity-H "
            f"/DescendantFonts [{inner_ref}] /ToUnicode {unicode_ref}"
        )
        self._add_pdf_obj(outer)
        return {font.i: cast("PDFFont", outer)}

    def _add_program(self, program: bytes) -> str:
        if len(program) <= PLAIN_PROGRAM:
            return self._add_ready("/Subtype /CIDFontType0C", program)
        return self._add_ready("/Subtype /CIDFontType0C /Filter /FlateDecode", zlib.compress(program))

    def _add_ready(self, entries: str, stream: bytes | None = None) -> str:
        """Add an object; return what refers to it."""
        ready = _Ready(entries, stream)
        self._add_pdf_obj(ready)
        return ready.ref


def _unite(glyphs: Sequence[Glyph]) -> Bounds:
    """The bounds of all glyphs. Renderers place small glyphs more finely than fonts of wide bounds."""
    lefts, bottoms, rights, tops = zip(*[glyph.bounds for glyph in glyphs], strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


def _list_widths(glyphs: Sequence[Glyph]) -> str:
    """Inside the W array: the advances that are not the default one, by CID (ISO 32000-1, 9.7.4.3)."""
    narrow = (
        f"{cid} [{glyph.advance}]" for cid, glyph in enumerate(glyphs, 1) if glyph.advance != FULL_WIDTH
    )
    return " ".join(narrow)


def _build_to_unicode(glyphs: Sequence[Glyph]) -> bytes:
    """The ToUnicode CMap (ISO 32000-1, 9.10.3): a range per 256 codes, whose last byte alone may change."""
    ranges = []
    for start in range(0, len(glyphs) + 1, 256):
        first, last = max(start, 1), min(start + 255, len(glyphs))
        texts = "".join(f"<{glyph.utf16_hex}>" for glyph in glyphs[first - 1 : last])
        ranges.append(f"<{first:04X}> <{last:04X}> [{texts}]")
    return _CMAP.format(count=len(ranges), ranges="\n".join(ranges)).encode("ascii")
