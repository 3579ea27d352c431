"""The changes of tests/unit/domain/test_slip_code_tampering.py, to all sixty codes."""

from __future__ import annotations

import pytest

from tests.unit.domain.test_slip_code_tampering import check_changes, make_code


@pytest.mark.parametrize("seed", range(60))
def test_no_flipped_bit_and_no_changed_or_swapped_digit_is_accepted(seed: int) -> None:
    check_changes(make_code(seed))
