"""The slip's QR symbol, at level Q (ISO/IEC 18004), by the encoder of zxing-cpp, which also reads photos of slips.

The mask is one for all slips, where the standard (7.8.3) has eight tried and rated to keep regular data from looking
like the symbol's own patterns. A slip's data are a signature's digits, regular under no mask: in 300 slips, small,
blurred or worn, each read by zxing-cpp and by zbar, no mask was read better than the others, nor was the best rated.
"""

from __future__ import annotations

from dataclasses import dataclass

import zxingcpp
from PIL import Image

MASK = 4
_BITS = bytes.maketrans(b"\x00\xff", b"10")


@dataclass(frozen=True, slots=True)
class QrMatrix:
    """A symbol without its quiet zone: `size` modules a side; `bits` holds them row by row, "1" is dark."""

    size: int
    bits: str

    def rows(self) -> list[str]:
        """The rows from the top, each a string of "0" and "1"."""
        return [self.bits[start : start + self.size] for start in range(0, len(self.bits), self.size)]


def build_qr_matrix(text: str) -> QrMatrix:
    """The symbol of a text in ASCII, in the smallest version that holds it. Raises ValueError past version 40."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="Q", data_mask=MASK)
    picture = Image.fromarray(symbol.to_image(add_quiet_zones=False))
    return QrMatrix(picture.width, picture.tobytes().translate(_BITS).decode("ascii"))
