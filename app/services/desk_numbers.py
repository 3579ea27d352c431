"""Compares the numbers that clerks type with those of known people: a slip of the pen is somebody else's, or nobody's."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from app.extensions import db
from app.services.desk import Desk, load_facts
from app.services.known_numbers import find_known_numbers

_LOOK_ALIKES = str.maketrans("OoIiLl", "001111")
_TAIL = re.compile(r"[0-9].*")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Of the typed numbers those that nobody has: `alike` names for each with letters that look like digits the
    same with digits, where somebody has that or it was typed too ("" for neither); of these `known_twins` are
    somebody's.
    """

    unknown: frozenset[str]
    alike: Mapping[str, str]
    known_twins: frozenset[str]


def compare_with_known(desk: Desk, numbers: Collection[str]) -> Comparison:
    """The typed, folded numbers beside those of people who signed in once, have an entry here, or are typed too."""
    typed = set(numbers)
    unknown = typed - find_known_numbers(typed)
    variants = {number: twins for number in unknown if (twins := list_look_alikes(number))}
    candidates = {twin for twins in variants.values() for twin in twins}
    known = find_known_numbers(candidates) | load_facts(db.session, desk, sorted(candidates)).keys()
    taken = known | (candidates & typed)
    alike = {
        number: next((twin for twin in twins if twin in taken), "")
        for number, twins in sorted(variants.items())
    }
    return Comparison(frozenset(unknown), alike, frozenset(known))


def list_look_alikes(number: str) -> tuple[str, ...]:
    """The number with 0 and 1 for the letters that look like them: behind its first digit, and everywhere."""
    tail = _TAIL.sub(lambda match: match[0].translate(_LOOK_ALIKES), number)
    return tuple(one for one in dict.fromkeys((tail, number.translate(_LOOK_ALIKES))) if one != number)


def explain_letter(number: str, twin: str) -> str:
    """What is wrong with a number whose twin of digits is somebody's."""
    return f"{number} is nobody's here, and {twin} is somebody's: a letter for a digit?"
