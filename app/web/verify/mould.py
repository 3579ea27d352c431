"""A page that is rendered once, and then filled with the few values that change.

What stands before the first value and after the last is compressed once. Between them the values' part
leaves as it is, as a stored block (RFC 1951, 3.2.4; the frame is RFC 1952): compressing a whole page takes
longer than the verification that it shows.
"""

from __future__ import annotations

import re
import secrets
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

GZIP_HEADER = bytes((0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 2, 255))


@dataclass(frozen=True, slots=True)
class Mould:
    """`middle` is a %-format of named values; the deflated parts are whole blocks of one deflate stream."""

    head: bytes
    middle: str
    tail: bytes
    deflated_head: bytes
    deflated_tail: bytes

    def fill(self, values: Mapping[str, str], *, is_gzip: bool) -> bytes:
        """The page in UTF-8 with these values, which are HTML already. Raises OverflowError for a gzip page
        with more than 64 KiB of values.
        """
        middle = (self.middle % values).encode()
        page = b"".join((self.head, middle, self.tail))
        if not is_gzip:
            return page
        length = len(middle)
        stored = b"".join((b"\0", _pack(length, 2), _pack(length ^ 0xFFFF, 2), middle))
        trailer = _pack(zlib.crc32(page), 4) + _pack(len(page), 4)
        return b"".join((GZIP_HEADER, self.deflated_head, stored, self.deflated_tail, trailer))


def make_mould(names: Sequence[str], render: Callable[[Mapping[str, str]], str]) -> Mould:
    """The mould of the page that `render` makes of values by their names. It is given numbers that occur
    nowhere else.
    """
    marks = {name: str(secrets.randbelow(10**18) + 10**18) for name in names}
    page = render(marks)
    places = [found.span() for found in re.finditer("|".join(marks.values()) or "$^", page)]
    begins, ends = (places[0][0], places[-1][1]) if places else (len(page), len(page))
    middle = page[begins:ends].replace("%", "%%")
    for name, mark in marks.items():
        middle = middle.replace(mark, f"%({name})s")
    head, tail = page[:begins].encode(), page[ends:].encode()
    return Mould(head, middle, tail, _deflate(head, zlib.Z_FULL_FLUSH), _deflate(tail, zlib.Z_FINISH))


def _deflate(data: bytes, flush: int) -> bytes:
    compressor = zlib.compressobj(9, wbits=-zlib.MAX_WBITS)
    return compressor.compress(data) + compressor.flush(flush)


def _pack(number: int, size: int) -> bytes:
    return number.to_bytes(size, "little")
