"""A slip's file looked over from outside by everything that is installed here."""

from __future__ import annotations

from pathlib import Path

from PIL import ImageChops

from app.documents.slip_pdf import SlipCodeText, render_slip_pdf
from app.domain.slip import SlipRecord
from tests.fixtures.plain_slip import render_plain_slip
from tests.unit.documents.tools import list_printed, rasterize, read_qr, run_tool, squeeze

TOOLS = ("qpdf", "pdffonts", "pdftotext")
FONT = ["LIXIAO+NotoSansCJKsc-Regular", "CID", "Type", "0C", "Identity-H", "yes", "yes", "yes"]
"""As pdffonts prints it: name, type, encoding, embedded, subset, with a Unicode map."""


def find_faults(folder: Path, slip: SlipRecord, code: SlipCodeText) -> list[str]:
    """What is wrong with the slip's file: its syntax, its font, its words, its QR at 150 dpi."""
    path = folder / f"{slip.number}.pdf"
    path.write_bytes(render_slip_pdf(slip, code))
    faults = []
    if "No syntax or stream encoding errors" not in run_tool("qpdf", "--check", path):
        faults.append("syntax")
    _, _, *fonts = run_tool("pdffonts", path).splitlines()
    if [font.split()[:8] for font in fonts] != [FONT]:
        faults.append("font")
    text = squeeze(run_tool("pdftotext", "-raw", path, "-"))
    faults += [f"text {words}" for words in list_printed(slip) if words not in text]
    if read_qr(rasterize(path.read_bytes(), 150)) != [code.url]:
        faults.append("QR")
    path.unlink()
    return faults


def is_drawn_as_by_plain_fpdf2(slip: SlipRecord, code: SlipCodeText, dpi: int = 150) -> bool:
    """Whether no pixel differs from what fpdf2 draws with its own font and writer."""
    ours, plain = (rasterize(render(slip, code), dpi) for render in (render_slip_pdf, render_plain_slip))
    return ImageChops.difference(ours, plain).getbbox() is None
