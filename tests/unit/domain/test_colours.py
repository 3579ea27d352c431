"""The university's colours: readable, or a fault that names the key."""

from __future__ import annotations

import pytest

from app.config_model import read
from app.domain.colours import Colours, get_contrast, mix


def list_faults(**colours: str) -> list[str]:
    faults: list[str] = []
    read(Colours, colours, "service.colours", faults)
    return faults


def test_contrast_is_that_of_the_standard() -> None:
    assert get_contrast("#000000", "#ffffff") == pytest.approx(21)
    assert get_contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert get_contrast("#ffffff", "#ffffff") == pytest.approx(1)


def test_a_mixture_lies_between() -> None:
    assert mix("#ff0000", "#0000ff", 0.5) == "#800080"
    assert mix("#123456", "#ffffff", 1) == "#123456"


def test_the_default_colours_can_be_read() -> None:
    assert list_faults() == []
    assert list(Colours().list_faint()) == []


def test_colours_of_another_university_that_can_be_read_are_taken() -> None:
    assert list_faults(head="#660874", accent="#660874", accent_dark="#d9a0e6") == []


@pytest.mark.parametrize(
    ("key", "colour"),
    [("head", "#ffcc00"), ("head_dark", "#888888"), ("accent", "#07c160"), ("accent_dark", "#14569c")],
)
def test_a_colour_that_cannot_be_read_is_named_by_its_key(key: str, colour: str) -> None:
    faults = list_faults(**{key: colour})
    assert faults
    assert all(fault.startswith(f"service.colours.{key} has a contrast of ") for fault in faults)


@pytest.mark.parametrize("colour", ["red", "#12345", "#GGGGGG", "#14569c;}", ""])
def test_what_is_no_colour_is_a_fault(colour: str) -> None:
    assert len(list_faults(accent=colour)) == 1
    assert list_faults(shade="#123456") == ["service.colours.shade is not a known key"]
