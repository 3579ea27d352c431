"""The university's emblem 校徽: a file for the head of every page, in which something must be seen there."""

from __future__ import annotations

import re
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from PIL import Image

from app.domain.colours import Colours, get_contrast

MOST_BYTES = 32 * 1024
LEAST_CONTRAST = 3.0
"""Of a graphical object to what lies beside it (WCAG 2.2, success criterion 1.4.11)."""
LEAST_SHARE = 0.1
"""Of a picture's visible points that must have it: an emblem of several colours has faint ones, too."""
SAMPLE_SIZE = (48, 48)
KINDS = {".svg": "image/svg+xml", ".png": "image/png"}
_PNG = b"\x89PNG\r\n\x1a\n"
_ACTIVE = re.compile(
    r"<script|<!ENTITY|<foreignObject|\son\w+\s*=|href\s*=\s*[\"'](?!#|data:image/)", re.IGNORECASE
)
_COLOUR = re.compile(
    r"#([0-9a-f]{3,8})\b|\b(white|black)\b|\brgba?\(\s*(\d{1,3})[\s,]+(\d{1,3})[\s,]+(\d{1,3})", re.IGNORECASE
)
_NAMED = {"white": "#ffffff", "black": "#000000"}


@dataclass(frozen=True, slots=True)
class Emblem:
    """`suffix` is `.svg` or `.png`."""

    content: bytes
    suffix: str


def read_emblem(path: Path, colours: Colours) -> Emblem:
    """The emblem in a file. Raises ValueError, which says what is wrong with it."""
    suffix = path.suffix.lower()
    if suffix not in KINDS:
        raise ValueError("must name an .svg or a .png file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {path} ({error.strerror})") from None
    if len(content) > MOST_BYTES:
        raise ValueError(
            f"names a file of {len(content)} bytes, and {MOST_BYTES} are the most: every page loads it"
        )
    seen = _list_svg_colours(content) if suffix == ".svg" else _list_png_colours(content)
    for name, ground in (("head", colours.head), ("head_dark", colours.head_dark)):
        clear = sum(get_contrast(colour, ground) >= LEAST_CONTRAST for colour in seen)
        if clear < max(1, LEAST_SHARE * len(seen)):
            raise ValueError(
                f"names a picture that is hardly seen on colours.{name}, {ground}: use a lighter one"
            )
    return Emblem(content, suffix)


def _list_svg_colours(content: bytes) -> list[str]:
    """The colours that an SVG names, each once; black, SVG's own, where it names none."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("names an SVG that is not UTF-8") from None
    if "<svg" not in text:
        raise ValueError("names a file that is no SVG")
    if _ACTIVE.search(text):
        raise ValueError("names an SVG with a script, an entity or a link to elsewhere: leave them out")
    return sorted({_read_colour(found) for found in _COLOUR.finditer(text)}) or ["#000000"]


def _read_colour(found: re.Match[str]) -> str:
    """A colour as CSS writes it, as `#rrggbb`; how opaque it is does not count."""
    digits, name, *parts = found.groups()
    if name:
        return _NAMED[name.lower()]
    if not digits:
        return "#" + "".join(f"{min(int(part), 255):02x}" for part in parts)
    digits = digits.lower()
    return f"#{digits[:6]}" if len(digits) >= 6 else "#" + "".join(digit * 2 for digit in digits[:3])


def _list_png_colours(content: bytes) -> list[str]:
    """The colours of a sample of a PNG's visible points."""
    if not content.startswith(_PNG):
        raise ValueError("names a file that is no PNG")
    try:
        with Image.open(BytesIO(content)) as picture:
            sample = picture.convert("RGBA").resize(SAMPLE_SIZE)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow raises all of them
        raise ValueError("names a PNG that cannot be read") from None
    points = sample.tobytes()
    visible = [points[start : start + 3] for start in range(0, len(points), 4) if points[start + 3] > 127]
    if not visible:
        raise ValueError("names a picture in which nothing is seen")
    return [f"#{point.hex()}" for point in visible]
