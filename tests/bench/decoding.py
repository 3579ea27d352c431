"""How often the slip's QR is read from a picture of the whole page, taken as badly as people take it.

Every picture is another slip, blurred by a Gaussian of up to 0.35 module, turned by up to 15 degrees, shaded unevenly
down to 45 % and saved as JPEG of quality 60, all at once; the chances are seeded. Readers are zxing-cpp, which the service
uses, and zbar by its program zbarimg where that is installed.
"""

from __future__ import annotations

import random
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import pypdfium2
import zxingcpp
from PIL import Image, ImageChops, ImageFilter

from app.documents.layout import QR_SIZE
from app.documents.qr import build_qr_matrix
from app.documents.slip_pdf import render_slip_pdf
from tests.fixtures.generated_slips import make_generated_slip

Row = tuple[str, str, str]
Reader = Callable[[Path], str]

BLUR, TURN, DARKEST, QUALITY = 0.35, 15.0, 0.45, 60
MODULES = build_qr_matrix(make_generated_slip(0)[1].url).size
DPI_AT_2_5 = 2.5 * MODULES / QR_SIZE * 25.4
"""Resolution at which a module is 2.5 pixels wide."""

PICTURES = (
    (72.0, 40, "-"),
    (100.0, 40, "-"),
    (DPI_AT_2_5, 120, ">= 99 %"),
    (150.0, 30, "-"),
    (300.0, 6, "-"),
)
"""Resolution, pictures, and how many zxing-cpp is asked to read."""

CLEAN = 20
"""Pages that are read unspoilt too."""


def run() -> list[Row]:
    """The rates by resolution and reader."""
    has_zbar = shutil.which("zbarimg") is not None
    readers: dict[str, Reader] = {"zxing-cpp": read_by_zxing} | ({"zbar": read_by_zbar} if has_zbar else {})
    rows = []
    for dpi, count, asked in PICTURES:
        few = min(count, CLEAN)
        clean, spoilt = count_reads(dpi, few, readers, False), count_reads(dpi, count, readers, True)
        for name in readers:
            what = f"{name}, {dpi:.0f} dpi, {get_module(dpi):.1f} pixels a module"
            figure = f"{spoilt[name] / count:.1%} of {count} (clean page: {clean[name]} of {few})"
            rows.append((what, figure, asked if name == "zxing-cpp" else "-"))
    return rows if has_zbar else [*rows, ("zbar", "zbarimg is not installed", "-")]


def get_module(dpi: float) -> float:
    """The side of a module in pixels."""
    return QR_SIZE / MODULES / 25.4 * dpi


def count_reads(dpi: float, count: int, readers: dict[str, Reader], is_spoilt: bool) -> dict[str, int]:
    """How many of so many pages each reader reads rightly."""
    found = dict.fromkeys(readers, 0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "page.jpg"
        for seed in range(count):
            slip, code = make_generated_slip(seed)
            page = draw_page(render_slip_pdf(slip, code), dpi)
            picture = spoil(page, get_module(dpi), random.Random(seed)) if is_spoilt else page
            picture.save(path, "JPEG", quality=QUALITY if is_spoilt else 95)
            for name, read in readers.items():
                found[name] += read(path) == code.url
    return found


def draw_page(pdf: bytes, dpi: float) -> Image.Image:
    """The page in grey."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        page: Image.Image = document[0].render(scale=dpi / 72, grayscale=True).to_pil()
        return page.copy()
    finally:
        document.close()


def spoil(page: Image.Image, module: float, chance: random.Random) -> Image.Image:
    """The page as a hurried person photographs it: blurred, turned, in uneven light."""
    blurred = page.filter(ImageFilter.GaussianBlur(chance.uniform(0, BLUR) * module))
    turned = blurred.rotate(chance.uniform(-TURN, TURN), Image.Resampling.BICUBIC, expand=True, fillcolor=255)
    darkest = chance.uniform(DARKEST, 1) * 255
    ramp = Image.linear_gradient("L").rotate(chance.choice((0, 90, 180, 270)))
    shade = ramp.point(lambda light: darkest + light * (255 - darkest) / 255).resize(turned.size)
    return ImageChops.multiply(turned, shade)


def read_by_zxing(path: Path) -> str:
    """What the one QR says, or nothing."""
    with Image.open(path) as picture:
        found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return found[0].text if len(found) == 1 else ""


def read_by_zbar(path: Path) -> str:
    """What the one QR says, or nothing."""
    command = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
