"""Random changes to the audit events past the service: `flask audit verify` finds each (a thousand: tests/soak)."""

from __future__ import annotations

import pytest

from app.domain.hash_chain import START
from app.services import audit
from app.services.audit import find_audit_faults, get_event_hash
from tests.fixtures import audit_tampering
from tests.fixtures.audit_tampering import list_missed
from tests.fixtures.office import Office

TAMPERINGS, SLIPS = 100, 12


def issue_slips(office: Office) -> None:
    """Some, each with its event."""
    for _ in range(SLIPS):
        office.issue()


def test_a_hundred_tamperings_are_all_found(office: Office) -> None:
    issue_slips(office)
    assert list_missed(TAMPERINGS) == []
    assert list(find_audit_faults(lambda: None)) == []


def test_without_the_previous_hash_in_each_some_would_pass(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: events that are each hashed by themselves say nothing of their order."""
    for module in (audit, audit_tampering):
        monkeypatch.setattr(module, "get_event_hash", lambda _previous, event: get_event_hash(START, event))
    issue_slips(office)
    assert {name for _, name in list_missed(TAMPERINGS)} >= {"swap"}
