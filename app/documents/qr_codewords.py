"""The codewords of a QR symbol at level Q: what the qrcode package makes, without its bit-by-bit writing.

Source: ISO/IEC 18004:2015, clauses 7.4 (encoding), 7.5 (error correction) and 7.6 (their order).
"""

from __future__ import annotations

from bisect import bisect_left
from functools import cache
from itertools import chain, zip_longest

from qrcode import LUT, base, util
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
