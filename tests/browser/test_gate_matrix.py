"""The gate on devices that lack something, on every network, with every clock and list: `gate_matrix`. `make soak`
has every situation.
"""

from __future__ import annotations

import pytest

from tests.browser.gate_matrix import LACK_NOTES, REOPENED, SOME, Cell, Situation, look, make_codes
from tests.browser.screens import Screens
from tests.conftest import Service


@pytest.fixture(scope="module")
def codes(running_service: Service) -> dict[str, str]:
    """What is scanned in every situation."""
    return make_codes(running_service, ["TS99000011", "TS99000012", "TS99000013"])


@pytest.mark.parametrize("situation", SOME, ids=Situation.describe)
def test_the_gate_says_what_it_may_and_is_never_silent(
    screens: Screens, service: Service, codes: dict[str, str], situation: Situation
) -> None:
    cells, notes = look(screens, service, codes, situation)
    assert [(cell.kind, cell.answer, cell.notes, cell.fault) for cell in cells if cell.fault] == []
    if situation.lacking in LACK_NOTES:
        assert LACK_NOTES[situation.lacking] in notes
    assert [note for note in notes if note.startswith("clock-")] == list_clock_notes(situation)


def list_clock_notes(situation: Situation) -> list[str]:
    """What the page must say of the device's clock."""
    if situation.network == REOPENED:
        return ["clock-unknown"] if situation.shift < 0 else []
    return [] if not situation.shift else ["clock-ahead" if situation.shift > 0 else "clock-behind"]


def test_the_matrix_tells_a_gate_that_says_too_much_or_nothing() -> None:
    offline, online = Situation("nothing", "offline", 0, "old"), Situation("nothing", "online", 0, "fresh")
    words = "签名无误，但名单太旧。"
    assert Cell(offline, "valid", "status_unknown", ("stale",), words).fault == ""
    assert Cell(offline, "valid", "valid", (), words).fault == "unexpected"
    assert Cell(online, "valid", "expired", (), words).fault == "false red"
    assert Cell(online, "revoked", "valid", (), words).fault == "false green"
    assert Cell(offline, "valid", "status_unknown", (), words).fault == "silent"
    assert Cell(online, "valid", "valid", (), "").fault == "silent"
