"""The program that reads one file: a file on standard input, its reading on standard output.

Its arguments are the service's address, and the bounds that it sets itself before it loads a decoder: bytes of memory and
seconds of CPU.
"""

from __future__ import annotations

import os
import resource
import sys
from collections.abc import Callable

from app.services.verification.reading import Outcome, tell_look

READY = b"ready\n"
NICENESS = 10
"""A tenth of the processor that a request gets, where both want it: requests win, and files are still read beside them."""


def main(base_url: str, memory_bytes: str, cpu_seconds: str) -> None:
    """Say that it is ready, wait for the file, and read it."""
    _bound_this_process(int(memory_bytes), int(cpu_seconds))
    import app.documents.raster  # the decoders, within the bounds
    import app.services.verification.qr_reading  # noqa: F401

    _tell(READY.decode())
    data = sys.stdin.buffer.read()
    if data:  # else it is not needed any more
        tell_reading(data, base_url, _tell)


def tell_reading(data: bytes, base_url: str, tell: Callable[[str], object]) -> None:
    """Read a picture or a PDF file, and tell it as it goes on."""
    from app.documents import raster
    from app.services.verification.qr_reading import read_pages, read_picture

    try:
        if raster.is_pdf(data):
            looks = read_pages(raster.draw_pages(data), base_url)
        else:
            looks = read_picture(raster.draw_picture(data), base_url)
        for found in looks:
            tell(tell_look(found))
        outcome = Outcome.WHOLE
    except raster.TooLarge:
        outcome = Outcome.TOO_LARGE
    except raster.Locked:
        outcome = Outcome.LOCKED
    except raster.NotDrawn:
        outcome = Outcome.NOT_DRAWN
    tell(f"{outcome}\n")


def _tell(lines: str) -> None:
    sys.stdout.write(lines)
    sys.stdout.flush()


def _bound_this_process(memory_bytes: int, cpu_seconds: int) -> None:
    os.nice(NICENESS)
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
