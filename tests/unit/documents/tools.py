"""Looking at a PDF from outside: PDFium in the process, and the system's tools where they are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pypdfium2
import pytest
import zxingcpp
from PIL import Image

from app.domain.slip import SlipRecord


def needs(tool: str) -> pytest.MarkDecorator:
    """Skip where a system tool is missing, unless CI=true, where all are required."""
    left_out = shutil.which(tool) is None and os.environ.get("CI") != "true"
    return pytest.mark.skipif(left_out, reason=f"{tool} is not installed")


def run_tool(*command: str | Path) -> str:
    """What a system tool printed; fails with the test when the tool is not content."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rasterize(pdf: bytes, dpi: int) -> Image.Image:
    """The first page by PDFium."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return document[0].render(scale=dpi / 72).to_pil().copy()
    finally:
        document.close()


def extract_text(pdf: bytes) -> str:
    """The words of the first page as PDFium reads them, without any space or line end."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        return squeeze(document[0].get_textpage().get_text_range())
    finally:
        document.close()


def squeeze(text: str) -> str:
    """`text` without white space, as lines break at other places in a PDF."""
    return "".join(text.split())


def read_qr(image: Image.Image) -> list[str]:
    """What the QR symbols in a picture say."""
    return [found.text for found in zxingcpp.read_barcodes(image, formats=zxingcpp.BarcodeFormat.QRCode)]


def list_printed(slip: SlipRecord) -> list[str]:
    """Every text of a slip that must stand on the paper, without white space."""
    texts = [slip.title, slip.number, slip.statement, slip.submitted_at, slip.issued_on]
    for field in slip.fields:
        texts += [field.label, field.value]
    for step in slip.steps:
        texts += [step.department, step.title, step.status_word, step.learnt_at]
        texts += [text for fact in step.facts for text in (fact.label, fact.value)]
    return [squeeze(text) for text in texts]
