"""When an office is open: a week, days that differ, and what they say of a moment."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.config_model import read
from app.domain.opening_hours import LOOK_AHEAD_DAYS, Hours, Opening, format_span

ZONE = ZoneInfo("Asia/Shanghai")
MONDAY = date(2026, 6, 1)
MORNING, AFTERNOON = (8 * 60, 11 * 60 + 30), (14 * 60 + 30, 17 * 60 + 30)
TWICE = "8:00-11:30, 14:30-17:30"


def read_hours(**table: object) -> Hours:
    faults: list[str] = []
    hours = read(Hours, table, "hours", faults)
    assert faults == []
    return hours


def list_faults(**table: object) -> list[str]:
    faults: list[str] = []
    read(Hours, table, "hours", faults)
    return faults


def at(day: int, time: str) -> datetime:
    """A moment of June 2026, which begins on a Monday."""
    return datetime.fromisoformat(f"2026-06-{day:02} {time}").replace(tzinfo=ZONE)


def test_a_days_own_key_goes_before_workdays_and_those_before_daily() -> None:
    week = read_hours(daily="9:00-10:00", workdays=TWICE, wednesday="closed", sunday="0:00-1:00").week
    assert week == (*[(MORNING, AFTERNOON)] * 2, (), *[(MORNING, AFTERNOON)] * 2, ((540, 600),), ((0, 60),))
    # The control: without the keys that go before, what goes behind holds.
    assert read_hours(daily="9:00-10:00").week == (((540, 600),),) * 7
    assert read_hours(workdays=TWICE).week[5:] == ((), ())


def test_a_single_day_goes_before_its_day_of_the_week_and_no_other_day_changes() -> None:
    hours = read_hours(workdays=TWICE, days={"2026-06-02": "closed", "2026-06-06": "9:00-12:00"})
    spans = [hours.get_spans(MONDAY + timedelta(days=ahead)) for ahead in range(7)]
    usual = (MORNING, AFTERNOON)
    assert spans == [usual, (), usual, usual, usual, ((540, 720),), ()]


def test_days_that_differ_are_told_from_today_for_two_weeks_in_order() -> None:
    last = MONDAY + timedelta(days=LOOK_AHEAD_DAYS)
    differing = [last + timedelta(days=1), last, MONDAY, MONDAY - timedelta(days=1)]
    hours = read_hours(daily=TWICE, days={day.isoformat(): "closed" for day in differing})
    assert hours.list_changes(MONDAY) == [(MONDAY, ()), (last, ())]


@pytest.mark.parametrize(
    ("now", "is_open", "changes_at"),
    [
        (at(1, "07:59"), False, at(1, "08:00")),
        (at(1, "08:00"), True, at(1, "11:30")),
        (at(1, "11:29"), True, at(1, "11:30")),
        (at(1, "11:30"), False, at(1, "14:30")),
        (at(1, "14:30"), True, at(1, "17:30")),
        (at(1, "17:30"), False, at(2, "08:00")),
        (at(5, "17:30"), False, at(8, "08:00")),
        (at(6, "10:00"), False, at(8, "08:00")),
        (at(7, "10:00"), False, at(8, "08:00")),
    ],
)
def test_an_office_is_open_until_its_spans_end_and_opens_today_tomorrow_or_after_the_weekend(
    now: datetime, is_open: bool, changes_at: datetime
) -> None:
    assert read_hours(workdays=TWICE).find_opening(now) == Opening(is_open, changes_at)


def test_a_day_that_is_closed_is_stepped_over_and_one_that_is_opened_is_found() -> None:
    hours = read_hours(workdays=TWICE, days={"2026-06-02": "closed", "2026-06-06": "9:00-12:00"})
    assert hours.find_opening(at(2, "09:00")) == Opening(False, at(3, "08:00"))
    assert hours.find_opening(at(6, "09:00")) == Opening(True, at(6, "12:00"))


def test_what_opens_within_two_weeks_is_found_and_what_opens_later_is_not() -> None:
    for ahead, changes_at in ((LOOK_AHEAD_DAYS, at(15, "09:00")), (LOOK_AHEAD_DAYS + 1, None)):
        day = MONDAY + timedelta(days=ahead)
        hours = read_hours(days={day.isoformat(): "9:00-12:00"})
        assert hours.find_opening(at(1, "10:00")) == Opening(False, changes_at)


def test_where_only_a_note_says_when_nothing_is_known() -> None:
    assert read_hours(note="请先打电话").find_opening(at(1, "10:00")) is None
    assert read_hours(note="请先打电话", daily="9:00-12:00").find_opening(at(1, "10:00")) is not None


def test_midnight_is_the_last_minute_of_a_day_and_the_next_day_has_its_own_spans() -> None:
    hours = read_hours(monday="22:00-24:00", tuesday="0:00-2:00")
    assert hours.find_opening(at(1, "23:59")) == Opening(True, at(2, "00:00"))
    assert hours.find_opening(at(2, "00:00")) == Opening(True, at(2, "02:00"))
    assert hours.find_opening(at(2, "02:00")) == Opening(False, at(8, "22:00"))


@pytest.mark.parametrize(
    "text",
    ["", "closed", "8:00-11:30", "08:00 – 11:30", "8:00—11:30，14:30-17:30", "0:00-24:00", " 9:05-9:06 "],
)
def test_spans_are_taken_as_people_write_them_and_nothing_is_not_taken_for_closed(text: str) -> None:
    faults = list_faults(daily=text, note="…")
    assert faults == (
        []
        if text
        else [
            "hours.daily must be spans as 8:00-11:30, joined by commas, each after the one before it, or closed"
        ]
    )


@pytest.mark.parametrize(
    "text",
    [
        "8:00",
        "8-11",
        "8:00-8:00",
        "11:30-8:00",
        "22:00-2:00",
        "14:30-17:30, 8:00-11:30",
        "8:00-12:00, 11:00-14:00",
        "8:00-24:01",
        "25:00-26:00",
        "8:60-9:00",
        "8:00-11:30,",
        "8:00-11:30; 14:30-17:30",
        "Closed",
        "８:00-9:00",
        800,
        True,
        ["8:00-9:00"],
    ],
)
def test_what_is_no_spans_is_refused_by_its_key(text: object) -> None:
    for key in ("daily", "workdays", "monday", "sunday"):
        (fault,) = list_faults(**{key: text})
        assert fault.startswith(f"hours.{key} must be spans as 8:00-11:30")
    (fault,) = list_faults(days={"2026-06-19": text})
    assert fault.startswith("hours.days.2026-06-19 must be spans as 8:00-11:30")


@pytest.mark.parametrize("day", ["19 June", "2026-02-30", "06-19", "saturday"])
def test_what_is_no_day_is_refused_and_named(day: str) -> None:
    (fault,) = list_faults(days={day: "closed"})
    assert fault.startswith(f"hours.days.{day}")
    assert "must have days as 2026-06-19 for keys" in fault
    assert list_faults(days={"2026-06-19": "closed"}) == []


@pytest.mark.parametrize("table", [{}, {"daily": "closed"}, {"workdays": "closed", "saturday": "closed"}])
def test_hours_that_say_nothing_are_refused(table: dict[str, Any]) -> None:
    assert list_faults(**table) == ["hours is empty: say when the office is open, or leave the table out"]
    assert list_faults(**table, note="寒假不开放") == []


def test_the_week_is_told_as_runs_of_days_alike_without_those_that_are_closed() -> None:
    usual = (MORNING, AFTERNOON)
    assert read_hours(daily=TWICE).list_week() == [(0, 6, usual)]
    assert read_hours(workdays=TWICE, saturday="9:00-12:00").list_week() == [
        (0, 4, usual),
        (5, 5, ((540, 720),)),
    ]
    assert read_hours(workdays=TWICE, wednesday="closed").list_week() == [(0, 1, usual), (3, 4, usual)]
    assert read_hours(note="请先打电话").list_week() == []


def test_a_span_is_shown_with_two_digits_for_minutes_alone() -> None:
    assert [format_span(span) for span in (MORNING, (0, 1440), (545, 600))] == [
        "8:00–11:30",
        "0:00–24:00",
        "9:05–10:00",
    ]


def test_hours_that_differ_anywhere_are_kept_apart_and_equal_ones_are_not() -> None:
    one, same = (read_hours(daily=TWICE, days={"2026-06-19": "closed"}) for _ in range(2))
    others = (read_hours(daily=TWICE), read_hours(daily=TWICE, days={"2026-06-19": "9:00-12:00"}))
    assert (len({one, same}), len({one, *others})) == (1, 3)
