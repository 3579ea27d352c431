"""The slip's file as fpdf2 writes it, but for four parts: a font program joined from ready glyphs, the seal's picture, the
structure tree, and the table of objects.

`FPDF.output(output_producer_class=...)` of fpdf2 2.8 takes the writer. SlipOutput replaces what it adds for fonts, images
and structure; and since the tree lies in an object stream, the cross-reference table becomes a stream too (ISO 32000-1,
7.5.8).
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, cast

from fpdf.enums import FontDescriptorFlags
from fpdf.output import OutputProducer, PDFExtGState, PDFFont, PDFPage, PDFType3Font, PDFXObject
from fpdf.pattern import Pattern
from fpdf.syntax import PDFObject

from app.documents.cff import FULL_WIDTH, Bounds, build_cff
from app.documents.fonts import Glyph
from app.documents.slip_font import FONT_KEY, SlipFont
from app.documents.structure import pack_tree

if TYPE_CHECKING:
    from app.documents.slip_pdf import SlipDocument

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

FIELDS = (1, 3, 2)
"""Bytes of an entry's kind, place and generation or index in the cross-reference stream."""

CARRIAGE_RETURN = 0x0D
SEAL_IMAGE = 1
"""The number of the seal's picture in the page's resources."""

_pack_tree = lru_cache(maxsize=64)(pack_tree)


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
        # CR and LF, since readers would take a CR that ends the stream for a part of its end.
        return f"{head}{self._stream.decode('latin-1')}\r\nendstream\nendobj"


class SlipOutput(OutputProducer):
    """Writes the document with its one font as a CIDFontType0C program (ISO 32000-1, 9.7 to 9.10)."""

    fpdf: SlipDocument

    def __init__(self, document: SlipDocument) -> None:
        super().__init__(document)
        self.offsets = defaultdict(int)  # fpdf2's own table asks for packed objects too
        self._packed: range = range(0)

    def bufferize(self) -> bytearray:
        """The whole file."""
        super().bufferize()
        if self._packed:
            self._write_cross_references()
        return self.buffer

    def _add_pages(self, _slice: slice = slice(0, None)) -> list[PDFPage]:
        """fpdf2 ends the page's stream by LF alone; what it compresses ends with the low byte of its sum (RFC 1950)."""
        contents = self.fpdf.pages[1].contents
        assert isinstance(contents, bytearray)  # until it is wrapped
        while zlib.adler32(contents) & 0xFF == CARRIAGE_RETURN:
            contents += b"\n"
        return super()._add_pages(_slice)

    def _write_cross_references(self) -> None:
        """The table of objects as a stream, in place of the one that knows no packed ones, which ends the file."""
        start = self.buffer.rindex(b"xref\n0 ", 0, self.buffer.rindex(b"startxref"))
        table = self.buffer[start:].decode("latin-1")
        _, entries = table[table.index("<<\n") + 3 : table.rindex(">>")].split("\n", 1)
        del self.buffer[start:]
        self.obj_id += 1
        self.offsets[self.obj_id] = start
        rows = [(0, 0, 0xFFFF), *map(self._locate, range(1, self.obj_id + 1))]
        data = b"".join(
            value.to_bytes(width, "big") for row in rows for value, width in zip(row, FIELDS, strict=True)
        )
        stream = _Ready(
            f"/Type /XRef /Size {len(rows)} /W [{' '.join(map(str, FIELDS))}] /Filter /FlateDecode {entries}",
            zlib.compress(data),
        )
        stream.id = self.obj_id
        self._out(f"{stream.serialize()}\nstartxref\n{start}\n%%EOF")

    def _locate(self, number: int) -> tuple[int, int, int]:
        """An object's entry: where it stands in the file, or which of the packed ones it is."""
        if number in self._packed:
            return 2, self._packed.stop, number - self._packed.start
        return 1, self.offsets[number], 0

    def _add_structure_tree(self) -> PDFObject | None:
        if self.fpdf.tree is None:
            return super()._add_structure_tree()
        root = _Ready("")
        root.id = self.obj_id + 1
        packed = _pack_tree(self.fpdf.tree, root.id, self.fpdf.pages[1].id)
        self._packed = range(root.id, root.id + packed.size)
        self.obj_id += packed.size
        self._add_ready(
            f"/Type /ObjStm /N {packed.size} /First {packed.begin} /Filter /FlateDecode", packed.data
        )
        return root

    def _add_images(self) -> dict[int, PDFXObject]:
        """The seal's picture alone: the QR stands in the page's stream."""
        seal = self.fpdf.seal
        if seal is None:
            return {}
        picture = _Ready(
            f"/Type /XObject /Subtype /Image /Width {seal.side} /Height {seal.side} "
            f"/ColorSpace [/Indexed /DeviceRGB {len(seal.palette) // 3 - 1} <{seal.palette.hex()}>] "
            "/BitsPerComponent 4 /Filter /FlateDecode",
            seal.pixels,
        )
        self._add_pdf_obj(picture)
        return {SEAL_IMAGE: cast("PDFXObject", picture)}

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
