"""Which integers the numbers of a campus become where a system keeps them as such, and so without leading zeros."""

from __future__ import annotations

import re

_PART = re.compile(
    r"(?:(?P<digit>[0-9])|(?P<letter>[A-Za-z])|(?P<set>\[\^?[^\]\\]+\]|\\d))(?:\{(?P<times>[0-9]{1,2})\})?"
)
_DIGITS = "0123456789"


def tells_integers_apart(pattern: str) -> bool:
    """Whether no two numbers of a pattern, of which some are digits alone, are one integer: each of the alternatives is
    of one length, and only those of the least may begin with 0. False as well for a pattern that says so in another way
    than by digits, letters, sets and `{n}`.
    """
    found = [_measure(alternative) for alternative in pattern.split("|")]
    lengths = [measure for measure in found if measure is not None and measure[0] > 0]
    if None in found or not lengths:
        return False
    least = min(length for length, _ in lengths)
    return all(length == least or not begins_with_zero for length, begins_with_zero in lengths)


def _measure(alternative: str) -> tuple[int, bool] | None:
    """How long the numbers of digits alone are, and whether they may begin with 0; 0 for none, None for not known."""
    length, begins_with_zero, place = 0, False, 0
    has_letter = False
    while place < len(alternative):
        part = _PART.match(alternative, place)
        if part is None or not part[0]:
            return None
        sample = part["set"] or part["digit"] or part["letter"]
        taken = [digit for digit in _DIGITS if re.fullmatch(sample, digit)]
        times = int(part["times"] or 1)
        has_letter = has_letter or (not taken and times > 0)
        if length == 0 and times:
            begins_with_zero = "0" in taken
        length += times
        place = part.end()
    return (0 if has_letter else length, begins_with_zero)
