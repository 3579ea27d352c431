"""Codes from photos and files: read as people hand them over, our own alone, within bounds."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO

import pypdfium2
import pytest
from PIL import Image

from app.documents.slip_pdf import SlipCodeText, render_slip_pdf
from app.domain.slip_code import Verdict
from app.services.slips.issuing import reissue_slip, revoke_slip
from app.services.slips.slips import get_slip, render_pdf, render_png
from app.services.verification import qr_reading, uploads
from app.services.verification.uploads import (
    FileState,
    FileTooLarge,
    ForeignCode,
    NoCodeFound,
    NotAPicture,
    PictureTooLarge,
    SeveralCodes,
    read_code,
    verify_file,
    verify_pdf,
)
from app.services.verification.verification import verify_code
from tests.fixtures.office import Office
from tests.fixtures.photos import change_name, draw_page, draw_qr, photograph, save
from tests.fixtures.worst_files import make_page
from tests.vectors.slip_code_forge import get_test_key, write

NAME = "李文静"


@pytest.fixture(scope="module")
def number(office: Office) -> str:
    """A slip's number."""
    return office.issue(NAME)


@pytest.fixture(scope="module")
def pdf(office: Office, number: str) -> bytes:
    """That slip's file."""
    return render_pdf(get_slip(office.installation, number, None))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"width": 1000, "quality": 40},
        {"width": 3000},
        {"turn": 90},
        {"turn": 180},
        {"turn": 12, "quality": 50},
        {"turn": 217, "width": 2200},
        {"seal": "beside"},
        {"seal": "over"},
        {"form": "PNG"},
        {"form": "WEBP", "quality": 50},
    ],
    ids=str,
)
def test_a_photo_is_read_as_people_take_it(
    office: Office, number: str, pdf: bytes, options: dict[str, object]
) -> None:
    digits = read_code(office.installation, photograph(pdf, **options))  # type: ignore[arg-type]

    assert verify_code(office.installation, digits).verdict is Verdict.VALID
    assert digits == office.get_digits(number)


def test_the_slip_s_own_picture_is_read(office: Office, number: str) -> None:
    png = render_png(get_slip(office.installation, number, None))

    assert read_code(office.installation, png) == office.get_digits(number)


@pytest.mark.usefixtures("here")
def test_without_the_red_channel_a_seal_over_the_qr_hides_it(
    office: Office, pdf: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(qr_reading, "PLAIN", qr_reading.PLAIN[:1])
    monkeypatch.setattr(qr_reading, "HARDER", ())

    with pytest.raises(NoCodeFound):
        read_code(office.installation, photograph(pdf, seal="over"))


def test_a_picture_without_a_code_says_so(office: Office) -> None:
    with pytest.raises(NoCodeFound):
        read_code(office.installation, save(Image.new("RGB", (900, 600), "white")))


@pytest.mark.parametrize(
    "make_text",
    [
        lambda base, digits: "https://evil.example/v/" + digits,
        lambda base, digits: base + ".evil.example/v/" + digits,
        lambda base, digits: base.replace("//", "//evil@") + "/v/" + digits,
        lambda base, digits: base + "/v//" + digits,
        lambda base, digits: f"https://evil.example/?next={base}/v/{digits}",
        lambda base, digits: f"go to {base}/v/{digits}",
        lambda base, digits: base.replace("http", "ftp") + "/v/" + digits,
        lambda base, digits: base + "/v/" + digits[:-4],
        lambda base, digits: digits,
        lambda base, digits: "WIFI:S:campus;P:secret;;",
    ],
)
def test_only_our_own_address_with_a_whole_code_is_taken(
    office: Office, number: str, make_text: Callable[[str, str], str]
) -> None:
    base = office.installation.settings.service.base_url
    text = make_text(base, office.get_digits(number))

    with pytest.raises(ForeignCode):
        read_code(office.installation, save(draw_qr(text), "PNG"))


@pytest.mark.usefixtures("here")
def test_without_the_whole_address_another_host_s_qr_would_be_taken(
    office: Office, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = office.get_digits(number)
    data = save(draw_qr(f"https://evil.example/v/{digits}"), "PNG")
    monkeypatch.setattr(qr_reading, "parse_own_address", lambda text, base_url: text.rpartition("/")[2])

    assert read_code(office.installation, data) == digits


@pytest.mark.parametrize(
    "change",
    [
        str.upper,
        lambda text: text.replace("http", "https"),
        lambda text: text + "?from=singlemessage",
        lambda text: text + "。",
    ],
)
def test_our_own_address_is_taken_as_others_write_it(
    office: Office, number: str, change: Callable[[str], str]
) -> None:
    digits = office.get_digits(number)
    text = change(f"{office.installation.settings.service.base_url}/v/{digits}")

    assert read_code(office.installation, save(draw_qr(text), "PNG")) == digits


def test_two_slips_in_one_picture_are_not_one(office: Office, number: str) -> None:
    base = office.installation.settings.service.base_url
    first, second = (
        draw_qr(f"{base}/v/{office.get_digits(each)}", 5) for each in (number, office.issue("周明哲"))
    )
    both = Image.new("L", (first.width * 2 + 60, first.height), 255)
    both.paste(first, (0, 0))
    both.paste(second, (first.width + 60, 0))

    with pytest.raises(SeveralCodes):
        read_code(office.installation, save(both, "PNG"))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture",
        b"\xff\xd8\xff\xe0 half a JPEG",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a" + bytes(99),
        b"%PDF-1.7",
    ],
)
def test_what_is_no_picture_is_said_to_be_none(office: Office, data: bytes) -> None:
    with pytest.raises(NotAPicture):
        read_code(office.installation, data)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_a_picture_cut_short_is_no_picture_or_has_no_code(office: Office, pdf: bytes, form: str) -> None:
    data = photograph(pdf, form=form)

    with pytest.raises((NotAPicture, NoCodeFound)):
        read_code(office.installation, data[: len(data) // 3])


def make_bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is huge."""
    data = bytearray(save(Image.new("1", (8, 8)), "PNG"))
    data[16:24] = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    return bytes(data)


@pytest.mark.parametrize("size", [(5200, 5200), (12000, 12000), (60000, 60000), (2**31 - 1, 2**31 - 1)])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(office: Office, size: tuple[int, int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with pytest.raises(PictureTooLarge):
            read_code(office.installation, make_bomb(*size))


def test_too_many_bytes_are_refused_unopened(office: Office) -> None:
    data = bytes(uploads.MAX_BYTES + 1)

    with pytest.raises(FileTooLarge):
        verify_file(office.installation, data)


def test_a_jpeg_of_a_thousand_scans_is_refused(office: Office, pdf: bytes) -> None:
    data = save(draw_page(pdf, 500))
    last = data.rindex(b"\xff\xda")
    with pytest.raises(PictureTooLarge):
        read_code(office.installation, data[:-2] + data[last:-2] * 200 + b"\xff\xd9")


def test_the_file_as_it_was_made_is_genuine(office: Office, number: str, pdf: bytes) -> None:
    found = verify_pdf(office.installation, pdf)

    assert (found.verification.verdict, found.state) == (Verdict.VALID, FileState.GENUINE)
    assert found.verification.digits == office.get_digits(number)


def test_a_file_with_another_name_in_it_is_not_the_original(office: Office, pdf: bytes) -> None:
    edited = change_name(pdf, NAME, NAME[0] + NAME[:0:-1])
    assert (NAME in read_text(edited), NAME[0] + NAME[:0:-1] in read_text(edited)) == (False, True)

    found = verify_pdf(office.installation, edited)

    assert (found.verification.verdict, found.state) == (Verdict.VALID, FileState.DIFFERENT)
    assert found.verification.slip is not None
    assert found.verification.slip.masked_name == "李**"


def read_text(pdf: bytes) -> str:
    """The words of the first page."""
    document = pypdfium2.PdfDocument(pdf)
    text: str = document[0].get_textpage().get_text_range()
    document.close()
    return text


def test_a_byte_after_the_end_makes_another_file(office: Office, pdf: bytes) -> None:
    assert verify_pdf(office.installation, pdf + b"\n").state is FileState.DIFFERENT


def test_a_file_from_before_a_reissue_is_genuine_and_superseded(office: Office) -> None:
    number = office.issue("王芳")
    before = render_pdf(get_slip(office.installation, number, None))
    reissue_slip(office.installation, number, reason="补打", by="00420014")

    found = verify_pdf(office.installation, before)
    assert (found.verification.verdict, found.state) == (Verdict.SUPERSEDED, FileState.GENUINE)
    after = verify_pdf(office.installation, render_pdf(get_slip(office.installation, number, None)))
    assert (after.verification.verdict, after.state) == (Verdict.VALID, FileState.GENUINE)


def test_a_revoked_slip_s_file_is_revoked(office: Office) -> None:
    number = office.issue("Li Na")
    data = render_pdf(get_slip(office.installation, number, None))
    revoke_slip(number, reason="退学", by="00420014")

    assert verify_pdf(office.installation, data).verification.verdict is Verdict.REVOKED


def test_a_slip_made_with_a_foreign_key_is_no_slip(office: Office, number: str) -> None:
    held = get_slip(office.installation, number, None)
    digits = int(office.get_digits(number))
    body = digits.to_bytes((digits.bit_length() + 7) // 8, "big")[:-64]
    host = held.code.host
    signature = get_test_key("9").sign(b"lixiao-slip/1\0" + host.encode() + b"\0" + body)
    address = f"http://{host}/v/{write(body, signature)}"
    forged = render_slip_pdf(held.record, replace(held.code, url=address))

    found = verify_pdf(office.installation, forged)
    assert (found.verification.verdict, found.state) == (Verdict.BAD_SIGNATURE, FileState.UNKNOWN)
    photo = read_code(office.installation, photograph(forged))
    assert verify_code(office.installation, photo).verdict is Verdict.BAD_SIGNATURE


def test_a_pdf_with_a_foreign_code_or_none_or_broken_is_refused(
    office: Office, number: str, pdf: bytes
) -> None:
    held = get_slip(office.installation, number, None)
    foreign = SlipCodeText("https://evil.example/v/1", held.code.short_code, held.code.host)

    with pytest.raises(ForeignCode):
        verify_pdf(office.installation, render_slip_pdf(held.record, foreign))
    for broken in (b"%PDF-1.7", pdf[:300], b"", save(draw_page(pdf, 400))):
        with pytest.raises(NotAPicture):
            verify_pdf(office.installation, broken)


def test_a_small_file_that_takes_for_ever_to_draw_is_given_up(office: Office, pdf: bytes) -> None:
    harmless, endless = make_page(forms=2, uses=3), make_page(forms=9, uses=20)
    assert len(endless) < 5_000

    with pytest.raises(NoCodeFound):
        verify_pdf(office.installation, harmless)
    with pytest.raises(NotAPicture):
        verify_pdf(office.installation, endless)
    assert verify_pdf(office.installation, pdf).state is FileState.GENUINE


def test_a_page_far_higher_than_wide_is_not_drawn(office: Office) -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(3, 14_400)
    out = BytesIO()
    document.save(out)
    with pytest.raises(PictureTooLarge):
        verify_pdf(office.installation, out.getvalue())
