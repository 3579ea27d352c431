"""The slip's symbol, compared with one that another program makes: zxing-cpp."""

from __future__ import annotations

import random
import re

import pytest
import zxingcpp
from PIL import Image

from app.documents.qr import MASK, QrMatrix, build_qr_matrix
from tests.fixtures.slips import make_code
from tests.unit.documents.tools import read_qr

ALPHABETS = {
    "digits": "0123456789",
    "capitals": "0123456789ABCXYZ $%*+-./:",
}
MIXED = "0123456789abcXYZ/:?=&%"
LENGTHS = [1, 2, 3, 7, 19, 20, 21, 40, 95, 160, 300, 420]


def make_other_symbol(text: str, mask: int = MASK) -> QrMatrix:
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q", data_mask=mask)
    picture = Image.fromarray(symbol.to_image(add_quiet_zones=False))
    bits = "".join("0" if sample else "1" for sample in picture.tobytes())
    return QrMatrix(picture.width, bits)


def draw(matrix: QrMatrix) -> Image.Image:
    """The symbol at 4 pixels a module with its quiet zone."""
    image = Image.new("L", (matrix.size + 8, matrix.size + 8), 255)
    for y, row in enumerate(matrix.rows(), start=4):
        for x, bit in enumerate(row, start=4):
            image.putpixel((x, y), 0 if bit == "1" else 255)
    return image.resize((image.width * 4, image.height * 4), Image.Resampling.NEAREST)


@pytest.mark.parametrize("seed", range(25))
def test_a_slips_symbol_has_the_other_programs_modules(seed: int) -> None:
    url = make_code(seed).url
    assert build_qr_matrix(url) == make_other_symbol(url)


@pytest.mark.parametrize("seed", range(5))
def test_the_path_that_a_page_draws_fills_exactly_the_dark_modules(seed: int) -> None:
    matrix = build_qr_matrix(make_code(seed).url)
    runs = re.findall(r"M(\d+) (\d+)h(\d+)v1h-(\d+)z", matrix.to_path())
    filled = [(int(x) + step, int(y)) for x, y, length, _ in runs for step in range(int(length))]
    assert "".join(f"M{x} {y}h{there}v1h-{back}z" for x, y, there, back in runs) == matrix.to_path()
    assert all(there == back for _, _, there, back in runs)
    dark = [(x, y) for y, row in enumerate(matrix.rows()) for x, bit in enumerate(row) if bit == "1"]
    assert filled == dark


@pytest.mark.parametrize("alphabet", ALPHABETS)
@pytest.mark.parametrize("length", LENGTHS)
def test_a_symbol_of_one_kind_of_characters_has_the_other_programs_modules(
    alphabet: str, length: int
) -> None:
    text = "".join(random.Random(length).choices(ALPHABETS[alphabet], k=length))
    assert build_qr_matrix(text) == make_other_symbol(text)


@pytest.mark.parametrize("length", LENGTHS)
def test_a_symbol_of_mixed_text_says_it_and_is_no_larger_than_the_other_programs(length: int) -> None:
    text = "".join(random.Random(length).choices(MIXED, k=length))
    matrix = build_qr_matrix(text)
    assert read_qr(draw(matrix)) == [text]
    assert matrix.size <= make_other_symbol(text).size


def test_a_symbol_that_changes_its_version_with_its_length_fields_has_the_other_programs_modules() -> None:
    for length in range(265, 272):  # versions 9 and 10, whose length fields differ
        text = "7" * length + "abc"
        assert build_qr_matrix(text) == make_other_symbol(text)


def test_the_comparison_sees_another_mask() -> None:
    text = make_code().url
    others = [make_other_symbol(text, mask) for mask in range(8)]
    assert sum(build_qr_matrix(text) == other for other in others) == 1


def test_a_symbol_says_its_text() -> None:
    url = make_code().url
    assert read_qr(draw(build_qr_matrix(url))) == [url]


def test_three_hundred_digits_take_version_ten_under_a_host_of_thirteen_letters_and_eleven_under_a_longer_one() -> (
    None
):
    assert build_qr_matrix(f"https://abcd.cumt.net/v/{'7' * 300}").size == 57
    assert build_qr_matrix(f"https://abcde.cumt.net/v/{'7' * 300}").size == 61


def test_a_text_past_version_forty_is_refused() -> None:
    with pytest.raises(ValueError, match="too long"):
        build_qr_matrix("x" * 1664)
    assert build_qr_matrix("x" * 1663).size == 177
