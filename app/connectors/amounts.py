"""How systems write counts and amounts of money: plain ASCII digits, and what else the configuration allows."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from enum import StrEnum

from app.connectors.base import FailureCode, UntrustedAnswer


class Spelling(StrEnum):
    """What may be written beside plain digits."""

    THOUSANDS = "thousands"
    BARE_POINT = "bare_point"
    SPACES = "spaces"
    ZEROS = "zeros"


_AMOUNT = re.compile(r"(-?)([0-9,]*)(?:\.([0-9]{1,12}))?")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(,[0-9]{3})+")
_WHOLE = re.compile(r"0|[1-9][0-9]*")


def read_amount(
    text: str, digits: int, decimals: int, spellings: Collection[str] = (), *, may_be_negative: bool = False
) -> Decimal:
    """The number that a text means, of at most so many digits before the point and decimals behind it.

    Raises UntrustedAnswer(MALFORMED_NUMBER) for every other text, and for a zero below zero.
    """
    found = _AMOUNT.fullmatch(text.strip(" ") if Spelling.SPACES in spellings else text)
    if found is None:
        raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)
    sign, whole, behind = found[1], found[2], found[3] or ""
    if Spelling.THOUSANDS in spellings and _GROUPED.fullmatch(whole):
        whole = whole.replace(",", "")
    if Spelling.BARE_POINT in spellings and behind:
        whole = whole or "0"
    if Spelling.ZEROS in spellings and not behind[decimals:].strip("0"):
        behind = behind[:decimals]
    if not _WHOLE.fullmatch(whole) or len(whole) > digits or len(behind) > decimals:
        raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)
    amount = Decimal(f"{whole}.{behind or '0'}")
    if sign and not (may_be_negative and amount):
        raise UntrustedAnswer(FailureCode.MALFORMED_NUMBER)
    return -amount if sign else amount
