"""How a test changes the reading of files."""

from __future__ import annotations

import pytest

from tests.fixtures.office import Office
from tests.fixtures.reading_here import ReadingHere


@pytest.fixture
def here(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files are read in this process, so that a test can change how."""
    reading = ReadingHere(office.installation.settings.service.base_url)
    monkeypatch.setitem(vars(office.installation), "reader_pool", reading)
