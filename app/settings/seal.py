"""The issuing office's seal 公章 as a picture: a file that is drawn round, 42 mm wide, on white paper under the words."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Annotated

from PIL import Image
from pydantic import BeforeValidator

from app.config_model import Mistakes, read_texts

MOST_BYTES = 1024 * 1024
LEAST_SIDE, MOST_SIDE = 300, 4000
"""Pixels of the picture's side; 300 are 180 dpi on paper."""
DRAWN_SIDE = 496
"""300 dpi on paper; a larger picture is made smaller."""
COLOURS = 16
LEAST_DARK = 64
"""By how much, of 255, what is printed must be darker than the paper; a light grey of 191 is just so."""
LEAST_EXTENT = 0.9
"""Of the picture's side, from one end of the seal to the other: the picture is what is drawn 42 mm wide."""
MOST_UNEVEN = 0.05
"""By how much a round seal's picture may be wider than high, or higher than wide."""
CLEAR = 16
"""Up to this opacity, of 255, nothing is seen."""
_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True, slots=True)
class Seal:
    """`digest` is the SHA-256 of its file in hexadecimal; `pixels` are `side` rows of `side` pixels on white, four bits each,
    compressed by zlib; they are places in `palette`, which has three bytes, red, green and blue, for each.
    """

    digest: str
    side: int
    pixels: bytes = field(repr=False)
    palette: bytes = field(repr=False)

    @property
    def ink(self) -> tuple[int, int, int]:
        """Its darkest colour."""
        colours = zip(self.palette[::3], self.palette[1::3], self.palette[2::3], strict=True)
        return min(colours, key=sum)


def read_seal(path: Path) -> Seal:
    """The seal in a PNG file. Raises ValueError, which says what is wrong with it."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ValueError(f"names a file that cannot be read: {path} ({error.strerror})") from None
    if not content.startswith(_PNG):
        raise ValueError(f"names a file that is no PNG: {path}")
    if len(content) > MOST_BYTES:
        raise ValueError(f"names a file of {len(content)} bytes, and {MOST_BYTES} are the most: {path}")
    picture = _open(content, path)
    _check_ground(picture, path)
    side = min(DRAWN_SIDE, *picture.size) // 2 * 2  # two pixels a byte
    drawn = picture.resize((side, side), Image.Resampling.LANCZOS)
    paper = Image.new("RGBA", drawn.size, "white")
    paper.alpha_composite(drawn)
    _check_look(paper, path)
    reduced = paper.convert("RGB").quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    return Seal(hashlib.sha256(content).hexdigest(), side, _pack(reduced), _list_colours(reduced))


def _pack(picture: Image.Image) -> bytes:
    places = picture.tobytes()
    pairs = zip(places[::2], places[1::2], strict=True)
    return zlib.compress(bytes(left << 4 | right for left, right in pairs), 9)


def _list_colours(picture: Image.Image) -> bytes:
    """The palette, in which the ground is as white as the paper."""
    colours = bytearray((picture.getpalette() or [])[: 3 * COLOURS])
    ground = picture.tobytes()[0]
    colours[3 * ground : 3 * ground + 3] = b"\xff\xff\xff"
    return bytes(colours)


def _open(content: bytes, path: Path) -> Image.Image:
    try:
        with Image.open(BytesIO(content)) as picture:
            least, most = sorted(picture.size)
            if least < LEAST_SIDE or most > MOST_SIDE:
                raise _NotDrawable(
                    f"names a picture of {picture.width} x {picture.height} pixels: a side must have "
                    f"{LEAST_SIDE} to {MOST_SIDE}: {path}"
                )
            if most - least > MOST_UNEVEN * most:
                raise _NotDrawable(f"names a picture that is not as high as wide: {path}")
            return picture.convert("RGBA")
    except _NotDrawable:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):  # Pillow raises all of them
        raise ValueError(f"names a PNG that cannot be read: {path}") from None


class _NotDrawable(ValueError):
    """What is wrong with a picture that Pillow can read."""


def _check_ground(picture: Image.Image, path: Path) -> None:
    """The corners lie outside of a round seal."""
    right, bottom = picture.width - 1, picture.height - 1
    opacity = picture.getchannel("A")
    corners = ((0, 0), (right, 0), (0, bottom), (right, bottom))
    if any(_get_level(opacity, corner) > CLEAR for corner in corners):
        raise ValueError(
            f"names a picture without a transparent ground: it would lie on the paper as a box: {path}"
        )


def _check_look(paper: Image.Image, path: Path) -> None:
    """What is seen of it on white paper fills the picture, and is not too faint for that."""
    grey = paper.convert("L")
    seen = _get_extent(grey, CLEAR)
    if not seen:
        raise ValueError(f"names a picture in which nothing is seen on white paper: {path}")
    if seen < LEAST_EXTENT:
        raise ValueError(f"names a picture that its seal does not fill: crop it to the seal: {path}")
    if _get_extent(grey, LEAST_DARK) < LEAST_EXTENT:
        raise ValueError(
            f"names a picture that is too faint on white paper: make it darker or opaque: {path}"
        )


def _get_extent(grey: Image.Image, least: int) -> float:
    """The share of the picture's side over which something is at least so much darker than white, in the direction in
    which it is less.
    """
    box = grey.point(lambda level: 255 * (255 - level >= least)).getbbox()
    if box is None:
        return 0.0
    left, top, right, bottom = box
    return min(right - left, bottom - top) / grey.width


def _get_level(channel: Image.Image, place: tuple[int, int]) -> int:
    level = channel.getpixel(place)
    assert isinstance(level, int)  # a channel has one number a pixel
    return level


def find_seal(value: object) -> object:
    """The seal in the file that a text names, or None for an empty text."""
    if value is not None and not isinstance(value, str):
        raise ValueError("must be a text")
    return read_seal(Path(value)) if value else None


def find_seals(value: object) -> object:
    """The seals in the files that a list of texts names; every one that cannot be used is a mistake."""
    paths = read_texts(value)
    if not isinstance(paths, tuple):
        return paths
    seals, mistakes = [], []
    for path in paths:
        try:
            seals.append(read_seal(Path(path)))
        except ValueError as error:
            mistakes.append(("", str(error)))
    if mistakes:
        raise Mistakes(*mistakes)
    return tuple(seals)


OptionalSeal = Annotated[Seal | None, BeforeValidator(find_seal)]
Seals = Annotated[tuple[Seal, ...], BeforeValidator(find_seals)]
