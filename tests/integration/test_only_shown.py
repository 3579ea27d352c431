"""On the running product: an odd word in a fact that is only shown neither blocks a student nor hides a debt."""

from __future__ import annotations

import pytest

from tests.conftest import Service
from tests.integration.test_manual import get_item
from tests.visitor import Visitor, list_statuses

NUMBER = "TS23000002"


@pytest.mark.parametrize(
    ("system", "facts"),
    [("archive", {"reviewed_on": "1990-01-01"}), ("library_thesis", {"submitted_on": "2099-01-01"})],
)
def test_a_day_that_cannot_be_is_shown_as_none_and_the_item_passes(
    service: Service, visitor: Visitor, system: str, facts: dict[str, str]
) -> None:
    service.campus.set_facts(NUMBER, system, **facts)
    page = visitor.sign_in(NUMBER)
    assert list_statuses(page)[system] == "cleared"
    assert next(iter(facts.values())) not in get_item(page.text, system)


@pytest.mark.parametrize("project", ["无", "-", ""])
def test_a_debt_without_a_name_is_outstanding(service: Service, visitor: Visitor, project: str) -> None:
    row = {"project": project, "amount": "800.00", "deferred": "0.00", "reduced": "0.00", "loan": "0.00"}
    service.campus.set_facts(NUMBER, "finance", rows=[row])
    page = visitor.sign_in(NUMBER)
    assert list_statuses(page)["finance"] == "outstanding"
    assert "¥800.00" in get_item(page.text, "finance")


def test_a_day_that_the_rule_reads_still_decides(service: Service, visitor: Visitor) -> None:
    service.campus.set_facts(NUMBER, "dormitory", checkout_date="1990-01-01")
    assert list_statuses(visitor.sign_in(NUMBER))["dormitory"] == "unavailable"
