"""Forty generated slips looked over; `make soak` does it with 2,000."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.documents.slip_pdf import render_slip_pdf
from tests.fixtures.generated_slips import list_rare, make_generated_slip
from tests.unit.documents.looking_over import TOOLS, find_faults, is_drawn_as_by_plain_fpdf2
from tests.unit.documents.tools import needs

SLIPS = 40
FIRST = 5_000


@needs(TOOLS[0])
@needs(TOOLS[1])
@needs(TOOLS[2])
def test_generated_slips_have_no_fault(tmp_path: Path) -> None:
    found = {seed: find_faults(tmp_path, *make_generated_slip(seed)) for seed in range(FIRST, FIRST + SLIPS)}
    assert {seed: faults for seed, faults in found.items() if faults} == {}


@needs(TOOLS[0])
@needs(TOOLS[1])
@needs(TOOLS[2])
def test_another_slips_file_has_faults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slip, code = make_generated_slip(FIRST)
    file = render_slip_pdf(*make_generated_slip(FIRST + 1))
    monkeypatch.setattr("tests.unit.documents.looking_over.render_slip_pdf", lambda *_: file)
    assert {"QR", f"text {slip.number}"} <= set(find_faults(tmp_path, slip, code))


@pytest.mark.parametrize("seed", range(FIRST, FIRST + 3))
def test_generated_slips_are_drawn_as_by_plain_fpdf2(seed: int) -> None:
    assert is_drawn_as_by_plain_fpdf2(*make_generated_slip(seed))


def test_generated_slips_are_the_same_each_time_and_differ() -> None:
    slips = [make_generated_slip(seed)[0] for seed in range(60)]
    assert slips == [make_generated_slip(seed)[0] for seed in range(60)]
    assert len({slip.get_field("name") for slip in slips}) > 50


def test_the_rare_characters_reach_past_the_basic_plane() -> None:
    assert len(list_rare()) > 20_000
    assert sum(ord(character) > 0xFFFF for character in list_rare()) > 1_000
