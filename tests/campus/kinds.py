"""The kinds of value a department holds: how JSON is checked, and how a form's text becomes JSON."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date

_MONEY = re.compile(r"[0-9]{1,9}\.[0-9]{2}")
_COUNT = re.compile(r"[0-9]{1,6}")


@dataclass(frozen=True)
class Kind:
    """`expected` says in words what is accepted; `choices` makes a form offer a list instead of a text field."""

    expected: str
    accepts: Callable[[object], bool]
    from_text: Callable[[str], object]
    choices: tuple[str, ...] = ()


def is_money(value: object) -> bool:
    """Tell whether a value is yuan as a string with two decimals, such as "12.50"."""
    return isinstance(value, str) and _MONEY.fullmatch(value) is not None


def in_fen(yuan: str) -> str:
    """Return yuan with two decimals as 分 in a decimal string: "500.00" becomes "50000"."""
    return str(int(yuan.replace(".", "")))


def _is_count(value: object) -> bool:
    return type(value) is int and 0 <= value < 1_000_000


def _is_date(value: object) -> bool:
    if not isinstance(value, str) or len(value) != 10:
        return False
    try:
        date.fromisoformat(value)
    except ValueError:
        return False
    return True


def _is_short_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 100


def _or_none(accepts: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: value is None or accepts(value)


def _text_or_none(text: str) -> object:
    return text.strip() or None


def _number_or_text(text: str) -> object:
    return int(text) if _COUNT.fullmatch(text) else text


def choice(*choices: str) -> Kind:
    """Return the kind of a string out of a fixed list."""
    expected = "one of " + ", ".join(repr(name) for name in choices)
    return Kind(expected, lambda value: isinstance(value, str) and value in choices, str, choices)


COUNT = Kind("an integer from 0", _is_count, _number_or_text)
MONEY = Kind('yuan as a string with two decimals, e.g. "12.50"', is_money, str.strip)
FLAG = Kind(
    "true or false", lambda value: isinstance(value, bool), lambda text: text == "true", ("true", "false")
)
DATE = Kind("a date as YYYY-MM-DD, or null", _or_none(_is_date), _text_or_none)
TEXT = Kind("a text of 1 to 100 characters, or null", _or_none(_is_short_text), _text_or_none)
