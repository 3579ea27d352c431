"""The slip's picture: small, readable, and made by one thread at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from io import BytesIO

import pypdfium2
import pytest
from PIL import Image

from app.documents.raster import MAX_BYTES, QUALITIES, render_slip_png
from app.documents.slip_pdf import render_slip_pdf
from app.domain.slip import PrintedField, SlipRecord
from tests.fixtures.seals import load_sample_seal
from tests.fixtures.slips import ORDINARY, SLIPS, STEPS, make_code
from tests.unit.documents.tools import read_qr

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
