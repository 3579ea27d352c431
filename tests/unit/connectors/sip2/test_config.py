"""All mistakes of a library's table are named by their keys, and no secret is."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fixtures.connectors import connect_all, list_faults
from tests.unit.connectors.sip2.library import demo_section


def faults_of(**changes: Any) -> list[str]:
    return list_faults(library=demo_section(**changes))


def test_the_demo_fragment_is_complete() -> None:
    assert connect_all({"library": demo_section()})["library"].actions == {"cancel-card"}


def test_an_empty_table_names_every_key_that_has_no_default() -> None:
    named = {fault.split()[0].removeprefix("connectors.x.") for fault in list_faults(x={"kind": "sip2"})}
    assert named == {"host", "port", "encoding", "question", "success", "no_record", "fields"}


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"host": "library.example.edu.cn"}, "tls"),
        ({"host": "a b"}, "host"),
        ({"port": 0}, "port"),
        ({"tls": True, "ca_file": "no/such/file"}, "ca_file"),
        ({"login_password": None}, "login_password"),
        ({"login_user": "a|b"}, "login_user"),
        ({"terminal_password": "geheim|"}, "terminal_password"),
        ({"encoding": "ascii"}, "actions.cancel-card.message"),
        ({"institution": "a;b", "delimiter": ";"}, "institution"),
        ({"encoding": "latin-1"}, "encoding"),
        ({"encoding": "utf-16"}, "encoding"),
        ({"delimiter": "||"}, "delimiter"),
        ({"delimiter": "A"}, "delimiter"),
        ({"terminator": "lf"}, "terminator"),
        ({"language": "zh"}, "language"),
        ({"question": "63"}, "question"),
        ({"question": "status"}, "fields.overdue_books.path"),
        ({"no_record": "empty"}, "no_record"),
        ({"no_record": "marked"}, "no_record_mark"),
        ({"no_record_mark": {"BL": "N"}}, "no_record_mark"),
        ({"currency": None}, "currency"),
        ({"checksum": "maybe"}, "checksum"),
        ({"checksum": "none", "sequence": "any"}, "sequence"),
        (
            {"without_fee": True, "fields": {"v": {"path": "AF", "type": "text"}}, "currency": None},
            "without_fee",
        ),
        (
            {"without_currency": True, "currency": None, "fields": {"v": {"path": "AF", "type": "text"}}},
            "without_currency",
        ),
        ({"currency": "yuan"}, "currency"),
        ({"success": {}}, "success"),
        ({"success": {"valid": "Y"}}, "success.valid"),
        ({"success": {"BL": True}}, "success.BL"),
        ({"groups": {"blocked": ["charge_refused"], "misdeeds": ["too_many_lost"]}}, "groups.blocked"),
        ({"groups": {"charge_denied": ["hold_denied"]}}, "groups.charge_denied"),
        ({"groups": {}}, "fields.violations.path"),
        ({"fields": {}}, "fields"),
        ({"fields": {"x": {"path": "charged_items[0]", "type": "count"}}}, "fields.x.path"),
        ({"fields": {"x": {"path": "charged_items", "type": "count", "json": "number"}}}, "fields.x.json"),
        ({"actions": {"cancel-card": {}}}, "actions.cancel-card.confirmed"),
        ({"actions": {"cancel-card": {"confirmed": {"BL": "N"}, "typo": 1}}}, "actions.cancel-card.typo"),
        ({"typo": 1}, "typo"),
    ],
)
def test_a_mistake_is_named_by_its_key(changes: dict[str, Any], named: str) -> None:
    faults = faults_of(**changes)
    assert any(fault.startswith(f"connectors.library.{named} ") for fault in faults), faults
    assert not any("geheim" in fault for fault in faults)


def test_another_machine_without_tls_needs_a_word_of_its_own() -> None:
    assert faults_of(host="10.0.0.7", plain_tcp=True) == []
    assert faults_of(host="10.0.0.7", tls=True) == []
