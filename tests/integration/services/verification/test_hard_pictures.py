"""Codes from pictures that are hard to read: photos in bad light, screens, faxes, copies. `make bench BENCH=decoding`
counts them.
"""

from __future__ import annotations

import random

import pytest
from PIL import Image

from app.documents import raster
from app.services.slips.slips import get_slip, render_pdf
from app.services.verification import qr_reading
from app.services.verification.qr_reading import HARDER, PLAIN, parse_own_address
from app.services.verification.uploads import NoCodeFound, UnreadableCode, read_code
from tests.fixtures.hard_photos import PHOTOS, encode
from tests.fixtures.hard_prints import PRINTS
from tests.fixtures.office import Office
from tests.fixtures.photos import draw_page, find_qr
from tests.vectors.slip_code_forge import forge

WAYS = PHOTOS | PRINTS
BLUE_INK = (0, 0, 170)


@pytest.fixture(scope="module")
def digits(office: Office) -> str:
    """The code of a slip."""
    return office.get_digits(office.issue())


@pytest.fixture(scope="module")
def pdf(office: Office, digits: str) -> bytes:
    """That slip's file."""
    (number,) = (code.slip.number for code in office.list_codes() if code.digits == digits)
    return render_pdf(get_slip(office.installation, number, None))


@pytest.mark.parametrize("way", WAYS)
def test_a_picture_is_read_as_hard_as_it_is(office: Office, digits: str, pdf: bytes, way: str) -> None:
    """Of a way that hides the QR now and then, one of three."""
    data = (WAYS[way](pdf, random.Random(seed)) for seed in range(3))
    assert any(is_read(office, each, digits) for each in data)


def is_read(office: Office, data: bytes, digits: str) -> bool:
    try:
        return read_code(office.installation, data) == digits
    except UnreadableCode:
        return False


def count_read(office: Office, pictures: list[bytes], digits: str) -> int:
    return sum(is_read(office, data, digits) for data in pictures)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("way", "views"), [("of a screen (moire)", HARDER[:2]), ("fax, 204 x 98 dpi", HARDER[2:3])]
)
def test_without_the_harder_views_fewer_are_read(
    office: Office,
    digits: str,
    pdf: bytes,
    monkeypatch: pytest.MonkeyPatch,
    way: str,
    views: qr_reading.Views,
) -> None:
    pictures = [WAYS[way](pdf, random.Random(seed)) for seed in range(8)]
    whole = count_read(office, pictures, digits)
    monkeypatch.setattr(qr_reading, "HARDER", views)
    assert count_read(office, pictures, digits) >= whole - 1
    monkeypatch.setattr(qr_reading, "HARDER", ())
    assert count_read(office, pictures, digits) < whole
    assert whole >= 7


@pytest.mark.usefixtures("here")
def test_blue_ink_over_the_qr_does_not_hide_it(
    office: Office, digits: str, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = draw_page(pdf, 1700)
    left, top, right, bottom = find_qr(page)
    seal = Image.new("RGB", page.size, BLUE_INK)
    is_white = page.convert("L").point([255 * (level > 128) for level in range(256)])
    middle = Image.new("L", page.size, 0)
    edge = (right - left) // 6
    middle.paste(is_white.crop((left + edge, top, right, bottom - edge)), (left + edge, top))
    page.paste(seal, mask=middle)
    data = encode(page, random.Random(1), "PNG")
    assert read_code(office.installation, data) == digits
    monkeypatch.setattr(qr_reading, "HARDER", HARDER[:-1])
    with pytest.raises(NoCodeFound):
        read_code(office.installation, data)


@pytest.mark.usefixtures("here")
def test_a_long_screenshot_keeps_its_width(
    office: Office, digits: str, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = WAYS["long screenshot"](pdf, random.Random(1))
    assert is_read(office, data, digits)

    def fit_by_side(size: tuple[int, int], pixels: int) -> tuple[int, int]:
        scale = min(1.0, (pixels * 4 / 3) ** 0.5 / max(size))
        return round(size[0] * scale), round(size[1] * scale)

    monkeypatch.setattr(raster, "_fit", fit_by_side)
    assert not is_read(office, data, digits)


@pytest.mark.usefixtures("here")
def test_light_ink_on_nothing_is_read_on_black(
    office: Office, digits: str, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = WAYS["PNG, light ink on nothing"](pdf, random.Random(1))
    assert is_read(office, data, digits)
    lay_on = raster._lay_on
    monkeypatch.setattr(raster, "_lay_on", lambda picture, ground: lay_on(picture, "white"))
    assert not is_read(office, data, digits)


@pytest.mark.usefixtures("here")
def test_a_picture_that_takes_too_long_gets_no_further_view(
    office: Office, pdf: bytes, digits: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A picture full of corners of QR codes takes seconds."""
    viewed: list[int] = []
    read = qr_reading._read
    monkeypatch.setattr(qr_reading, "_read", lambda *words: viewed.append(1) or read(*words))
    blank = encode(Image.new("RGB", (300, 300)), random.Random(1), "PNG")
    assert not is_read(office, blank, digits)
    assert len(viewed) == len(PLAIN + HARDER)
    viewed.clear()
    monkeypatch.setattr(qr_reading, "CPU_SECONDS", -1)
    assert not is_read(office, blank, digits)
    assert viewed == []


def test_a_qr_s_host_is_compared_by_ascii_letters_alone() -> None:
    base, digits = "https://kiosk.example.edu.cn", forge()
    for own in (base, "HTTPS://KIOSK.EXAMPLE.EDU.CN", "http://kiosk.example.edu.cn"):
        assert parse_own_address(f"{own}/v/{digits}", base) == digits
    for other in (
        "https://\u212aiosk.example.edu.cn",
        "https://kio\u017fk.example.edu.cn",
        "https://kioskXexample.edu.cn",
    ):
        assert parse_own_address(f"{other}/v/{digits}", base) == ""
