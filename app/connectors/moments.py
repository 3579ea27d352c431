"""How systems write days and moments: formats such as `YYYY/MM/DD` or `epoch_seconds`, in ASCII digits alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import lru_cache
from itertools import pairwise
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, PlainValidator

from app.config_model import Mistakes, Texts
from app.connectors.base import FailureCode, UntrustedAnswer

EPOCHS = {"epoch_seconds": 1, "epoch_milliseconds": 1000}
"""Since 1970 in UTC, by how many make a second."""
_EPOCH_DIGITS = {1: r"[1-9][0-9]{8,9}", 1000: r"[1-9][0-9]{11,12}"}
"""From 1973 on: as long as no YYYYMMDD or YYYYMMDDHHmmss is."""
_PARTS = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "MM": r"(?P<month>[0-9]{2})",
    "M": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{2})",
    "D": r"(?P<day>[0-9]{1,2})",
    "HH": r"(?P<hour>[0-9]{2})",
    "H": r"(?P<hour>[0-9]{1,2})",
    "mm": r"(?P<minute>[0-9]{2})",
    "ss": r"(?P<second>[0-9]{2})",
    ".f": r"\.[0-9]{1,9}",
    "Z": r"(?P<zone>Z|[+-][0-9]{2}:?[0-9]{2})",
}
_PART = re.compile("|".join(map(re.escape, sorted(_PARTS, key=len, reverse=True))))
_UNKNOWN = re.compile(r"[A-SU-Za-z0-9]")
"""Any letter but the T between a day and a time."""


@dataclass(frozen=True, slots=True)
class _Format:
    pattern: re.Pattern[str]
    per_second: int = 0

    def read(self, text: str) -> datetime | None:
        """The moment, without a zone unless the format tells one; None for a text that is none of this format."""
        found = self.pattern.fullmatch(text)
        if found is None:
            return None
        try:
            if self.per_second:
                return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=int(text) // self.per_second)
            parts = found.groupdict()
            names = ("year", "month", "day", "hour", "minute", "second")
            zone = _read_offset(parts["zone"]) if parts.get("zone") else None
            return datetime(*(int(parts.get(name) or 0) for name in names), tzinfo=zone)  # type: ignore[misc,arg-type]
        except (ValueError, OverflowError):
            return None


def _read_offset(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


@lru_cache(maxsize=1000)
def _compile(written: str) -> _Format:
    if written in EPOCHS:
        return _Format(re.compile(_EPOCH_DIGITS[EPOCHS[written]]), EPOCHS[written])
    pattern, place = "", 0
    for part in _PART.finditer(written):
        pattern += re.escape(written[place : part.start()]) + _PARTS[part[0]]
        place = part.end()
    return _Format(re.compile(pattern + re.escape(written[place:])))


def read_written(formats: Iterable[str], text: str) -> datetime:
    """The moment that a text means by one of the formats; a day alone is its midnight, and a format without a zone
    gives none. Raises UntrustedAnswer for a text that is of no format, or by two of them means two moments.
    """
    found = {moment for each in formats if (moment := _compile(each).read(text)) is not None}
    if len(found) != 1:
        raise UntrustedAnswer(FailureCode.MALFORMED_DAY)
    return found.pop()


def need_zone(formats: Iterable[str]) -> bool:
    """Whether a format names moments, of which a zone tells the day."""
    return any(each in EPOCHS or "Z" in _PART.findall(each) for each in formats)


def _check_format(written: str) -> str:
    """What is wrong with a format; empty for nothing."""
    if written in EPOCHS:
        return ""
    parts = _PART.findall(written)
    if _UNKNOWN.search(_PART.sub("", written)) or "YYYY" not in parts:
        return f"has {written!r}, which is no format: write YYYY, MM or M, DD or D, HH or H, mm, ss, .f and Z"
    if sum(part in ("M", "MM") for part in parts) != 1 or sum(part in ("D", "DD") for part in parts) != 1:
        return f"has {written!r}, which must name a year, a month and a day, each once"
    if len(parts) != len(set(parts)) or {"H", "HH"} <= set(parts):
        return f"has {written!r}, which names a part twice"
    if _has_open_end(written):
        return f"has {written!r}, where M, D or H stands beside other digits: nobody could tell where it ends"
    return ""


def _has_open_end(written: str) -> bool:
    parts = list(_PART.finditer(written))
    return any(
        first.end() == second.start() and {first[0], second[0]} & {"M", "D", "H"} and second[0] != ".f"
        for first, second in pairwise(parts)
    )


def check_formats(formats: tuple[str, ...]) -> tuple[str, ...]:
    """The formats; raises Mistakes for those that are none."""
    mistakes = [("", wrong) for each in formats if (wrong := _check_format(each))]
    if mistakes:
        raise Mistakes(*mistakes)
    return formats


def _read_zone(name: object) -> ZoneInfo | None:
    if not isinstance(name, str):
        raise ValueError("must be a text")
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a known time zone") from None


MomentFormats = Annotated[Texts, AfterValidator(check_formats)]
OptionalZone = Annotated[ZoneInfo | None, PlainValidator(_read_zone)]
