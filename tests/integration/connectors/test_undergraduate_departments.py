"""The two departments that the undergraduate departure adds, by the configuration that adds them."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import pytest

from app.connectors.base import Connector
from app.connectors.client import close_connectors, query_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from tests.campus.client import PROJECT, CampusClient
from tests.campus.credentials import DEMO
from tests.campus.state import COMMON_FAULTS, Fault
from tests.fixtures.connectors import connect_all

CONFIG = PROJECT / "config" / "demo_undergraduate.toml"


@pytest.fixture
def connectors(campus: CampusClient) -> Iterator[dict[str, Connector]]:
    """The connectors that the configuration adds, with a short deadline."""
    sections = tomllib.loads(CONFIG.read_text("utf-8"))["connectors"]
    changes = {"base_url": campus.url, "deadline_seconds": 1.0}
    tables = {
        name: section | changes | {"credential": DEMO.of_systems[name]} for name, section in sections.items()
    }
    built = connect_all(tables)
    yield built
    close_connectors(built.values())


def test_healthy_departments_give_the_facts_they_hold(connectors: dict[str, Connector]) -> None:
    answers = query_systems(connectors, "08230001", 10)
    assert {name: answer.records for name, answer in answers.items() if isinstance(answer, Reading)} == {
        "campus_card": ({"balance": Decimal("0.00"), "status": "closed"},),
        "student_card": ({"state": "已上交", "handed_in_on": date(2026, 6, 11)},),
    }
    card = query_systems(connectors, "08230002", 10)["campus_card"]
    assert isinstance(card, Reading)
    assert card.records == ({"balance": Decimal("23.40"), "status": "active"},)


@pytest.mark.parametrize("fault", sorted(set(COMMON_FAULTS) - {Fault.NONE, Fault.TIMEOUT_AFTER}))
def test_every_fault_makes_either_department_unavailable(
    campus: CampusClient, connectors: dict[str, Connector], fault: Fault
) -> None:
    healthy = query_systems(connectors, "08230001", 10).values()
    assert all(isinstance(answer, Reading) for answer in healthy)
    for system in connectors:
        campus.set_fault(system, fault)
    answers = query_systems(connectors, "08230001", 10).values()
    assert len(answers) == 2
    assert all(isinstance(answer, DepartmentUnavailable) for answer in answers)


def test_a_student_whom_a_department_does_not_know_is_unavailable_not_passed(
    connectors: dict[str, Connector],
) -> None:
    answers = query_systems(connectors, "08239999", 10).values()
    assert all(isinstance(answer, DepartmentUnavailable) for answer in answers)
