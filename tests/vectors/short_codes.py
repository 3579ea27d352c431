"""Typed short codes: name, text, and the slip id in hex or None where the text must be refused."""

from __future__ import annotations

from tests.vectors.slip_code_forge import GOOD

SLIP_ID = GOOD.slip_id.hex()
SHORT_CODES = (
    ("as printed", "0123456789ABCDEF", SLIP_ID),
    ("small letters", "0123456789abcdef", SLIP_ID),
    ("hyphens", "0123-4567-89AB-CDEF", SLIP_ID),
    ("spaces at the ends and between", "  0123 4567 89AB CDEF ", SLIP_ID),
    ("O for 0", "O123456789ABCDEF", SLIP_ID),
    ("o for 0", "o123456789ABCDEF", SLIP_ID),
    ("I for 1", "0I23456789ABCDEF", SLIP_ID),
    ("i for 1", "0i23456789ABCDEF", SLIP_ID),
    ("L for 1", "0L23456789ABCDEF", SLIP_ID),
    ("l for 1", "0l23456789ABCDEF", SLIP_ID),
    ("all zeros", "0" * 16, "00" * 10),
    ("all ones", "Z" * 16, "ff" * 10),
    ("nothing", "", None),
    ("only hyphens", "-" * 16, None),
    ("one character too few", "0123456789ABCDE", None),
    ("one character too many", "0123456789ABCDEFG", None),
    ("the letter U", "U123456789ABCDEF", None),
    ("an underscore", "0123_4567_89AB_CDEF", None),
    ("a tab", "01234567\t89ABCDEF", None),
    ("a newline at the end", "0123456789ABCDEF\n", None),
    ("full-width digits", "０１２３456789ABCDEF", None),
    ("Arabic digits", "٠١٢٣456789ABCDEF", None),
    ("a dotless i", "0\u013123456789ABCDEF", None),
    ("a long s", "\u017f123456789ABCDEF", None),
    ("percent-encoded", "%30123456789ABCDEF", None),
    ("far too long", "0123456789ABCDEF" + " " * 60, None),
)
