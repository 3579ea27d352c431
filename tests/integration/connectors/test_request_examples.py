"""The examples of requests in DEPARTMENTS.md, as they stand there, asked of the pretend campus."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from app.connectors.base import Connector
from app.domain.clearance import Reading
from tests.campus.client import PROJECT, CampusClient
from tests.campus.credentials import DEMO
from tests.campus.equipment import SECRET
from tests.fixtures.connectors import connect_all, list_faults
from tests.integration.connectors.stand_in import ask, fault_of

TEXT = (PROJECT / "config" / "DEPARTMENTS.md").read_text("utf-8")
SECTION = TEXT.split("### Worked examples: tokens, bodies, cursors, signatures\n")[1].split("\n## ")[0]
BLOCKS = re.findall(r"```toml\n(.*?)```", SECTION, re.DOTALL)
SECRETS: dict[str, dict[str, Any]] = {
    "equipment": {"token": {"secret": SECRET}},
    "archive": {"credential": DEMO.archive_secret, "secrets": {"gateway": {"value": "demo-gateway-0815"}}},
}


def merge(table: dict[str, Any], further: dict[str, Any]) -> dict[str, Any]:
    """A table with what the environment would put into it."""
    return table | {
        key: merge(table.get(key, {}), value) if isinstance(value, dict) else value
        for key, value in further.items()
    }


@pytest.fixture
def connectors(campus: CampusClient) -> dict[str, Connector]:
    campus.reset()
    campus.set_equipment_fault()
    tables = tomllib.loads("\n".join(BLOCKS))["connectors"]
    return connect_all(
        {
            name: merge(table, SECRETS[name]) | {"base_url": campus.url, "deadline_seconds": 10}
            for name, table in tables.items()
        }
    )


def test_the_examples_are_complete_but_for_their_secrets() -> None:
    tables = tomllib.loads("\n".join(BLOCKS))["connectors"]
    assert sorted(list_faults(**tables)) == [
        "connectors.archive.credential is missing",
        "connectors.archive.secrets.gateway.value is missing",
        "connectors.equipment.token.secret is missing",
    ]


def test_the_equipment_office_tells_of_the_instrument_behind_its_last_cursor(
    campus: CampusClient, connectors: dict[str, Connector]
) -> None:
    answer = ask(connectors["equipment"], "TS23000003")
    assert isinstance(answer, Reading)
    assert [record["state"] for record in answer.records] == ["已归还"] * 4 + ["未归还"]
    assert campus.count_equipment_calls() == {"token": 1, "loans": 3}


def test_the_archive_takes_the_signature_over_sorted_parameters(connectors: dict[str, Connector]) -> None:
    answer = ask(connectors["archive"], "TS23000002")
    assert isinstance(answer, Reading)
    assert answer.records == ({"state": "已审核"},)


def test_the_archive_refuses_a_signature_by_another_secret(campus: CampusClient) -> None:
    """The control: the pretend archive looks at the signature."""
    table = tomllib.loads("\n".join(BLOCKS))["connectors"]["archive"]
    wrong = merge(table, SECRETS["archive"]) | {"base_url": campus.url, "credential": "another-0815"}
    assert fault_of(connect_all({"archive": wrong})["archive"]) == "credential_refused"
