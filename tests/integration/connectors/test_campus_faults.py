"""Every fault of every system of the pretend campus makes it unavailable in time; healthy, its facts are right."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.connectors.base import ActionOutcome, Connector
from app.connectors.client import close_connectors, perform_action, query_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from tests.campus.client import CampusClient
from tests.campus.state import COMMON_FAULTS, Fault
from tests.integration.connectors.conftest import CREDENTIALS, demo_connectors

DEADLINE = 1.0
HARMLESS = {Fault.NONE, Fault.TIMEOUT_AFTER}
FAULTS = sorted(set(COMMON_FAULTS) - HARMLESS)
GOOD_LOANS = {"overdue_books": 0, "fine": Decimal("0.00"), "violations": 0, "card_status": "cancelled"}


def query(connectors: Mapping[str, Connector], number: str, deadline: float = 10) -> dict[str, Any]:
    """The records by system, or None for a system that is unavailable."""
    answers = query_systems(connectors, number, deadline)
    return {
        system: answer.records if isinstance(answer, Reading) else None for system, answer in answers.items()
    }


def test_healthy_systems_give_the_facts_they_hold(connectors: dict[str, Connector]) -> None:
    assert query(connectors, "TS23000003") == {
        "library_loans": (
            {"overdue_books": 2, "fine": Decimal("12.50"), "violations": 1, "card_status": "active"},
        ),
        "library_thesis": ({"state": "审核通过", "submitted_on": date(2026, 6, 1)},),
        "archive": ({"state": "已审核", "reviewed_on": date(2026, 6, 5)},),
        "dormitory": (
            {
                "building": "竹园2号楼",
                "room": "B412",
                "checkout_date": date(2026, 6, 10),
                "checkout_by": "王建国",
            },
        ),
        "finance": (),
    }


def test_empty_facts_and_no_records_are_told_apart(connectors: dict[str, Connector]) -> None:
    assert query(connectors, "TS23000005")["archive"] == ({"state": None, "reviewed_on": None},)
    dormitory = query(connectors, "TS23000006")["dormitory"]
    assert (dormitory[0]["checkout_date"], dormitory[0]["checkout_by"]) == (None, None)
    assert query(connectors, "TS23000007")["dormitory"] == ()


def test_fen_become_yuan_in_every_row(connectors: dict[str, Connector]) -> None:
    first, second = query(connectors, "TS23000008")["finance"]
    assert first == {
        "project": "2025学年学费",
        "amount": Decimal("500.00"),
        "deferred": Decimal("0.00"),
        "reduced": Decimal("0.00"),
        "loan": Decimal("0.00"),
        "row_status": "欠费",
    }
    assert second["amount"] == Decimal("300.00")


def test_a_reading_names_its_system_its_student_and_when_it_was_learnt(
    connectors: dict[str, Connector],
) -> None:
    before = datetime.now(UTC)
    reading = query_systems(connectors, "TS23000002", 10)["finance"]
    assert isinstance(reading, Reading)
    assert (reading.system, reading.student_number) == ("finance", "TS23000002")
    assert before <= reading.learnt_at <= datetime.now(UTC)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_makes_every_system_unavailable_in_time(
    campus: CampusClient,
    connectors: dict[str, Connector],
    fault: Fault,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for system in connectors:
        campus.set_fault(system, fault)
    caplog.set_level(logging.DEBUG)
    started = time.monotonic()
    answers = query_systems(connectors, "TS23000002", 10)
    assert time.monotonic() - started < DEADLINE + 3
    assert all(isinstance(answer, DepartmentUnavailable) for answer in answers.values())
    shown = caplog.text + "".join(map(repr, answers.values()))
    assert "TS23000002" not in shown
    assert not any(secret in shown for secret in CREDENTIALS.values())


@pytest.mark.parametrize("fault", FAULTS)
def test_the_systems_come_back_alone_after_every_fault(
    campus: CampusClient, connectors: dict[str, Connector], fault: Fault
) -> None:
    for system in connectors:
        campus.set_fault(system, fault)
    query(connectors, "TS23000002")
    for system in connectors:
        campus.set_fault(system)
    assert query(connectors, "TS23000002")["library_loans"] == (GOOD_LOANS,)


def test_a_slow_system_is_awaited_when_its_deadline_allows_it(campus: CampusClient) -> None:
    built = demo_connectors(campus.url, deadline_seconds=10.0)
    campus.set_fault("library_loans", "slow_2s")
    assert query(built, "TS23000002")["library_loans"] == (GOOD_LOANS,)
    close_connectors(built.values())


def test_a_wrong_credential_is_a_fault_of_its_own(campus: CampusClient) -> None:
    built = demo_connectors(campus.url, credential="wrong")
    answers = query_systems(built, "TS23000002", 10).values()
    assert {answer.fault for answer in answers if isinstance(answer, DepartmentUnavailable)} == {
        "credential_refused"
    }
    close_connectors(built.values())


def cancel(connectors: dict[str, Connector], number: str) -> ActionOutcome:
    return perform_action(connectors["library_loans"], "cancel-card", number, 10)


def test_a_card_is_cancelled_and_cancelling_it_again_is_confirmed(connectors: dict[str, Connector]) -> None:
    assert cancel(connectors, "TS23000001") is ActionOutcome.CONFIRMED
    assert query(connectors, "TS23000001")["library_loans"] == (GOOD_LOANS,)
    assert cancel(connectors, "TS23000001") is ActionOutcome.CONFIRMED


def test_a_refusal_is_told_as_one(connectors: dict[str, Connector]) -> None:
    assert cancel(connectors, "TS23000011") is ActionOutcome.REFUSED


@pytest.mark.parametrize("fault", sorted(set(COMMON_FAULTS) - {Fault.NONE}))
def test_after_any_fault_an_action_is_unknown_and_was_sent_once(
    campus: CampusClient, connectors: dict[str, Connector], fault: Fault
) -> None:
    campus.set_fault("library_loans", fault)
    assert cancel(connectors, "TS23000001") is ActionOutcome.UNKNOWN
    assert len(campus.calls("library_loans", "TS23000001")) == 1


def test_a_card_cancelled_behind_a_time_out_is_seen_by_asking_again(
    campus: CampusClient, connectors: dict[str, Connector]
) -> None:
    campus.set_fault("library_loans", "timeout_after")
    assert cancel(connectors, "TS23000001") is ActionOutcome.UNKNOWN
    assert query(connectors, "TS23000001")["library_loans"] == (GOOD_LOANS,)
