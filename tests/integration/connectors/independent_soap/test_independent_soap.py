"""The connector, and the whole product, against a SOAP server that others wrote: two readings that must agree.

It runs where it is installed: SOAP_PACKAGE names the main file of the Node package soap.
"""

from __future__ import annotations

import os
import shutil
import tomllib
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import Connector
from app.domain.clearance import Reading
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.connectors import connect_all
from tests.integration.auth.independent.test_independent_servers import leave_out, running
from tests.integration.connectors.stand_in import ask, fault_of
from tests.integration.test_manual import ALL_CLEARED
from tests.running import running_service
from tests.visitor import APP, Visitor, list_statuses

HERE = Path(__file__).parent
TOKEN = 'geheim <&"0815>'
CONFIG = """
[mini_apps.graduate_departure.steps]
finance = "finance_office"

[connectors.finance_office]
kind = "http_xml"
base_url = "{url}"
path = "/finance"
method = "POST"
number_in = "body"
credential_in = "body"
credential_name = "credential"
success = {{ getArrearsResponse.code = "0" }}
echo = "getArrearsResponse.number"
rows_path = "getArrearsResponse.rows.row"
rows = "many"
count = "getArrearsResponse.total"
no_record = "empty"

[connectors.finance_office.soap]
version = "{version}"
action = "urn:finance#getArrears"

[connectors.finance_office.body]
format = "xml"
template = '''
<f:getArrears xmlns:f="urn:finance"><f:number>{{student_number}}</f:number><f:token>{{credential}}</f:token></f:getArrears>'''

[connectors.finance_office.fields]
project = {{ path = "project", type = "text" }}
amount = {{ path = "amount", type = "money", unit = "yuan" }}
deferred = {{ path = "deferred", type = "money", unit = "yuan" }}
reduced = {{ path = "reduced", type = "money", unit = "yuan" }}
loan = {{ path = "loan", type = "money", unit = "yuan" }}
row_status = {{ path = "status", type = "text", known = ["欠费"] }}
"""
NAME = "finance_office"


@pytest.fixture(scope="module", params=["1.1", "1.2"])
def config(request: pytest.FixtureRequest) -> Iterator[str]:
    """The configuration for a running server of a SOAP version."""
    node = shutil.which("node")
    if not os.environ.get("SOAP_PACKAGE") or node is None:
        leave_out("SOAP_PACKAGE is not set: the SOAP server was left out")
    with running([node, str(HERE / "server.mjs"), request.param, TOKEN]) as url:
        yield CONFIG.format(url=url, version=request.param)


def connect(config: str, **changes: Any) -> Connector:
    section = tomllib.loads(config)["connectors"][NAME] | {"credential": TOKEN} | changes
    return connect_all({NAME: section})[NAME]


@pytest.mark.parametrize(
    ("student", "owed"),
    [
        ("TS23000002", []),
        ("TS23000003", [("学费 <2025> & 住宿费", Decimal("12.50"))]),
        ("TS23000008", [("学费", Decimal("500.00")), ("住宿费", Decimal("300.00"))]),
    ],
)
def test_no_row_one_and_several_are_read_as_the_server_wrote_them(
    config: str, student: str, owed: list[Any]
) -> None:
    reading = ask(connect(config), student)
    assert isinstance(reading, Reading), reading
    assert [(record["project"], record["amount"]) for record in reading.records] == owed


def test_its_faults_are_understood_as_faults(config: str) -> None:
    assert fault_of(connect(config), "TS1") == "soap_fault"
    assert fault_of(connect(config, credential="wrong"), "TS23000002") == "soap_fault"
    other = {"format": "xml", "template": "<a><b>{student_number}</b><c>{credential}</c></a>"}
    assert fault_of(connect(config, body=other), "TS23000002") in ("soap_fault", "server_error")


def test_a_number_that_would_be_another_element_stays_a_number(config: str) -> None:
    # Joined as it is, the second number would be asked for, who owes nothing.
    number = "x</f:number><f:number>TS23000002"
    assert fault_of(connect(config), number) == "soap_fault"


@pytest.fixture
def service(config: str, campus: CampusClient, tmp_path: Path) -> Iterator[Service]:
    """A service whose finance office is this server."""
    file = tmp_path / "soap.toml"
    file.write_text(config, encoding="utf-8")
    changes = {"LIXIAO_CONNECTORS__FINANCE_OFFICE__CREDENTIAL": TOKEN}
    with running_service(campus, tmp_path / "data", changes, configs=[file]) as running:
        yield running


def test_the_page_shows_what_the_server_says_and_lets_go_whoever_owes_nothing(service: Service) -> None:
    owing = Visitor(service.url).sign_in("TS23000008")
    assert list_statuses(owing) == ALL_CLEARED | {"finance": "outstanding"}
    assert "300.00" in owing.text
    unknown = Visitor(service.url).sign_in("TS23000009")
    assert list_statuses(unknown) == ALL_CLEARED | {"finance": "unavailable"}
    visitor = Visitor(service.url)
    assert list_statuses(visitor.sign_in("TS23000002", f"{APP}/clearance?wait=1")) == ALL_CLEARED
    assert visitor.submit().status_code == 303
