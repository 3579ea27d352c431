"""Numbers without their leading zeros: where they still mean one person, and where they may mean two."""

from __future__ import annotations

import pytest

from app.domain.number_patterns import tells_integers_apart


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9]{8}",
        r"\d{10}",
        "20[0-9]{6}",
        "[0-9]{8}|T[0-9]{7}",
        "[0-9]{6}|[1-9][0-9]{7}",
        "[0-9A-Z]{8}",
        "0042[0-9]{4}",
    ],
)
def test_numbers_of_one_length_are_told_apart(pattern: str) -> None:
    assert tells_integers_apart(pattern)


@pytest.mark.parametrize(
    "pattern",
    [
        "[0-9A-Za-z]{1,32}",
        "[0-9]+",
        "[0-9]{6,8}",
        "[0-9]{6}|[0-9]{8}",
        "T[SB][0-9]{8}",
        "(20)?[0-9]{6}",
        "[0-9]{6}|0[0-9]{7}",
        ".{8}",
        "",
    ],
)
def test_a_pattern_by_which_two_numbers_may_be_one_integer_or_none_is_one_is_refused(pattern: str) -> None:
    assert not tells_integers_apart(pattern)
