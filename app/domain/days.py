"""Days as staff type them: those whose beginning and end are moments in every time zone. Behind them calendars end."""

from __future__ import annotations

from datetime import date

FIRST_DAY, LAST_DAY = date(1, 1, 3), date(9998, 12, 31)


class DayOutOfReach(ValueError):
    """A day that is none to reckon with: a mistyped year."""


def read_day(text: str) -> date:
    """The day of a text as 2026-06-30. Raises ValueError, and DayOutOfReach for one at the end of all calendars."""
    return require_within_reach(date.fromisoformat(text))


def require_within_reach(day: date) -> date:
    """The day. Raises DayOutOfReach."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise DayOutOfReach(f"no day between {FIRST_DAY} and {LAST_DAY}")
    return day
