"""The first page of a PDF file that somebody handed in, drawn by PDFium in a process of its own.

A PDF of a kilobyte can keep PDFium busy for hours and take all memory, and PDFium cannot be told to stop. The
process has a bound of time and one of memory; when it ends, however it ends, the service goes on. Run as a
program, this file draws: the PDF on standard input, a PGM picture on standard output.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import threading
from io import BytesIO

import pypdfium2
from PIL import Image

CPU_SECONDS, SECONDS = 3, 10
"""A slip takes a quarter of a second, most of it the start of the process."""
MEMORY_BYTES = 1024**3
AT_ONCE = 2
PAGE_WIDTH, MAX_PAGE_HEIGHT = 1240, 3600
"""Pixels: 150 dpi on A4."""
TOO_HIGH = 3
"""Exit code of the program for a page far higher than wide."""

_places = threading.BoundedSemaphore(AT_ONCE)


class PageNotDrawn(Exception):
    """The bytes are no PDF, or none that can be drawn within the bounds."""


class PageTooHigh(Exception):
    """The page is far higher than wide."""


def draw_first_page(data: bytes) -> Image.Image:
    """The first page in grey. Raises PageNotDrawn or PageTooHigh."""
    program = [sys.executable, "-I", __file__]
    try:
        with _places:
            done = subprocess.run(  # noqa: S603
                program, input=data, capture_output=True, timeout=SECONDS, check=False
            )
    except subprocess.TimeoutExpired as error:
        raise PageNotDrawn from error
    if done.returncode == TOO_HIGH:
        raise PageTooHigh
    if done.returncode != 0:
        raise PageNotDrawn
    return Image.open(BytesIO(done.stdout), formats=["PPM"])


def _bound_this_process() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _draw(data: bytes) -> int:
    page = pypdfium2.PdfDocument(data)[0]
    scale = PAGE_WIDTH / page.get_width()
    if page.get_height() * scale > MAX_PAGE_HEIGHT:
        return TOO_HIGH
    page.render(scale=scale, grayscale=True).to_pil().save(sys.stdout.buffer, "PPM")
    return 0


if __name__ == "__main__":
    _bound_this_process()
    sys.exit(_draw(sys.stdin.buffer.read()))
