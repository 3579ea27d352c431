"""Random changes to the audit events and to the rows that decide, past the service: `flask audit verify` finds each (a
thousand: tests/soak).
"""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.domain.hash_chain import START
from app.services import audit, authenticated_rows
from app.services.audit import find_audit_faults, get_event_hash
from app.services.clock import get_now
from tests.fixtures import audit_tampering, row_tampering
from tests.fixtures.audit_tampering import list_missed
from tests.fixtures.departments import install, make_departments
from tests.fixtures.forged_rows import Target
from tests.fixtures.office import Office

TAMPERINGS, ROW_TAMPERINGS, SLIPS = 100, 40, 12


def issue_slips(office: Office) -> None:
    """Some, each with its event."""
    for _ in range(SLIPS):
        office.issue()


def test_a_hundred_tamperings_are_all_found(office: Office) -> None:
    issue_slips(office)
    assert list_missed(TAMPERINGS, office.installation.row_keys) == []
    assert list(find_audit_faults(lambda: None, office.installation.row_keys)) == []


def test_without_the_previous_hash_in_each_some_would_pass(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: events that are each hashed by themselves say nothing of their order."""
    for module in (audit, audit_tampering):
        monkeypatch.setattr(module, "get_event_hash", lambda _previous, event: get_event_hash(START, event))
    issue_slips(office)
    assert {name for _, name in list_missed(TAMPERINGS, office.installation.row_keys)} >= {"swap"}


def test_tamperings_with_rows_that_decide_are_all_found(office: Office) -> None:
    keys = office.installation.row_keys
    history = row_tampering.make_history(Target(office, *install(office.installation, make_departments())))
    assert row_tampering.list_missed(history, ROW_TAMPERINGS, keys) == []
    assert list(find_audit_faults(lambda: None, keys)) == []


def test_by_codes_alone_what_is_gone_or_put_back_would_not_be_found(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: without the events."""
    history = row_tampering.make_history(Target(office, *install(office.installation, make_departments())))
    monkeypatch.setattr(audit.RowLedger, "note", lambda *_: None)
    monkeypatch.setattr(authenticated_rows, "get_moment", lambda *_: datetime.min.replace(tzinfo=UTC))
    monkeypatch.setattr(audit, "_find_oldest_event", get_now)
    missed = {
        name for _, name in row_tampering.list_missed(history, ROW_TAMPERINGS, office.installation.row_keys)
    }
    with_codes = {name.split()[0] for name in missed if not name.endswith(" desk_refusals")}
    assert with_codes == {"remove", "replay"}, missed
