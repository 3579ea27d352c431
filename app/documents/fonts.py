"""The slip's glyphs: each character's outline and advance, drawn once by HarfBuzz and kept.

A plain character is printed by the glyph that the first font has for it, whatever stands beside it: all Chinese and
most of what else is on a slip. Other texts are cut into runs, a font is chosen for each, and HarfBuzz shapes it.
fontTools, which interprets every outline in Python, is never asked for one.

Each font file is opened when a character is first looked for in it.
Noto Sans CJK SC comes out of the package noto-cjk-sans-otc and holds all of 通用规范汉字表, the URO and extension A.
What it and the configured fonts lack is looked for in Noto Sans (Latin and Cyrillic with all their marks), Noto Sans
Arabic (Uyghur, Kazakh, Kyrgyz) and Noto Sans Thai, each out of a package of its own. All are under the SIL Open
Font License 1.1.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from pathlib import Path
from threading import Lock
from typing import TypeVar

import uharfbuzz as hb
from noto_cjk_sans_otc import FONT_PATH

from app.documents.cff import Bounds, draw_outline, encode_charstring, get_bounds
from app.documents.shaping import ALPHABETS, HAN, WIDE_OR_NARROW, Part, Piece, Run, shape_run, split_runs
from app.domain.texts import is_invisible, split_letters

SC_FACE = 2
"""The place of the face for simplified Chinese in NotoSansCJK-Regular.ttc."""

FALLBACKS = {
    "fontpkg_noto_sans": "NotoSans[wdth,wght].ttf",
    "fontpkg_noto_sans_arabic": "NotoSansArabic[wdth,wght].ttf",
    "fontpkg_noto_sans_thai": "NotoSansThai[wdth,wght].ttf",
}
"""Files of packages, in the order in which they are asked."""


class UnusableFont(ValueError):
    """A file is no font that HarfBuzz can read. The message names it."""


@dataclass(frozen=True)
class FontFile:
    """A font by its file, and by its place in a collection."""

    path: Path
    face: int = 0

    @cached_property
    def font(self) -> hb.Font:
        """The font, with a thousand units an em. Raises FileNotFoundError or UnusableFont."""
        if not self.path.is_file():
            raise FileNotFoundError(f"no font file: {self.path}")
        try:
            face = hb.Face(hb.Blob.from_file_path(self.path), self.face)
        except (OSError, hb.HarfBuzzError) as error:
            raise UnusableFont(f"no font that can be read: {self.path}") from error
        if not face.glyph_count:
            raise UnusableFont(f"no font that can be read: {self.path}")
        font = hb.Font(face)
        font.scale = (1000, 1000)
        return font

    def holds(self, text: str) -> bool:
        """Whether the font has a glyph for each of the characters."""
        return all(map(self.font.get_nominal_glyph, map(ord, text)))


def list_font_files(configured: Iterable[Path]) -> tuple[FontFile, ...]:
    """Noto Sans CJK SC, the configured fonts, and those that come with the service."""
    fallbacks = [Path(str(files(package) / "files" / name)) for package, name in FALLBACKS.items()]
    return (FontFile(Path(FONT_PATH), SC_FACE), *map(FontFile, (*configured, *fallbacks)))


Key = str | Piece
"""What has a glyph: a plain character, or a piece of a shaped run."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class MissingCharacters(ValueError):
    """No configured font holds these characters; `characters` lists each once."""

    def __init__(self, characters: str) -> None:
        super().__init__(" ".join(f"U+{ord(character):04X}" for character in characters))
        self.characters = characters


class NotPlain(LookupError):
    """The character is printed by what stands beside it, if any font holds it at all."""


@dataclass(frozen=True, slots=True)
class Glyph:
    """A character or a piece as the font program and the PDF's tables need it; `advance` and `bounds` in 1/1000 em."""

    charstring: bytes
    advance: int
    bounds: Bounds
    utf16_hex: str


@dataclass(frozen=True, slots=True)
class FontMetrics:
    """What a PDF's font descriptor says (ISO 32000-1, 9.8), in 1/1000 em."""

    name: str
    ascent: int
    descent: int
    cap_height: int


class GlyphStore:
    """Glyphs by character or piece, drawn when first asked for. Shared by all threads; a few hundred bytes a glyph.

    `glyphs` maps to glyphs, and `advances` the code points of plain characters to advances, the shape in which fpdf2
    looks widths up. `notdef` is the glyph that every font program must begin with.
    """

    def __init__(self, files: Sequence[FontFile]) -> None:
        self._files = tuple(files)
        self._drawing = Lock()  # HarfBuzz draws by callbacks and fonts that all threads share
        self._plain: set[str] = set()
        first = self._files[0].font
        self.metrics = _read_metrics(first)
        self.notdef = self._draw_parts(first, (Part(0, 0, 0),), first.get_glyph_h_advance(0), "")
        self.glyphs: dict[Key, Glyph] = _Filled(self._draw)
        self.advances: dict[int, float] = _Filled(self._find_advance)
        self._split_shaped = lru_cache(maxsize=256)(self._shape)

    def find_missing(self, text: str) -> str:
        """The characters of `text` that no font holds, each once, in the text's order."""
        try:
            self.split(text)
        except MissingCharacters as missing:
            return missing.characters
        return ""

    def measure(self, text: str) -> float:
        """The width of `text` in 1/1000 em. Raises MissingCharacters."""
        try:
            return sum(map(self.advances.__getitem__, map(ord, text)))
        except NotPlain:
            return sum(self.glyphs[key].advance for key in self.split(text))

    def split(self, text: str) -> Sequence[Key]:
        """What `text` is printed by, from left to right; the text itself where all of it is plain.

        Raises MissingCharacters.
        """
        if self._plain.issuperset(text) or all(map(self._note_plain, text)):
            return text
        return self._split_shaped(text)

    def _note_plain(self, character: str) -> bool:
        """Whether the character is plain wherever it stands; remembered."""
        if character in self._plain:
            return True
        if character in WIDE_OR_NARROW or not self._is_plain(character):
            return False
        self._plain.add(character)
        return True

    def _find_advance(self, code_point: int) -> float:
        if not self._note_plain(chr(code_point)):
            raise NotPlain(chr(code_point))
        return self.glyphs[chr(code_point)].advance

    def _is_plain(self, character: str) -> bool:
        """Whether the first font holds the character, or another does and it is a Chinese one; and it is no mark."""
        if _is_mark(character) or is_invisible(character):
            return False
        files = self._files if _is_ideograph(character) else self._files[:1]
        return any(file.holds(character) for file in files)

    def _shape(self, text: str) -> tuple[Key, ...]:
        missing: dict[str, None] = {}
        keys: list[Key] = []
        for run in split_runs(unicodedata.normalize("NFC", text)):
            if run.script == HAN and all(map(self._is_plain, run.text)):
                keys += run.text
                continue
            for part, place in self._choose_fonts(run):
                if place is None:
                    missing |= dict.fromkeys(self._list_missing(part.text))
                    continue
                for piece in shape_run(part, self._files[place].font, place):
                    if any(glyph.glyph_id == 0 for glyph in piece.parts):
                        missing |= dict.fromkeys(self._list_missing(piece.text))
                    keys.append(self._simplify(piece))
        if missing:
            raise MissingCharacters(
                "".join(character for character in dict.fromkeys(text) if character in missing)
            )
        return tuple(keys)

    def _choose_fonts(self, run: Run) -> Iterator[tuple[Run, int | None]]:
        """The run with the first font that holds all of it; or else its parts, each with the first font that holds
        it, or None. A letter and its marks are never parted.
        """
        whole = self._find_font(run.text, run.script)
        if whole is not None:
            yield run, whole
            return
        parts: list[tuple[str, int | None]] = []
        for cluster in split_letters(run.text):
            place = self._find_font(cluster, run.script)
            if parts and parts[-1][1] == place:
                parts[-1] = (parts[-1][0] + cluster, place)
            else:
                parts.append((cluster, place))
        for text, place in parts[::-1] if run.is_right_to_left else parts:
            yield Run(text, run.script, run.is_right_to_left), place

    def _find_font(self, text: str, script: str = HAN) -> int | None:
        """The first font that holds all of the text. The Chinese one is asked last for letters of an alphabet with
        marks that it would put beside them, and with signs that it draws a whole em wide.
        """
        seen = "".join(character for character in text if not is_invisible(character))
        places = range(len(self._files))
        if script in ALPHABETS and any(_is_mark(sign) or sign in WIDE_OR_NARROW for sign in seen):
            return next((place for place in (*places[1:], 0) if self._files[place].holds(seen)), None)
        return next((place for place in places if self._files[place].holds(seen)), None)

    def _list_missing(self, text: str) -> Iterable[str]:
        """The characters of `text` in no font; where each is in one, the marks that no font has with their letter."""
        seen = [character for character in text if not is_invisible(character)]
        alone = [character for character in seen if self._find_font(character) is None]
        return alone or [character for character in seen if _is_mark(character)] or seen

    def _simplify(self, piece: Piece) -> Key:
        """The character itself where its piece looks the same, so that it has one code on the slip."""
        if piece.font == 0 and len(piece.text) == 1 and self._is_plain(piece.text):
            font = self._files[0].font
            glyph_id = font.get_nominal_glyph(ord(piece.text))
            if piece[2:] == ((Part(glyph_id, 0, 0),), font.get_glyph_h_advance(glyph_id)):
                return piece.text
        return piece

    def _draw(self, key: Key) -> Glyph:
        if isinstance(key, Piece):
            return self._draw_parts(self._files[key.font].font, key.parts, key.advance, key.text)
        place = self._find_font(key)
        if place is None:
            raise MissingCharacters(key)
        font = self._files[place].font
        glyph_id = font.get_nominal_glyph(ord(key))
        return self._draw_parts(font, (Part(glyph_id, 0, 0),), font.get_glyph_h_advance(glyph_id), key)

    def _draw_parts(self, font: hb.Font, parts: Sequence[Part], advance: int, text: str) -> Glyph:
        with self._drawing:
            outline = draw_outline(font, parts)
        utf16 = text.encode("utf-16-be").hex().upper()
        return Glyph(encode_charstring(outline, advance), advance, get_bounds(font, parts), utf16)


class _Filled(dict[_Key, _Value]):
    """A dictionary that makes a missing value by a function of its key, and keeps it."""

    def __init__(self, make: Callable[[_Key], _Value]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: _Key) -> _Value:
        return self.setdefault(key, self._make(key))


def _is_mark(character: str) -> bool:
    return unicodedata.category(character).startswith("M")


def _is_ideograph(character: str) -> bool:
    return "\u2e80" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000"


def _read_metrics(font: hb.Font) -> FontMetrics:
    extents = font.get_font_extents("ltr")
    cap_height = font.get_metric_position_with_fallback(hb.OTMetricsTag.CAP_HEIGHT)
    name = font.face.get_name(hb.OTNameIdPredefined.POSTSCRIPT_NAME) or "Slip"
    return FontMetrics(name, extents.ascender, extents.descender, cap_height)


@cache
def _open_fonts(configured: tuple[Path, ...]) -> GlyphStore:
    files = list_font_files(configured)
    for file in files[1 : len(configured) + 1]:
        _ = file.font  # one that cannot be read is told at start
    return GlyphStore(files)


_current: GlyphStore | None = None


def load_fonts(configured: Iterable[Path] = ()) -> GlyphStore:
    """Make Noto Sans CJK SC, the configured fonts for what it lacks, and those that come with the service for what
    is lacking still, the fonts of this process; called once at start.

    Raises FileNotFoundError or UnusableFont.
    """
    global _current
    _current = _open_fonts(tuple(configured))
    return _current


def get_fonts() -> GlyphStore:
    """The fonts of this process: those of the last `load_fonts`, or those that come with the service."""
    return _current or load_fonts()


def find_missing_characters(text: str) -> str:
    """The characters of `text` that no font holds, so that it is refused before anything is issued."""
    return get_fonts().find_missing(text)
