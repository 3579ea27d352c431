"""Codes from the files that people really hand over: cameras' photos, odd formats, scans saved as PDF."""

from __future__ import annotations

import random
from collections.abc import Callable
from io import BytesIO
from typing import Any
from zlib import crc32

import pikepdf
import pillow_heif
import pytest
from PIL import Image

from app.documents import raster
from app.services.slips.slips import get_slip, render_pdf
from app.services.verification.uploads import (
    NoCodeFound,
    NotAPicture,
    PictureTooLarge,
    ProtectedFile,
    SeveralCodes,
    read_code,
    verify_pdf,
)
from tests.fixtures.office import Office
from tests.fixtures.photos import draw_page, save, scan, stamp, take_photo

MEGAPIXELS_24 = (5712, 4284)
"""A phone's 24 megapixels are more than 24 million."""


@pytest.fixture(scope="module")
def digits(office: Office) -> str:
    """The code of a slip."""
    return office.get_digits(office.issue())


@pytest.fixture(scope="module")
def pdf(office: Office, digits: str) -> bytes:
    """That slip's file."""
    return make_file(office, digits)


def make_file(office: Office, digits: str) -> bytes:
    (number,) = (code.slip.number for code in office.list_codes() if code.digits == digits)
    return render_pdf(get_slip(office.installation, number, None))


@pytest.fixture(scope="module")
def photo(pdf: bytes) -> bytes:
    """A camera's JPEG of 12 megapixels."""
    return take_photo(pdf)


def encode(picture: Image.Image, form: str, **options: Any) -> bytes:
    out = BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def shrink(photo: bytes, factor: int = 2) -> Image.Image:
    """A camera's photo, smaller."""
    return Image.open(BytesIO(photo)).reduce(factor)


@pytest.mark.parametrize(
    "options", [{}, {"is_rotated": False}, {"size": MEGAPIXELS_24, "quality": 80}], ids=str
)
def test_a_photo_as_a_camera_makes_it_is_read(
    office: Office, digits: str, pdf: bytes, options: dict[str, Any]
) -> None:
    data = take_photo(pdf, **options)
    assert 3_000_000 < len(data) < 12 * 1024**2
    assert read_code(office.installation, data) == digits


def make_heic(picture: Image.Image) -> bytes:
    pillow_heif.register_heif_opener()
    return encode(picture, "HEIF", quality=50)


FORMS: dict[str, Callable[[Image.Image], bytes]] = {
    "GIF": lambda picture: encode(picture, "GIF"),
    "BMP": lambda picture: encode(picture, "BMP"),
    "TIFF": lambda picture: encode(picture, "TIFF", compression="tiff_lzw"),
    "TIFF of a fax": lambda picture: encode(
        picture.convert("1", dither=Image.Dither.NONE), "TIFF", compression="group4"
    ),
    "HEIC": make_heic,
    "AVIF": lambda picture: encode(picture, "AVIF", quality=60, speed=9),
    "WebP": lambda picture: encode(picture, "WEBP", quality=60),
    "progressive JPEG": lambda picture: encode(picture, "JPEG", progressive=True),
    "JPEG for print": lambda picture: encode(picture.convert("CMYK"), "JPEG"),
    "JPEG with a second picture": lambda picture: encode(
        picture, "MPO", save_all=True, append_images=[picture.reduce(4)]
    ),
    "PNG of a palette": lambda picture: encode(picture.quantize(32), "PNG"),
}


@pytest.mark.parametrize("form", FORMS)
def test_pictures_of_all_formats_are_read(office: Office, digits: str, photo: bytes, form: str) -> None:
    assert read_code(office.installation, FORMS[form](shrink(photo))) == digits


def make_see_through(page: Image.Image) -> Image.Image:
    """Black ink on nothing at all, as "remove the background" leaves it."""
    ink = page.convert("L").point(lambda level: 255 - level)
    picture = Image.new("RGBA", page.size, (0, 0, 0, 0))
    picture.putalpha(ink)
    return picture


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_a_transparent_picture_is_read_as_it_looks_on_white(
    office: Office, digits: str, pdf: bytes, mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = encode(make_see_through(draw_page(pdf, 1240)).convert(mode), "PNG")
    assert read_code(office.installation, data) == digits
    monkeypatch.setattr(raster, "_lay_on", lambda picture, ground: picture.convert("RGB"))
    with pytest.raises(NoCodeFound):
        read_code(office.installation, data)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("form", ["PNG", "TIFF"])
def test_grey_of_sixteen_bits_is_read(
    office: Office, digits: str, pdf: bytes, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = draw_page(pdf, 1240).convert("L")
    levels = b"".join(bytes((0, 40 + level * 3 // 4)) for level in page.tobytes())
    data = encode(Image.frombytes("I;16", page.size, levels), form)
    assert read_code(office.installation, data) == digits
    monkeypatch.setattr(raster, "_reduce_depth", lambda picture: picture.convert("L"))
    with pytest.raises(NoCodeFound):
        read_code(office.installation, data)


@pytest.mark.parametrize("size", [(6000, 4000), MEGAPIXELS_24])
def test_a_png_of_24_megapixels_is_read(
    office: Office, digits: str, pdf: bytes, size: tuple[int, int]
) -> None:
    picture = Image.new("RGB", size, "white")
    picture.paste(draw_page(pdf, 2800), (100, 20))
    assert read_code(office.installation, encode(picture, "PNG", compress_level=1)) == digits


@pytest.mark.usefixtures("here")
def test_what_stands_behind_a_jpeg_or_within_a_png_are_no_scans(
    office: Office, digits: str, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Phones put a film behind a photo, and any two bytes come up by chance in a large file."""
    small = shrink(photo)
    film = random.Random(1).randbytes(2_000_000) + 200 * b"\xff\xda\x00"
    live = encode(small, "JPEG") + film
    noisy = encode(small, "PNG")[:-12] + make_chunk(film) + encode(small, "PNG")[-12:]
    for data in (live, noisy):
        assert read_code(office.installation, data) == digits
    monkeypatch.setattr(raster, "_count_scans", lambda data: data.count(b"\xff\xda"))
    with pytest.raises(PictureTooLarge):
        read_code(office.installation, live)


def make_chunk(data: bytes) -> bytes:
    """A private chunk of a PNG (PNG 3rd edition, 5.3)."""
    named = b"prVt" + data
    return len(data).to_bytes(4, "big") + named + crc32(named).to_bytes(4, "big")


def test_two_slips_on_one_table_are_said_to_be_two(office: Office, pdf: bytes) -> None:
    other = make_file(office, office.get_digits(office.issue("周明哲")))
    table = Image.new("RGB", (3000, 2200), "tan")
    table.paste(draw_page(pdf, 1300), (100, 100))
    table.paste(draw_page(other, 1300), (1550, 180))
    with pytest.raises(SeveralCodes):
        read_code(office.installation, save(table))
    with pytest.raises(SeveralCodes):
        verify_pdf(office.installation, scan([draw_page(pdf, 1600), draw_page(other, 1600)]))


def test_a_scan_of_several_pages_is_read_wherever_the_slip_stands(
    office: Office, digits: str, pdf: bytes, photo: bytes
) -> None:
    blank = Image.new("RGB", (1654, 2339), "white")
    page = draw_page(pdf, 1654)
    aside = shrink(photo)
    for pages in (
        [page],
        [blank, page],
        [aside],
        [blank, blank, aside, blank],
        [page.rotate(90, expand=True)],
    ):
        assert verify_pdf(office.installation, scan(pages)).verification.digits == digits


def test_a_slip_far_behind_in_a_long_file_is_not_looked_for(office: Office, pdf: bytes) -> None:
    blank = Image.new("RGB", (400, 566), "white")
    with pytest.raises(NoCodeFound):
        verify_pdf(office.installation, scan([blank] * raster.MAX_PAGES + [draw_page(pdf, 1240)]))


def test_a_seal_over_the_qr_of_a_scan_does_not_hide_it(office: Office, digits: str, pdf: bytes) -> None:
    page = draw_page(pdf, 1700)
    stamp(page, 1700, is_over=True)
    assert verify_pdf(office.installation, scan([page])).verification.digits == digits


def test_a_file_with_a_password_says_so(office: Office, pdf: bytes) -> None:
    for password, error in (("secret", ProtectedFile), ("", None)):
        out = BytesIO()
        with pikepdf.open(BytesIO(pdf)) as document:
            document.save(out, encryption=pikepdf.Encryption(user=password, owner="owner"))
        if error is None:
            assert verify_pdf(office.installation, out.getvalue()).verification.slip
        else:
            with pytest.raises(error):
                verify_pdf(office.installation, out.getvalue())


def make_tile_bomb() -> bytes:
    """A TIFF of 64 pixels whose one tile says that it has 400 million (TIFF 6.0, section 15)."""
    data = bytearray(encode(Image.new("L", (8, 8)), "TIFF", compression="tiff_deflate"))
    tags = {256: 8, 257: 8, 258: 8, 259: 8, 262: 1, 277: 1, 322: 20_000, 323: 20_000, 324: 8, 325: len(data)}
    directory = len(data).to_bytes(4, "little")
    data[4:8] = directory
    data += len(tags).to_bytes(2, "little")
    for tag, value in tags.items():
        data += tag.to_bytes(2, "little") + b"\x04\0\1\0\0\0" + value.to_bytes(4, "little")
    return bytes(data + bytes(4))


def make_gif_bomb() -> bytes:
    """A GIF that says it is 60,000 pixels wide and high."""
    data = bytearray(encode(Image.new("L", (8, 8)), "GIF"))
    data[6:10] = (60_000).to_bytes(2, "little") * 2
    return bytes(data)


def make_heic_bomb() -> bytes:
    """An HEIC that says it is 60,000 pixels wide and high (ISO 14496-12, `ispe`)."""
    data = make_heic(Image.new("RGB", (64, 64)))
    place = data.index(b"ispe") + 8
    return data[:place] + (60_000).to_bytes(4, "big") * 2 + data[place + 8 :]


@pytest.mark.parametrize("make", [make_tile_bomb, make_gif_bomb, make_heic_bomb])
def test_small_files_that_say_they_are_huge_are_refused(office: Office, make: Callable[[], bytes]) -> None:
    with pytest.raises((NotAPicture, PictureTooLarge)):
        read_code(office.installation, make())
