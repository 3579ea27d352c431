"""The slip's font inside fpdf2: codes given out as characters are printed.

fpdf2 2.8 looks its font objects up by key in `FPDF.fonts`: SlipFont is one that never opens a font file.
"""

from __future__ import annotations

from collections.abc import Iterable

from fpdf.enums import TextEmphasis
from fpdf.fonts import TTFFont

from app.documents.fonts import Glyph, GlyphStore, Key

FONT_KEY = "slip"


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
