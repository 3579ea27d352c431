"""The slip's picture: small, readable, and made by one thread at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import pypdfium2
import pytest
from PIL import Image

from app.documents import slip_png
from app.documents.fonts import get_fonts
from app.documents.layout import PAGE_WIDTH
from app.documents.qr import build_qr_matrix
from app.documents.sheet import Rule
from app.documents.slip_pdf import fit_slip, render_slip_pdf
from app.documents.slip_png import MAX_BYTES, QUALITIES, render_slip_png
from app.domain.slip import PrintedField, SlipRecord
from tests.fixtures.seals import load_sample_seal
from tests.fixtures.slips import ORDINARY, SLIPS, STEPS, make_code
from tests.unit.documents.tools import read_qr

DARKEST_WHITE = 240
DENSE = ORDINARY.title + "经学院审核并报研究生院批准" * 80


INK = load_sample_seal().ink


def make_dense_slip() -> SlipRecord:
    """A slip printed in small type from top to bottom."""
    facts = (PrintedField("fact", "说明", DENSE),)
    return replace(ORDINARY, steps=(*STEPS[:4], replace(STEPS[4], facts=facts)))


@pytest.mark.parametrize("name", SLIPS)
def test_a_picture_is_at_most_60_kilobytes_and_its_qr_is_read(name: str) -> None:
    code = make_code()
    png = render_slip_png(render_slip_pdf(SLIPS[name], code), INK if SLIPS[name].seal else None)
    image = Image.open(BytesIO(png))
    assert len(png) <= MAX_BYTES == 60_000
    assert image.width == QUALITIES[0][0] == 1240
    assert read_qr(image) == [code.url]


def test_the_densest_slip_keeps_to_60_kilobytes_too() -> None:
    code = make_code()
    png = render_slip_png(render_slip_pdf(make_dense_slip(), code))
    assert len(png) <= MAX_BYTES
    assert read_qr(Image.open(BytesIO(png))) == [code.url]


def draw(slip: SlipRecord) -> Image.Image:
    """The picture of a slip in grey."""
    png = render_slip_png(render_slip_pdf(slip, make_code()), INK if slip.seal else None)
    return Image.open(BytesIO(png)).convert("L")


def list_unseen(slip: SlipRecord) -> list[Rule]:
    """The rules that are white somewhere in the picture, looked for within a pixel of their place."""
    code = make_code()
    layout, _ = fit_slip(slip, code, build_qr_matrix(code.url), get_fonts())
    picture = draw(slip)
    return [rule for rule in layout.rules if get_gap(picture, rule)]


def get_gap(picture: Image.Image, rule: Rule) -> int:
    """How many pixels along the rule are white."""
    scale = picture.width / PAGE_WIDTH
    ends = ((rule.x1, rule.x2), (rule.y1, rule.y2))
    (left, right), (top, bottom) = ((min(pair) * scale, max(pair) * scale) for pair in ends)
    strip = picture.crop((round(left - 1), round(top - 1), round(right + 1), round(bottom + 1)))
    is_level = right - left > bottom - top
    if not is_level:
        strip = strip.transpose(Image.Transpose.TRANSPOSE)
    columns = [strip.crop((x, 0, x + 1, strip.height)).getextrema()[0] for x in range(2, strip.width - 2)]
    return sum(darkest > DARKEST_WHITE for darkest in columns)


@pytest.mark.parametrize("slip", [*SLIPS.values(), make_dense_slip()], ids=[*SLIPS, "dense"])
def test_every_rule_is_seen_in_its_whole_length(slip: SlipRecord) -> None:
    assert list_unseen(slip) == []


@pytest.mark.parametrize("name", ["ordinary", "official_both", "sealed", "sealed_both"])
def test_without_rules_on_whole_pixels_some_are_not_seen(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slip_png, "_fit_rules", lambda *_: None)
    assert list_unseen(SLIPS[name])


def test_a_seal_keeps_its_colour_and_a_slip_without_one_is_grey() -> None:
    sealed, plain = (
        Image.open(BytesIO(render_slip_png(render_slip_pdf(SLIPS[name], make_code()), ink))).convert("RGB")
        for name, ink in (("sealed", INK), ("official", None))
    )
    assert INK in {colour for _, colour in sealed.getcolors()}
    assert all(red == green == blue for _, (red, green, blue) in plain.getcolors())


def test_eight_threads_draw_what_one_draws() -> None:
    pdfs = [render_slip_pdf(slip, make_code()) for slip in SLIPS.values()] * 3
    with ThreadPoolExecutor(8) as threads:
        together = list(threads.map(render_slip_png, pdfs))
    assert together == [render_slip_png(pdf) for pdf in pdfs]


def test_what_is_no_pdf_is_refused() -> None:
    with pytest.raises(pypdfium2.PdfiumError):
        render_slip_png(b"not a PDF")
