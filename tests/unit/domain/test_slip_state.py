"""What a slip is worth to its holder, by what the issued log says of its codes."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from app.domain.slip_log import CodeState, LoggedChange, SlipState, SlipStatus, judge_slip

TODAY = date(2026, 6, 20)
ISSUED, SUPERSEDED, REVOKED = CodeState.ISSUED, CodeState.SUPERSEDED, CodeState.REVOKED


def make_changes(*states: CodeState) -> list[LoggedChange]:
    """One entry a minute, whose reason is its place."""
    return [
        LoggedChange(state, datetime(2026, 6, 20, 1, place, tzinfo=UTC), f"{place}")
        for place, state in enumerate(states)
    ]


@pytest.mark.parametrize(
    ("states", "row", "expected"),
    [
        ([ISSUED], ISSUED, SlipState.VALID),
        ([ISSUED, SUPERSEDED, ISSUED], ISSUED, SlipState.REISSUED),
        ([ISSUED, REVOKED], REVOKED, SlipState.REVOKED),
        ([ISSUED, SUPERSEDED, ISSUED, REVOKED], REVOKED, SlipState.REVOKED),
        ([ISSUED, REVOKED], ISSUED, SlipState.REVOKED),
        ([ISSUED], REVOKED, SlipState.REVOKED),
        ([ISSUED, SUPERSEDED], SUPERSEDED, SlipState.REVOKED),
    ],
)
def test_a_slip_counts_only_where_log_and_row_both_say_so(
    states: list[CodeState], row: CodeState, expected: SlipState
) -> None:
    assert judge_slip(make_changes(*states), row, None, TODAY).state is expected


def test_only_a_revocation_tells_its_reason() -> None:
    revoked = judge_slip(make_changes(ISSUED, REVOKED), REVOKED, None, TODAY)
    assert (revoked.reason, revoked.since) == ("1", datetime(2026, 6, 20, 1, 1, tzinfo=UTC))
    reissued = judge_slip(make_changes(ISSUED, SUPERSEDED, ISSUED), ISSUED, None, TODAY)
    assert (reissued.reason, reissued.since) == ("", datetime(2026, 6, 20, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize(("day", "expected"), [(19, SlipState.EXPIRED), (20, SlipState.VALID)])
def test_a_slip_is_valid_on_its_last_day_and_no_longer(day: int, expected: SlipState) -> None:
    last = date(2026, 6, day)
    assert judge_slip(make_changes(ISSUED), ISSUED, last, TODAY) == SlipStatus(expected, expires_on=last)
