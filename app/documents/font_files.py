"""The font files of the slip, each opened by HarfBuzz when a character is first looked for in it.

Noto Sans CJK SC comes out of the package noto-cjk-sans-otc and holds all of 通用规范汉字表, the URO and extension A.
What it and the configured fonts lack is looked for in Noto Sans (Latin and Cyrillic with all their marks), Noto Sans
Arabic (Uyghur, Kazakh, Kyrgyz) and Noto Sans Thai, each out of a package of its own. All are under the SIL Open
Font License 1.1.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path

import uharfbuzz as hb
from noto_cjk_sans_otc import FONT_PATH

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
