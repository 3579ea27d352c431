"""Of when the answers on a page are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from app.web.mini_app.view_data import find_common_time

NOON = datetime(2026, 6, 1, 4, tzinfo=UTC)


def at(seconds: int | None) -> datetime | None:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("answers", "common"),
    [
        ([], None),
        ([None, None], None),
        ([0, None], 0),
        ([0, 1, 2], 2),
        ([0, 1, 3600], 1),
        ([0, 3600, 3601], 3601),
        ([0, 59], 59),
        ([0, 60], 60),
        ([0, 0, 60], 0),
    ],
)
def test_the_time_of_a_page_is_that_of_most_answers_within_a_minute_and_else_the_last(
    answers: list[int | None], common: int | None
) -> None:
    assert find_common_time(map(at, answers)) == at(common)
