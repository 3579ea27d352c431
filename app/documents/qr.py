"""The slip's QR symbol: the modules that the qrcode package makes at level Q, forty times sooner.

The package spends its time in writing single bits, in the Reed-Solomon division, and in rating the eight masks
module by module. Here a symbol is one integer of size x size bits, so that all modules are rated at once.
What does not depend on the text (function patterns, masks, block sizes) comes from the package itself.

Source of the format: ISO/IEC 18004:2015, clauses 7.7.3 (placement) and
7.8 (masks and their rating); `qr_codewords` does the encoding.

The codewords of a QR symbol at level Q: what the qrcode package makes, without its bit-by-bit writing.

Source: ISO/IEC 18004:2015, clauses 7.4 (encoding), 7.5 (error correction) and 7.6 (their order).
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain, product, zip_longest
from operator import itemgetter

from qrcode import LUT, QRCode, base, util
from qrcode.constants import ERROR_CORRECT_Q
from qrcode.exceptions import DataOverflowError

_DIGITS = {
    f"{value:0{length}}": f"{value:0{bits}b}"
    for length, bits in ((1, 4), (2, 7), (3, 10))
    for value in range(10**length)
}


def encode_codewords(text: str) -> tuple[int, str]:
    """The version and the codewords with their error correction, as a string of bits in the order of placement."""
    chunks = list(util.optimal_data_chunks(text, minimum=20))
    payloads = [_write_chunk(chunk) for chunk in chunks]
    limits = util.BIT_LIMIT_TABLE[ERROR_CORRECT_Q]
    version = 1
    while True:
        sizes = util.mode_sizes_for_version(version)
        heads = [f"{chunk.mode:04b}{len(chunk):0{sizes[chunk.mode]}b}" for chunk in chunks]
        bits = "".join(chain.from_iterable(zip(heads, payloads, strict=True)))
        version = bisect_left(limits, len(bits), version)
        if version > 40:
            raise DataOverflowError()
        if sizes is util.mode_sizes_for_version(version):
            return version, _protect(version, _pad(bits, limits[version]))


def _write_chunk(chunk: util.QRData) -> str:
    if chunk.mode == util.MODE_NUMBER:
        digits = chunk.data.decode("ascii")
        return "".join(_DIGITS[digits[start : start + 3]] for start in range(0, len(digits), 3))
    if chunk.mode == util.MODE_8BIT_BYTE:
        return "".join(f"{byte:08b}" for byte in chunk.data)
    values = [util.ALPHA_NUM.index(byte) for byte in chunk.data]
    pairs = [f"{first * 45 + second:011b}" for first, second in zip(values[::2], values[1::2], strict=False)]
    return "".join(pairs) + (f"{values[-1]:06b}" if len(values) % 2 else "")


def _pad(bits: str, limit: int) -> bytes:
    """The data codewords: a terminator of at most four zeros, zeros to the byte, then the two pad codewords in turn."""
    bits += "0" * min(4, limit - len(bits))
    bits += "0" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big")
    return (data + bytes((util.PAD0, util.PAD1)) * (limit // 16))[: limit // 8]


def _protect(version: int, data: bytes) -> str:
    """Data and error correction codewords, interleaved block by block."""
    blocks, checks = [], []
    start = 0
    for block in base.rs_blocks(version, ERROR_CORRECT_Q):
        part = data[start : start + block.data_count]
        start += block.data_count
        blocks.append(part)
        checks.append(_divide(part, block.total_count - block.data_count))
    woven = bytes(
        byte
        for column in chain(zip_longest(*blocks), zip_longest(*checks))
        for byte in column
        if byte is not None
    )
    return f"{int.from_bytes(woven, 'big'):0{len(woven) * 8}b}"


@cache
def _get_multiples(length: int) -> tuple[int, ...]:
    """For each byte, the generator polynomial of `length` check bytes times that byte, its leading term cut off."""
    generator = (
        base.Polynomial(LUT.rsPoly_LUT[length], 0) if length in LUT.rsPoly_LUT else _multiply_out(length)
    )
    logs = [base.glog(factor) for factor in list(generator)[1:]]
    rows = ([base.gexp(log + base.glog(byte)) for log in logs] for byte in range(1, 256))
    return (0, *(int.from_bytes(bytes(row), "big") for row in rows))


def _multiply_out(length: int) -> base.Polynomial:
    generator = base.Polynomial([1], 0)
    for power in range(length):
        generator = generator * base.Polynomial([1, base.gexp(power)], 0)
    return generator


def _divide(data: bytes, length: int) -> bytes:
    """The remainder of the division by the generator polynomial, all its bytes in one integer."""
    multiples = _get_multiples(length)
    top = 8 * (length - 1)
    low = (1 << top) - 1
    remainder = 0
    for byte in data:
        remainder = ((remainder & low) << 8) ^ multiples[(remainder >> top) ^ byte]
    return remainder.to_bytes(length, "big")


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
