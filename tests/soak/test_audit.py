"""A thousand random changes to the audit events past the service, all found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures.audit_tampering import list_missed
from tests.fixtures.office import open_office

TAMPERINGS, SLIPS = 1_000, 20


@pytest.mark.timeout(900)
def test_a_thousand_tamperings_are_all_found(tmp_path: Path) -> None:
    with open_office(tmp_path) as office:
        for _ in range(SLIPS):
            office.issue()
        assert list_missed(TAMPERINGS) == []
