"""How often the slip's QR is read from a picture of the whole page, taken as badly as people take it.

By resolution, every picture is another slip, blurred by a Gaussian of up to 0.35 module, turned by up to 15 degrees,
shaded unevenly down to 45 % and saved as JPEG of quality 60, all at once. By way, it is a photo, a screenshot or a
print of one kind, read by the service itself with its bounds, by zxing-cpp as it is, and by zbar's program zbarimg
where that is installed; CPU is of a picture, opened from its file. The chances are seeded.
"""

from __future__ import annotations

import os
import random
import statistics
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pypdfium2
from PIL import Image, ImageChops, ImageFilter

from app.documents.layout import QR_SIZE
from app.documents.qr import build_qr_matrix
from app.documents.slip_pdf import render_slip_pdf
from app.factory import create_app
from app.services.installation import Installation
from app.services.verification.uploads import UnreadableCode, read_code
from app.settings import load_settings
from tests.bench._readers import Reader, get_cpu, list_readers
from tests.campus.run import make_environment
from tests.fixtures.generated_slips import make_coded_slip, make_generated_slip
from tests.fixtures.hard_photos import PHOTOS
from tests.fixtures.hard_prints import PRINTS
from tests.fixtures.office import NOBODY, PORT

Row = tuple[str, str, str]

BLUR, TURN, DARKEST, QUALITY = 0.35, 15.0, 0.45, 60
MODULES = build_qr_matrix(make_generated_slip(0)[1].url).size
DPI_AT_2_5 = 2.5 * MODULES / QR_SIZE * 25.4
"""Resolution at which a module is 2.5 pixels wide."""

PICTURES = (
    (72.0, 40, "-"),
    (75.0, 120, ">= 99 %"),
    (100.0, 40, "-"),
    (DPI_AT_2_5, 120, ">= 99 %"),
    (150.0, 30, "-"),
    (300.0, 6, "-"),
)
"""Resolution, pictures, and how many zxing-cpp is asked to read; 75 dpi are a page printed at half its size and scanned at
150."""

CLEAN = 20
"""Pages that are read unspoilt too."""


WAYS = PHOTOS | PRINTS
A_WAY = 20
"""Pictures of each way."""


def run() -> list[Row]:
    """The rates by resolution and reader, and by way."""
    readers = list_readers()
    rows = [row for picture in PICTURES for row in rate_resolution(*picture, readers)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        rows += pool.map(rate_way, WAYS)
    return rows if "zbar" in readers else [*rows, ("zbar", "zbarimg is not installed", "-")]


def rate_resolution(dpi: float, count: int, asked: str, readers: dict[str, Reader]) -> list[Row]:
    """A row for each reader."""
    few = min(count, CLEAN)
    clean, spoilt = count_reads(dpi, few, readers, False), count_reads(dpi, count, readers, True)
    what = f"{dpi:.0f} dpi, {get_module(dpi):.1f} pixels a module"
    return [
        (
            f"{name}, {what}",
            f"{spoilt[name] / count:.1%} of {count} (clean page: {clean[name]} of {few})",
            asked if name == "zxing-cpp" else "-",
        )
        for name in readers
    ]


def rate_way(name: str) -> Row:
    """How many of a way's pictures the service and its peers read, and their CPU: median and most."""
    seconds: dict[str, list[float]] = {}
    reads: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(make_environment(Path(folder), PORT, NOBODY))
        installation: Installation = create_app(settings).extensions["installation"]
        base_url, path = settings.service.base_url, Path(folder) / "picture"

        def read_by_service(path: Path) -> str:
            try:
                return f"{base_url}/v/{read_code(installation, path.read_bytes())}"
            except UnreadableCode:
                return ""

        readers = {"service": read_by_service} | list_readers()
        for seed in range(A_WAY):
            slip, code = make_coded_slip(seed, base_url)
            path.write_bytes(WAYS[name](render_slip_pdf(slip, code), random.Random(seed)))
            for reader, read in readers.items():
                begun = get_cpu()
                reads[reader] = reads.get(reader, 0) + (read(path) == code.url)
                seconds.setdefault(reader, []).append(get_cpu() - begun)
    figures = [
        f"{reader} {reads[reader]} ({statistics.median(taken) * 1000:.0f} ms, {max(taken) * 1000:.0f})"
        for reader, taken in seconds.items()
    ]
    return f"{name}: read of {A_WAY}", ", ".join(figures), "-"


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
