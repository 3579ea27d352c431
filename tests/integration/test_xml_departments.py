"""The whole product with an archive that answers XML and a finance office that answers SOAP: every fault of either, as a
student meets it on the page and at submit.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campus.client import CampusClient
from tests.campus.run import PROJECT
from tests.campus.state import Fault
from tests.conftest import Service
from tests.integration.test_fault_matrix import (
    DEADLINE_SECONDS,
    FAULTS,
    LIMITS,
    SLACK_SECONDS,
    SUBMITTING,
    Matrix,
    count_submissions,
    fill_matrix,
)
from tests.integration.test_manual import ALL_CLEARED
from tests.running import running_service
from tests.visitor import Visitor, list_statuses

IN_XML = ("archive", "finance")


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service by `config/demo_xml.toml`."""
    configs = [PROJECT / "config" / "demo_xml.toml"]
    with running_service(campus, tmp_path_factory.mktemp("xml"), LIMITS, configs=configs) as running:
        yield running


@pytest.fixture(scope="module")
def matrix(service: Service) -> Matrix:
    """Every fault of both at a time."""
    return fill_matrix(service.url, service.campus, SUBMITTING, together=[IN_XML])


@pytest.mark.parametrize(
    ("student", "changed"),
    [
        ("TS23000002", {}),
        ("TS23000005", {"archive": "outstanding"}),
        ("TS23000007", {}),
        ("TS23000008", {"finance": "outstanding"}),
    ],
)
def test_the_page_says_what_xml_and_soap_say(service: Service, student: str, changed: dict[str, str]) -> None:
    assert list_statuses(Visitor(service.url).sign_in(student)) == ALL_CLEARED | changed
    addresses = {call["address"] for system in IN_XML for call in service.campus.calls(system, student)}
    assert addresses == {f"GET /systems/archive/xml?xh={student}", "POST /systems/finance/soap"}


def test_no_fault_in_xml_clears_an_item_or_touches_another(matrix: Matrix) -> None:
    assert [cell for cell in matrix if cell.is_false_clear or cell.has_hurt_others] == []
    assert {(cell.fault, cell.system, cell.way) for cell in matrix} == {
        (fault, system, way) for fault in FAULTS for system in IN_XML for way in ("query", "submit")
    }


def test_no_fault_in_xml_lets_a_slip_out_or_fails_the_page(service: Service, matrix: Matrix) -> None:
    assert {(cell.way, cell.status) for cell in matrix} == {("query", 200), ("submit", 422)}
    assert count_submissions(service.environment, SUBMITTING) == 0
    assert max(cell.seconds for cell in matrix) < DEADLINE_SECONDS + SLACK_SECONDS


@pytest.mark.parametrize(
    ("fault", "system"), [(Fault.MISSING_PAGE, "finance"), (Fault.NOTHING_TEXT, "archive")]
)
def test_values_that_say_less_than_they_seem_to_clear_nothing_in_xml(
    service: Service, fault: Fault, system: str
) -> None:
    service.campus.set_fault(system, fault)
    statuses = list_statuses(Visitor(service.url).sign_in("TS23000009"))
    service.campus.set_fault(system)
    assert statuses[system] != "cleared"
