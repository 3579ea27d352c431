"""A thousand random changes to the audit events, and a thousand to the rows that decide, past the service: all found."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fixtures import row_tampering
from tests.fixtures.audit_tampering import list_missed
from tests.fixtures.counters import open_counter
from tests.fixtures.desk_presses import list_presses
from tests.fixtures.forged_rows import Target
from tests.fixtures.office import open_office

TAMPERINGS, SLIPS = 1_000, 20


@pytest.mark.timeout(900)
def test_a_thousand_tamperings_are_all_found(tmp_path: Path) -> None:
    with open_office(tmp_path) as office:
        for _ in range(SLIPS):
            office.issue()
        assert list_missed(TAMPERINGS, office.installation.row_keys) == []


@pytest.mark.timeout(900)
def test_a_thousand_tamperings_with_rows_that_decide_are_all_found(tmp_path: Path) -> None:
    with open_counter(tmp_path) as counter:
        target = Target(counter.office, counter.installation, counter.step.installed)
        history = row_tampering.make_history(target, list_presses(counter))
        assert row_tampering.list_missed(history, TAMPERINGS, counter.office.installation.row_keys) == []


@pytest.mark.timeout(900)
def test_a_thousand_tamperings_with_decisions_alone_are_all_found(tmp_path: Path) -> None:
    with open_counter(tmp_path) as counter:
        target = Target(counter.office, counter.installation, counter.step.installed)
        made = row_tampering.make_history(target, list_presses(counter))
        history = {"desk_decisions": made["desk_decisions"]}
        assert row_tampering.list_missed(history, TAMPERINGS, counter.office.installation.row_keys) == []
