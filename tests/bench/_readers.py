"""Readers of QR codes that the service's own is compared with: plain zxing-cpp, and zbar by its program zbarimg."""

from __future__ import annotations

import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import zxingcpp
from PIL import Image

Reader = Callable[[Path], str]
"""A picture's file to what the one QR says, or nothing."""


def list_readers() -> dict[str, Reader]:
    """The peers that are installed."""
    has_zbar = shutil.which("zbarimg") is not None
    return {"zxing-cpp": read_by_zxing} | ({"zbar": read_by_zbar} if has_zbar else {})


def read_by_zxing(path: Path) -> str:
    """What the one QR says, or nothing."""
    with Image.open(path) as picture:
        found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    return found[0].text if len(found) == 1 else ""


def read_by_zbar(path: Path) -> str:
    """What the one QR says, or nothing."""
    command = ["zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def get_cpu() -> float:
    """Seconds of CPU of this process and of its programs that ended."""
    own, programs = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + programs.ru_utime + programs.ru_stime
