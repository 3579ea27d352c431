"""The race of tests/integration/test_emptied_view.py, two hundred times."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.campus.client import CampusClient
from tests.integration.test_emptied_view import check_race


@pytest.mark.timeout(600)
def test_a_view_emptied_around_two_hundred_submissions_gives_no_debtor_a_slip(
    campus: CampusClient, tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    check_race(campus, tmp_path / "race", 200, record_property)
