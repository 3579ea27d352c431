"""The slip number 编号: its form, and the typing mistakes that its check character finds."""

from __future__ import annotations

import random
from datetime import date

import pytest

from app.domain import slip
from app.domain.slip import create_slip_number, is_slip_number

DAY = date(2026, 6, 20)
SOURCE = random.Random(26)
NUMBERS = [create_slip_number(DAY, SOURCE.randrange) for _ in range(200)]


def change_digits(number: str) -> set[str]:
    """Every text with one other character after the prefix."""
    places = range(2, len(number))
    changed = {number[:at] + new + number[at + 1 :] for at in places for new in "0123456789X"}
    return changed - {number}


def swap_neighbours(number: str) -> set[str]:
    """Every text with two neighbours after the prefix swapped."""
    swapped = {
        number[:at] + number[at + 1] + number[at] + number[at + 2 :] for at in range(2, len(number) - 1)
    }
    return swapped - {number}


def test_a_number_is_prefix_year_twelve_random_digits_and_a_check_character() -> None:
    asked: list[int] = []

    number = create_slip_number(DAY, lambda below: asked.append(below) or 483920175562)  # type: ignore[func-returns-value]

    assert (number, asked) == ("LX264839201755626", [10**12])


def test_small_random_numbers_are_filled_up_with_zeros() -> None:
    assert create_slip_number(date(2103, 1, 1), lambda _: 7).startswith("LX03000000000007")


def test_the_check_character_is_that_of_iso_7064_mod_11_2() -> None:
    assert slip._get_check_character("0794") == "0"
    assert slip._get_check_character("079") == "X"


def test_every_created_number_is_one_and_they_differ() -> None:
    assert all(is_slip_number(number) for number in NUMBERS)
    assert len(set(NUMBERS)) == len(NUMBERS)
    assert any(number.endswith("X") for number in NUMBERS)


def test_every_wrong_digit_and_every_swap_of_neighbours_is_found() -> None:
    mistakes = {text for number in NUMBERS for text in change_digits(number) | swap_neighbours(number)}

    assert len(mistakes) > 30_000
    assert not any(is_slip_number(text) for text in mistakes - set(NUMBERS))


def test_without_the_check_character_a_wrong_digit_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = [
        text for text in change_digits(NUMBERS[0]) if text[-1] == NUMBERS[0][-1] and "X" not in text[2:-1]
    ]
    assert not any(is_slip_number(text) for text in wrong)
    monkeypatch.setattr(slip, "_get_check_character", lambda _: NUMBERS[0][-1])

    assert all(is_slip_number(text) for text in wrong)


@pytest.mark.parametrize(
    "text",
    ["", "LX", "lx264839201755626", "LX264839201755626 ", "LX264839201755626\n", "LX2648392017556266",
     "ＬＸ264839201755626", "LX26483920175562６", "LX2６4839201755626", "264839201755626", "LX26-4839-2017-5562-6"],
)  # fmt: skip
def test_another_spelling_is_no_number(text: str) -> None:
    assert not is_slip_number(text)
