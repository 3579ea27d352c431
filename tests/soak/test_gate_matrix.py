"""The gate in every situation of `tests/browser/gate_matrix.py`."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.gate_matrix import ALL, Cell, count_faults, look, make_codes
from tests.browser.screens import Screens
from tests.campus.client import CampusClient
from tests.running import running_service


@pytest.mark.timeout(1800)
def test_the_gate_is_never_falsely_red_or_green_and_never_silent(
    campus: CampusClient, tmp_path: Path
) -> None:
    cells: list[Cell] = []
    with running_service(campus, tmp_path) as service, sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        codes = make_codes(service, ["TS99000001", "TS99000002", "TS99000003"])
        screens = Screens(chromium, service.url)
        for situation in ALL:
            cells += look(screens, service, codes, situation)[0]
        chromium.close()
    print(f"{len(cells)} cells of {len(ALL)} situations: {count_faults(cells)}")
    assert [
        (cell.situation.describe(), cell.kind, cell.answer, cell.fault) for cell in cells if cell.fault
    ] == []
    assert len(cells) == len(ALL) * len(codes)
