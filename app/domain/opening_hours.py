"""Opening hours 开放时间 of an office: a week, days that differ, and what follows from them for a moment.

A span is written as `8:00-11:30`, several joined by commas; `closed` is none. Times are minutes since midnight on the
service's wall clock, 24:00 being the last; an office that is open over midnight has a span on either day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property
from itertools import groupby, pairwise
from typing import Annotated

from pydantic import BeforeValidator, Field, PlainValidator

from app.config_model import Section

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOSED = "closed"
END_OF_DAY = 24 * 60
LOOK_AHEAD_DAYS = 14
"""How far ahead a day that differs is told, and the next opening looked for."""
_SPAN = re.compile(r"(\d{1,2}):([0-5]\d)\s*[-–—]\s*(\d{1,2}):([0-5]\d)", re.ASCII)
_HOW = "must be spans as 8:00-11:30, joined by commas, each after the one before it, or closed"

Span = tuple[int, int]
"""From the first minute to the one at which the office closes."""


def _read_spans(text: object) -> tuple[Span, ...]:
    if not isinstance(text, str):
        raise ValueError(_HOW)
    if text.strip() == CLOSED:
        return ()
    found = [_SPAN.fullmatch(part.strip()) for part in re.split("[,，]", text)]
    spans = tuple((_count(each, 1), _count(each, 3)) for each in found if each)
    minutes = [minute for span in spans for minute in span]
    is_rising = all(one < other for one, other in pairwise(minutes))
    if not all(found) or not is_rising or minutes[-1] > END_OF_DAY:
        raise ValueError(_HOW)
    return spans


def _count(found: re.Match[str], group: int) -> int:
    return int(found[group]) * 60 + int(found[group + 1])


def _read_day(text: object) -> date:
    try:
        return date.fromisoformat(str(text))
    except ValueError:
        raise ValueError("must have days as 2026-06-19 for keys") from None


Spans = Annotated[tuple[Span, ...], PlainValidator(_read_spans)]
OptionalSpans = Annotated[tuple[Span, ...] | None, PlainValidator(_read_spans)]


@dataclass(frozen=True, slots=True)
class Opening:
    """Whether an office is open, and when that changes next; `changes_at` is None where it does not for two weeks."""

    is_open: bool
    changes_at: datetime | None


class Hours(Section):
    """`[steps.office.hours]`: when an office is open. A day's own key goes before `workdays`, that before `daily`."""

    daily: OptionalSpans = Field(None, description='every day, as `"8:00-11:30, 14:30-17:30"` or `"closed"`')
    workdays: OptionalSpans = Field(None, description="Monday to Friday, likewise")
    monday: OptionalSpans = Field(
        None, description="this day of the week, likewise; so `tuesday` to `sunday`"
    )
    tuesday: OptionalSpans = None
    wednesday: OptionalSpans = None
    thursday: OptionalSpans = None
    friday: OptionalSpans = None
    saturday: OptionalSpans = None
    sunday: OptionalSpans = None
    days: dict[Annotated[date, BeforeValidator(_read_day)], Spans] = Field(
        {}, description='table of single days that differ, e.g. `"2026-06-19" = "closed"`'
    )
    note: str = Field("", description="what else is to be known, as a sentence")

    def __hash__(self) -> int:
        return hash((self.week, tuple(self.days.items()), self.note))  # a table alone has none

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        if not self.note and not any(self.week) and not self.days:
            yield "", "is empty: say when the office is open, or leave the table out"

    @cached_property
    def week(self) -> tuple[tuple[Span, ...], ...]:
        """The spans of Monday to Sunday."""
        usual = [self.workdays] * 5 + [None, None]
        week = zip((getattr(self, day) for day in DAYS), usual, strict=True)
        return tuple(
            next((spans for spans in (own, of_workdays, self.daily) if spans is not None), ())
            for own, of_workdays in week
        )

    def list_week(self) -> list[tuple[int, int, tuple[Span, ...]]]:
        """The week as runs of days with the same spans: first and last day (0 is Monday) and the spans. Days on which
        the office is closed are left out.
        """
        runs = []
        for spans, days in groupby(enumerate(self.week), lambda day: day[1]):
            numbers = [number for number, _ in days]
            if spans:
                runs.append((numbers[0], numbers[-1], spans))
        return runs

    def get_spans(self, day: date) -> tuple[Span, ...]:
        """When the office is open on a day."""
        return self.days.get(day, self.week[day.weekday()])

    def list_changes(self, today: date) -> list[tuple[date, tuple[Span, ...]]]:
        """The days that differ from today on, as far as they are told, in order."""
        last = today + timedelta(days=LOOK_AHEAD_DAYS)
        return sorted((day, spans) for day, spans in self.days.items() if today <= day <= last)

    def find_opening(self, now: datetime) -> Opening | None:
        """Whether the office is open at a moment of the service's wall clock, and until or from when; None where only a
        note says when.
        """
        if not any(self.week) and not self.days:
            return None
        minute = now.hour * 60 + now.minute
        for ahead in range(LOOK_AHEAD_DAYS + 1):
            day = now.date() + timedelta(days=ahead)
            for first, last in self.get_spans(day):
                if ahead == 0 and minute >= last:
                    continue
                is_open = ahead == 0 and first <= minute
                return Opening(is_open, _at(now, day, last if is_open else first))
        return Opening(False, None)


def _at(now: datetime, day: date, minute: int) -> datetime:
    return datetime.combine(day, datetime.min.time(), now.tzinfo) + timedelta(minutes=minute)


def format_span(span: Span) -> str:
    """A span as 8:00–11:30."""
    return "–".join(f"{minute // 60}:{minute % 60:02}" for minute in span)
