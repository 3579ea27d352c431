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
    ("a tab", "01234567\t89ABCDEF", SLIP_ID),
    ("line ends between and at the end", "01234567\r\n89ABCDEF\n", SLIP_ID),
    ("spaces that are none to ASCII", "0123\u00a04567\u300089AB\u2009CDEF\u200b", SLIP_ID),
    ("dashes of all kinds", "0123\u20134567\u2014\u201489AB\uff0dCD\u2212EF\u2011", SLIP_ID),
    ("a Chinese one and a long vowel for hyphens", "0123\u4e004567\u30fc89AB-CDEF", SLIP_ID),
    ("full-width digits", "０１２３456789ABCDEF", SLIP_ID),
    ("full-width letters", "０１２３４５６７８９ＡＢｃｄＥＦ", SLIP_ID),
    ("full-width O and l", "Ｏｌ23456789ABCDEF", SLIP_ID),
    ("a dotless i", "0\u013123456789ABCDEF", SLIP_ID),
    ("Cyrillic look-alikes", "\u041e123456789\u0410\u0412\u0421D\u0415F", SLIP_ID),
    ("small Cyrillic look-alikes", "\u043e123456789\u0430\u0432\u0441D\u0435F", SLIP_ID),
    ("Greek look-alikes", "\u039f\u039923456789\u0391\u0392CD\u0395F", SLIP_ID),
    ("the Chinese zero", "\u3007123456789ABCDEF", SLIP_ID),
    ("all zeros", "0" * 16, "00" * 10),
    ("all ones", "Z" * 16, "ff" * 10),
    ("nothing", "", None),
    ("only hyphens", "-" * 16, None),
    ("one character too few", "0123456789ABCDE", None),
    ("one character too many", "0123456789ABCDEFG", None),
    ("the letter U", "U123456789ABCDEF", None),
    ("underscores", "0123_4567_89AB_CDEF", SLIP_ID),
    ("Arabic digits", "٠١٢٣456789ABCDEF", None),
    ("percent-encoded", "%30123456789ABCDEF", None),
    ("far too long", "0123456789ABCDEF" + " " * 60, None),
)
