"""The slip's QR symbol: the modules that the qrcode package makes at level Q, forty times sooner.

The package spends its time in writing single bits, in the Reed-Solomon division, and in rating the eight masks
module by module. Here a symbol is one integer of size x size bits, so that all modules are rated at once.
What does not depend on the text (function patterns, masks, block sizes) comes from the package itself.

Source of the format: ISO/IEC 18004:2015, clauses 7.7.3 (placement) and
7.8 (masks and their rating); `qr_codewords` does the encoding.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import product
from operator import itemgetter

from qrcode import QRCode, base, util
from qrcode.constants import ERROR_CORRECT_Q

from app.documents.qr_codewords import encode_codewords

Grid = list[list[bool | None]]


@dataclass(frozen=True, slots=True)
class QrMatrix:
    """A symbol without its quiet zone: `size` modules a side; `bits` holds them row by row, "1" is dark."""

    size: int
    bits: str

    def rows(self) -> list[str]:
        """The rows from the top, each a string of "0" and "1"."""
        return [self.bits[start : start + self.size] for start in range(0, len(self.bits), self.size)]


def build_qr_matrix(text: str) -> QrMatrix:
    """The symbol of `text` at level Q in the smallest version. Raises DataOverflowError past version 40."""
    version, stream = encode_codewords(text)
    layout = _get_layout(version)
    placed = int("".join(layout.pick("01" + stream)), 2)
    mask = min(range(8), key=lambda number: layout.rate(placed ^ layout.masks[number]))
    symbol = placed ^ layout.masks[mask] ^ layout.formats[mask]
    return QrMatrix(layout.size, f"{symbol:0{layout.size**2}b}")


class _Layout:
    """What all symbols of one version share: where the bits go, the masks, the formats, and the rating."""

    def __init__(self, version: int) -> None:
        self.size = version * 4 + 17
        blank = _draw_functions(version, True, 0)
        places = {place: index for index, place in enumerate(_walk(blank), start=2)}
        capacity = 2 + 8 * sum(block.total_count for block in base.rs_blocks(version, ERROR_CORRECT_Q))
        self.pick = itemgetter(*self._list_sources(blank, places, capacity))
        self.masks = tuple(self._draw_mask(places, number) for number in range(8))
        self.formats = tuple(self._draw_format(version, number) for number in range(8))
        self._steps = (
            (1, self._fill(self.size, self.size - 1), self._fill(self.size, self.size - 10)),
            (self.size, self._fill(self.size - 1, self.size), self._fill(self.size - 10, self.size)),
        )

    def rate(self, symbol: int) -> int:
        """The penalty of a masked symbol whose format bits are still light, as the qrcode package counts it.

        A shift to the left by `step` brings the next module of a row (step 1) or of a column (step size) to
        each place, so that one operation compares all modules.
        """
        penalty = 10 * int(abs(symbol.bit_count() / self.size**2 * 100 - 50) / 5)
        alike = []
        for step, has_next, has_tenth in self._steps:
            same = ~(symbol ^ (symbol << step)) & has_next
            alike.append(same)
            five = same & (same << step) & (same << 2 * step) & (same << 3 * step)
            penalty += five.bit_count() + 2 * (five & ~(five >> step)).bit_count()
            s0, s1, s2, s3, s4, s5, s6, s7, s8, s9, s10 = (symbol << number * step for number in range(11))
            finder = s4 & s6 & ~(s1 | s5 | s9) & has_tenth
            found = finder & s0 & s2 & s3 & ~(s7 | s8 | s10), finder & s7 & s8 & s10 & ~(s0 | s2 | s3)
            penalty += 40 * (found[0].bit_count() + found[1].bit_count())
        across, down = alike
        return penalty + 3 * (across & (across << self.size) & down).bit_count()

    def _fill(self, rows: int, columns: int) -> int:
        """Ones in the first `columns` modules of the first `rows` rows."""
        row = "1" * columns + "0" * (self.size - columns)
        return int(row * rows + "0" * self.size * (self.size - rows), 2)

    def _list_sources(self, blank: Grid, places: dict[tuple[int, int], int], capacity: int) -> Iterator[int]:
        """For each module its index in "01" + stream; the remainder bits past the stream are light."""
        for row, column in product(range(self.size), repeat=2):
            fixed = blank[row][column]
            source = places[row, column] if fixed is None else int(fixed)
            yield source if source < capacity else 0

    def _draw_mask(self, places: Iterable[tuple[int, int]], number: int) -> int:
        inverts = util.mask_func(number)
        return sum(1 << self._shift(*place) for place in places if inverts(*place))

    def _draw_format(self, version: int, number: int) -> int:
        """The format and version bits of a mask, and the module that is always dark."""
        light, true = _draw_functions(version, True, number), _draw_functions(version, False, number)
        cells = product(range(self.size), repeat=2)
        return sum(
            1 << self._shift(row, column) for row, column in cells if light[row][column] != true[row][column]
        )

    def _shift(self, row: int, column: int) -> int:
        return self.size**2 - 1 - row * self.size - column


def _draw_functions(version: int, test: bool, mask: int) -> Grid:
    """The package's function patterns; None where data goes, and format bits light when `test`."""
    symbol = QRCode(version=version, error_correction=ERROR_CORRECT_Q)
    symbol.modules_count = size = version * 4 + 17
    symbol.modules = [[None] * size for _ in range(size)]
    for row, column in ((0, 0), (size - 7, 0), (0, size - 7)):
        symbol.setup_position_probe_pattern(row, column)
    symbol.setup_position_adjust_pattern()
    symbol.setup_timing_pattern()
    symbol.setup_type_info(test, mask)
    if version >= 7:
        symbol.setup_type_number(test)
    return symbol.modules


def _walk(blank: Grid) -> Iterator[tuple[int, int]]:
    """The modules for data in the order of placement: pairs of columns from the right, up and down in turn."""
    size = len(blank)
    upwards = True
    for right in range(size - 1, 0, -2):
        left = right - 1 if right > 6 else right - 2  # column 6 is the timing pattern
        for row in range(size - 1, -1, -1) if upwards else range(size):
            yield from ((row, column) for column in (left + 1, left) if blank[row][column] is None)
        upwards = not upwards


@cache
def _get_layout(version: int) -> _Layout:
    return _Layout(version)
