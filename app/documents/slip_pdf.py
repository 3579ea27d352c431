"""The slip as PDF: one A4 page that fpdf2 draws and writes, the same bytes for the same record and code.

What slips share is drawn once by ordinary fpdf2 calls and kept as a page stream; a slip adds its own values
and its QR to it. The font program is joined from ready glyphs (`slip_font`), so that neither fontTools nor
a subsetter runs for a slip. Its files are PDF/UA-1 (ISO 14289-1), for screen readers, and may be PDF/A-2u (ISO 19005-2)
as well: fpdf2's own metadata packet takes the clock, this one takes the slip's date, so that the bytes stay the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain

from fpdf import FPDF, ViewerPreferences
from fpdf.drawing_primitives import convert_to_device_color
from fpdf.enums import PDFResourceType, TextMode
from fpdf.syntax import Name

from app.documents.fonts import GlyphStore, Key, get_fonts
from app.documents.layout import Layout, fit_page
from app.documents.qr import QrMatrix, build_qr_matrix
from app.documents.reading import build_tree, get_qr_number
from app.documents.seals import find_seal
from app.documents.sheet import Box, Cell, Lines
from app.documents.slip_font import FONT_KEY, SlipFont
from app.documents.slip_metadata import PDF_A_LEVEL, write_metadata
from app.documents.slip_output import SEAL_IMAGE, SlipOutput
from app.documents.structure import Element, list_marks
from app.documents.wording import get_wording, list_values
from app.domain.slip import SlipRecord
from app.settings.seal import Seal

LANGUAGE = "zh-CN"
PDF_VERSION = "1.7"


@dataclass(frozen=True, slots=True)
class SlipCodeText:
    """The slip's code in words.

    `url` is what the QR says, `short_code` 16 Crockford characters, `host` what must stand in the address bar.
    """

    url: str
    short_code: str
    host: str


@dataclass(frozen=True, slots=True)
class _Frame:
    """A layout drawn: what stands in the page stream before each line of a value and after the last, its codes, and what
    the marked sequences in the stream are.
    """

    openings: Lines
    end: str
    codes: tuple[tuple[Key, str], ...]
    tree: Element


class SlipDocument(FPDF):
    """An FPDF of one A4 page, dated and numbered by what stands on it and not by when it is made."""

    def __init__(self, is_archival: bool = False) -> None:
        super().__init__(unit="mm", format="A4", enforce_compliance=PDF_A_LEVEL if is_archival else None)
        self.set_auto_page_break(False)
        self.str_alias_nb_pages = ""  # "{nb}" in a name is a name
        self.allow_images_transparency = False
        self.is_archival = is_archival
        self.tree: Element | None = None
        self.seal: Seal | None = None
        self._id = ""
        self.pdf_version = PDF_VERSION
        self.viewer_preferences = ViewerPreferences(display_doc_title=True)
        self.add_page()

    def describe(self, record: SlipRecord, code: SlipCodeText) -> None:
        """Title, language, date and identifier of the file."""
        title = f"{record.title} {record.number}"
        moment = datetime.fromisoformat(record.issued_on).replace(tzinfo=UTC)
        self.set_title(title)
        self.set_lang(LANGUAGE)
        self.set_creation_date(moment)
        self.set_xmp_metadata(write_metadata(title, LANGUAGE, moment, self.is_archival))
        self._id = hashlib.sha256(code.url.encode()).hexdigest()[:32].upper()

    def file_id(self) -> str:
        """The file's identifier (ISO 32000-1, 14.4): a digest of what the QR says."""
        return f"<{self._id}><{self._id}>"

    def draw_shapes(self, layout: Layout) -> None:
        """Tints and rules, which say nothing."""
        self._out("/Artifact BMC")
        with self.local_context():
            for box, ink in layout.fills:
                self.set_fill_color(*ink.value)
                self.rect(*box, style="F")
            for rule in layout.rules:
                self.set_draw_color(*rule.ink.value)
                self.set_line_width(rule.weight)
                self.line(rule.x1, rule.y1, rule.x2, rule.y2)
        self._out("EMC")

    def draw_lines(self, cell: Cell, lines: Lines) -> None:
        """Lines of text on a cell's baselines."""
        font = self.fonts[FONT_KEY]
        if isinstance(font, SlipFont) and not all(map(font.is_plain, lines)):
            for opening, line in zip(self.list_openings(cell), lines, strict=True):
                self._out(f"{opening}{font.encode(line)}> Tj ET Q\n")
            return
        style = cell.style
        with self.local_context(text_color=style.ink.value, draw_color=style.ink.value):
            self.set_font(FONT_KEY, size=style.size)
            self.set_char_spacing(style.spacing * style.size)
            if style.bold:
                self.text_mode = TextMode.FILL_STROKE
                self.line_width = style.stroke
            for line, baseline in zip(lines, cell.baselines, strict=True):
                self.text(cell.x, baseline, line)

    def list_openings(self, cell: Cell) -> Lines:
        """What `draw_lines` would write before each line's codes, as the beginning of a hexadecimal string."""
        style = cell.style
        ink = convert_to_device_color(style.ink.value).serialize()
        look = f"{TextMode.FILL_STROKE} Tr {style.stroke:.2f} w {ink.upper()} " if style.bold else ""
        look += f"{style.spacing * style.size:.2f} Tc " if style.spacing else ""
        return tuple(
            f"q {ink} BT /F1 {style.size:.2f} Tf {cell.x * self.k:.2f} {(self.h - baseline) * self.k:.2f} Td {look}<"
            for baseline in cell.baselines
        )

    def draw_qr(self, matrix: QrMatrix, box: Box) -> None:
        """The symbol as one inline image mask (ISO 32000-1, 8.9.6.2 and 8.9.7), two by two bits for each module.

        With a bit for each, PDFium gives a module two pixels or three in a small picture and no grey between,
        which zbar does not read below 130 dpi; so it reads from 100.
        """
        size = 2 * matrix.size
        stride = (size + 7) // 8
        # Base 4 spreads the bits, 3 doubles them.
        rows = [3 * int(row.ljust(4 * stride, "0"), 4) for row in matrix.rows()]
        mask = b"".join([row.to_bytes(stride, "big") * 2 for row in rows])
        width, height = box.width * self.k, box.height * self.k
        x, y = box.x * self.k, self.h_pt - box.y * self.k - height
        self._out(
            f"q 0 g {width:.3f} 0 0 {height:.3f} {x:.3f} {y:.3f} cm "
            f"BI /W {size} /H {size} /IM true /D [1 0] /F /AHx ID {mask.hex()}> EI Q"
        )

    def draw_seal(self, box: Box) -> None:
        """The place of the seal's picture, before all else, so that it lies under the words."""
        side = box.width * self.k
        x, y = box.x * self.k, self.h_pt - box.y * self.k - side
        self._out(f"q {side:.3f} 0 0 {side:.3f} {x:.3f} {y:.3f} cm /I{SEAL_IMAGE} Do Q")

    def begin_mark(self, number: int, tag: str) -> None:
        """Begin a marked sequence (ISO 32000-1, 14.6) for the structure tree."""
        self._out(f"/{tag} <</MCID {number}>> BDC")

    def end_mark(self) -> None:
        """End it."""
        self._out("EMC")

    def take_stream(self) -> str:
        """What has been drawn, taken away from the page."""
        contents = self.pages[1].contents
        assert isinstance(contents, bytearray)  # until output() wraps it
        taken = contents.decode("latin-1")
        contents.clear()
        return taken

    def add_seal(self, seal: Seal | None) -> None:
        """The picture that the stream of the page draws."""
        self.seal = seal
        self._resource_catalog.add(PDFResourceType.X_OBJECT, SEAL_IMAGE, self.page)

    def add_frame(self, frame: _Frame, values: Sequence[Lines], font: SlipFont) -> None:
        """A drawn layout with a slip's values in it."""
        self.fonts[FONT_KEY] = font
        self._resource_catalog.add(PDFResourceType.FONT, font.i, self.page)
        page = self.pages[self.page]
        self.tree, page.struct_parents = frame.tree, 0
        page.tabs = Name("S")  # type: ignore[attr-defined]  # fpdf2 writes every attribute of a page
        encode = font.encode
        lines = zip(frame.openings, chain.from_iterable(values), strict=True)
        self._out("".join([f"{opening}{encode(line)}> Tj ET Q\n" for opening, line in lines]) + frame.end)


def render_slip_pdf(record: SlipRecord, code: SlipCodeText, is_archival: bool = False) -> bytes:
    """The slip as a PDF file of one page, PDF/UA-1, and as PDF/A-2u too where it is to be kept for long.

    Raises MissingCharacters when no font holds a character, SlipTooLong when the words do not fit on a page.
    """
    fonts = get_fonts()
    matrix = build_qr_matrix(code.url)
    layout, values = fit_slip(record, code, matrix, fonts)
    frame = _draw_frame(layout, fonts)
    document = SlipDocument(is_archival)
    document.describe(record, code)
    if layout.seal is not None:
        document.add_seal(find_seal(record.seal))
    document.add_frame(frame, values, SlipFont(fonts, frame.codes))
    document.begin_mark(get_qr_number(layout), "Figure")
    document.draw_qr(matrix, layout.qr)
    document.end_mark()
    return bytes(document.output(output_producer_class=SlipOutput))


def check_printable(record: SlipRecord, host: str) -> None:
    """Raise what `render_slip_pdf` would, before the slip has a code, so that nothing unprintable is issued."""
    # Of nines: a block of nothing but zeros is one that qrcode cannot write.
    code = SlipCodeText(f"https://{host}/v/{'9' * 300}", "0" * 16, host)
    fit_slip(record, code, _build_sample_symbol(code.url), get_fonts())


_build_sample_symbol = lru_cache(maxsize=8)(build_qr_matrix)


def fit_slip(
    record: SlipRecord, code: SlipCodeText, matrix: QrMatrix, fonts: GlyphStore
) -> tuple[Layout, list[Lines]]:
    """The layout of a slip, and its values in lines. Raises MissingCharacters or SlipTooLong."""
    wording = get_wording(record, code.host, matrix.size, find_seal(record.seal) is not None)
    return fit_page(wording, list_values(record, code.short_code), fonts.measure)


@lru_cache(maxsize=64)
def _draw_frame(layout: Layout, fonts: GlyphStore) -> _Frame:
    document = SlipDocument()
    document.take_stream()
    font = document.fonts[FONT_KEY] = SlipFont(fonts)
    tree = build_tree(layout)
    tags = dict(list_marks(tree))
    if layout.seal is not None:
        document.begin_mark(get_qr_number(layout) + 1, "Figure")
        document.draw_seal(layout.seal)
        document.end_mark()
    document.draw_shapes(layout)
    openings: list[str] = []
    for number, (cell, lines) in enumerate(layout.texts):
        document.begin_mark(number, tags[number])
        if lines is None:
            openings += [document.take_stream() + opening for opening in document.list_openings(cell)]
        else:
            document.draw_lines(cell, lines)
        document.end_mark()
    return _Frame(tuple(openings), document.take_stream(), tuple(font.codes.items()), tree)
