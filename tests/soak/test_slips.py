"""Two thousand generated slips looked over, fifty of them against plain fpdf2: `make soak`, some minutes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.generated_slips import make_generated_slip
from tests.unit.documents.looking_over import find_faults, is_drawn_as_by_plain_fpdf2

SLIPS, TOGETHER = 2_000, 50
SAMPLE = range(0, SLIPS, SLIPS // 50)


@pytest.mark.parametrize("first", range(0, SLIPS, TOGETHER))
def test_fifty_slips_have_no_fault(tmp_path: Path, first: int) -> None:
    found = {
        seed: find_faults(tmp_path, *make_generated_slip(seed)) for seed in range(first, first + TOGETHER)
    }
    assert {seed: faults for seed, faults in found.items() if faults} == {}


@pytest.mark.parametrize("seed", SAMPLE)
def test_a_slip_is_drawn_as_by_plain_fpdf2(seed: int) -> None:
    assert is_drawn_as_by_plain_fpdf2(*make_generated_slip(seed))
