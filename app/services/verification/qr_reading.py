"""Slip codes in pictures: a QR is found in one of several views of a picture, and taken as our own or told as foreign.

The views that read nearly all come first. A red seal over the QR is gone in the red channel. The harder ones come only
when nothing of ours was read, of one size of the picture. A view takes time by its pixels, and far more where it is
full of what looks like the corners of a QR; after so much CPU no other is begun.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import zxingcpp
from PIL import Image, ImageFilter

from app.domain.slip_code import MalformedCode, parse_slip_code
from app.services.verification.reading import Found

QR = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
CPU_SECONDS = 3.0
"""Of a thread for drawing and all views of a file. All of them take 0.7 of a photo without a QR; a single one of nothing but
corners takes 2.
"""
GRAIN = 1.0
"""Pixels of a Gaussian that takes out speckle, a fax's noise and the stripes of a screen (moire)."""


View = Callable[[Image.Image], Image.Image]
Views = tuple[tuple[View, zxingcpp.Binarizer], ...]
_LOCAL, _GLOBAL = zxingcpp.Binarizer.LocalAverage, zxingcpp.Binarizer.GlobalHistogram


def _to_grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L")


def _soften(picture: Image.Image) -> Image.Image:
    return picture.convert("L").filter(ImageFilter.GaussianBlur(GRAIN))


def _enlarge(picture: Image.Image) -> Image.Image:
    """Half as large again: small or bent modules are found at other places."""
    return _stretch(picture, 1.5, 1.5)


def _heighten(picture: Image.Image) -> Image.Image:
    """Twice as high, then soft: a fax of standard resolution has half as many pixels down as across (ITU-T T.4)."""
    return _stretch(picture, 1, 2).filter(ImageFilter.GaussianBlur(GRAIN))


def _stretch(picture: Image.Image, across: float, down: float) -> Image.Image:
    size = (round(picture.width * across), round(picture.height * down))
    return picture.convert("L").resize(size, Image.Resampling.BICUBIC)


def _get_channel(name: str) -> View:
    return lambda picture: picture.getchannel(name)


PLAIN: Views = ((_to_grey, _LOCAL), (_get_channel("R"), _LOCAL))
HARDER: Views = (
    (_to_grey, _GLOBAL),
    (_soften, _LOCAL),
    (_heighten, _LOCAL),
    (_enlarge, _LOCAL),
    (_get_channel("B"), _LOCAL),  # blue ink over the QR
)


def read_picture(sizes: Iterable[Image.Image], base_url: str) -> Iterator[Found]:
    """The slip codes in a picture, of which RGB sizes come small and then large, by looks: those behind one in which a
    code is read are not drawn.
    """
    end, largest = _get_end(), None
    for largest in sizes:
        found = _read_first(largest, PLAIN, base_url, end)
        yield found
        if found.has_own:
            return
    if largest:
        yield _read_first(largest, HARDER, base_url, end)


def read_pages(pages: Iterable[Image.Image], base_url: str) -> Iterator[Found]:
    """The slip codes on each page (RGB), as it is drawn; the harder views come where no page shows one."""
    end, drawn, is_read = _get_end(), list[Image.Image](), False
    for page in pages:
        drawn.append(page)
        found = _read_first(page, PLAIN, base_url, end)
        yield found
        is_read = is_read or found.has_own
    if not is_read:
        yield from (_read_first(page, HARDER, base_url, end) for page in drawn)


def _get_end() -> float:
    """The thread's CPU time (seconds) after which no further view of a file that comes now is begun."""
    return time.thread_time() + CPU_SECONDS


def _read_first(picture: Image.Image, views: Views, base_url: str, end: float) -> Found:
    """The codes of the first view that holds one, and whether another QR was seen before."""
    has_foreign = False
    for view, binarizer in views:
        if time.thread_time() > end:
            break
        found = _read(view(picture), binarizer, base_url)
        if found.has_own:
            return replace(found, has_foreign=has_foreign or (found.has_foreign and not found.codes))
        has_foreign = has_foreign or found.has_foreign
    return Found(has_foreign=has_foreign)


def _read(view: Image.Image, binarizer: zxingcpp.Binarizer, base_url: str) -> Found:
    texts = {found.text for found in zxingcpp.read_barcodes(view, formats=QR, binarizer=binarizer)}
    codes = frozenset(digits for text in texts if (digits := parse_own_address(text, base_url)))
    desk_codes = frozenset(digits for text in texts if (digits := parse_desk_address(text, base_url)))
    return Found(codes, len(texts) > len(codes), desk_codes)


def parse_own_address(text: str, base_url: str) -> str:
    """The digits, where a QR's text begins with our own address and a well-formed code; or "".

    Scheme and host may be in capitals, http stand for https, and something follow the digits: a phone that scans the
    same QR opens our page, and the host is signed anyway. A pasted text may hold the address anywhere, a QR only at
    its start: behind `https://evil.example/?to=` a phone goes elsewhere.
    """
    own = re.escape(base_url.partition("://")[2])
    # ASCII alone: by case, Unicode takes ſ for s and the Kelvin sign for k.
    found = re.match(rf"https?://{own}/v/([0-9]+)", text, re.ASCII | re.IGNORECASE)
    if not found:
        return ""
    try:
        parse_slip_code(found[1])
    except MalformedCode:
        return ""
    return found[1]


def parse_desk_address(text: str, base_url: str) -> str:
    """The digits of a student's desk code 办理码, where a QR's text is the address that it opens; or ""."""
    own = re.escape(base_url.partition("://")[2])
    found = re.fullmatch(rf"https?://{own}/c/([0-9]{{1,400}})", text, re.ASCII | re.IGNORECASE)
    return found[1] if found else ""
