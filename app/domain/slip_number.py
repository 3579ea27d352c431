"""The slip number 编号: `LX`, two digits of the year, twelve random digits, one check character.

    LX26 483920175562 7

17 characters, written without spaces; only digits after the prefix, as a phone's number pad types them
(and an X at the end, as on an identity card). Random digits tell nobody how many slips there are; among
50,000 slips of a year two share a number once in 800 years, and the database's UNIQUE constraint sees it.

The check character is that of ISO 7064 MOD 11-2 over the fourteen digits. It finds every wrong digit and
every swap of two neighbours.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

from app.domain.typed_text import fold_code

RANDOM_DIGITS = 12

_NUMBER = re.compile(r"LX([0-9]{14})([0-9X])", re.ASCII)
_CHECK_CHARACTERS = "0123456789X"


def create_slip_number(issued_on: date, random_below: Callable[[int], int]) -> str:
    """A new slip number. `random_below(n)` gives a number from 0 to n-1, as `secrets.randbelow` does."""
    digits = f"{issued_on.year % 100:02d}{random_below(10**RANDOM_DIGITS):0{RANDOM_DIGITS}d}"
    return f"LX{digits}{_get_check_character(digits)}"


def fold_slip_number(text: str) -> str:
    """A number as somebody typed it, in the form in which slips have it: see `fold_code`."""
    folded = fold_code(text)
    return f"LX{folded[2:]}" if folded.startswith("1X") else folded


def is_slip_number(text: str) -> bool:
    """Whether the text is written as a slip number is, with a right check character."""
    match = _NUMBER.fullmatch(text)
    return match is not None and _get_check_character(match[1]) == match[2]


def _get_check_character(digits: str) -> str:
    """ISO 7064 MOD 11-2: the character c with (... (d1 * 2 + d2) * 2 + ... + dn) * 2 + c = 1 modulo 11."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2 % 11
    return _CHECK_CHARACTERS[(1 - total) % 11]
