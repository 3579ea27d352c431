"""All mistakes of all systems are listed at once, by key and without secrets."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors.registry import describe_systems, read_connectors
from tests.fixtures.connectors import connect_all, list_faults
from tests.unit.connectors.demo import demo_sections


def faults_of(sections: dict[str, dict[str, Any]]) -> list[str]:
    return list_faults(**sections)


def test_the_demo_systems_are_complete() -> None:
    sections = demo_sections()
    assert faults_of(sections) == []
    connectors = connect_all(sections)
    assert connectors["library_loans"].actions == {"cancel-card"}
    assert set(describe_systems(connectors.values()).values()) == {"not asked yet"}


def test_an_empty_table_names_every_key_that_has_no_default() -> None:
    named = {
        fault.split()[0].removeprefix("connectors.x.") for fault in faults_of({"x": {"kind": "http_json"}})
    }
    assert named == {
        "base_url", "path", "method", "number_in", "number_name", "credential_in", "success", "echo", "rows_path", "rows",
        "no_record", "fields",
    }  # fmt: skip


def test_contradictions_come_together_with_keys_that_are_wrong_in_themselves() -> None:
    section = demo_sections()["finance"] | {"typo": 1, "deadline_seconds": "3", "count": "", "credential": ""}
    told = {fault.removeprefix("connectors.finance.").split()[0] for fault in faults_of({"finance": section})}
    assert told == {"typo", "deadline_seconds", "rows", "credential"}


def test_a_key_that_is_wrong_in_itself_contradicts_nothing() -> None:
    section = demo_sections()["finance"] | {"count": 3}
    assert [fault.split()[0] for fault in faults_of({"finance": section})] == ["connectors.finance.count"]


def test_the_mistakes_of_several_systems_come_together() -> None:
    sections = demo_sections()
    sections["finance"]["rows"] = "all"
    del sections["archive"]["no_record"]
    sections["dormitory"]["typo"] = 1
    sections["library_thesis"]["kind"] = "soap"
    faults = "\n".join(faults_of(sections))
    for key in ("finance.rows", "archive.no_record", "dormitory.typo", "library_thesis.kind"):
        assert f"connectors.{key} " in faults
    assert "secret-of" not in faults


@pytest.mark.parametrize(
    ("system", "changes", "named"),
    [
        ("finance", {"base_url": "http://finance.example.edu.cn"}, "base_url"),
        ("finance", {"base_url": "https://user:pass@finance.example.edu.cn"}, "base_url"),
        ("finance", {"base_url": "http://["}, "base_url"),
        ("finance", {"base_url": "https://a:99999"}, "base_url"),
        ("finance", {"base_url": "ftp://a"}, "base_url"),
        ("finance", {"method": "GET"}, "method"),
        ("finance", {"number_in": "form"}, "number_in"),
        ("finance", {"number_in": "path"}, "path"),
        ("finance", {"success": {}}, "success"),
        ("finance", {"success": {"code": 0.5}}, "success.code"),
        ("finance", {"success": {"code": []}}, "success.code"),
        ("finance", {"success": {"a..b": 0}}, "success.a..b"),
        ("finance", {"rows_path": "data.arrears[0]"}, "rows_path"),
        ("finance", {"echo": "data..x"}, "echo"),
        ("finance", {"no_record": "empty_list"}, "no_record"),
        ("finance", {"no_record_mark": {"a": 1}}, "no_record_mark"),
        ("finance", {"no_record": "marked"}, "no_record_mark"),
        ("dormitory", {"no_record_mark": {"code": 0}, "success": {"code": 0}}, "no_record_mark"),
        ("dormitory", {"no_record_mark": {"code": [0, 1]}, "success": {"code": 0, "a": 1}}, "no_record_mark"),
        ("finance", {"fields": {}}, "fields"),
        ("finance", {"fields": {"a": {"path": "a", "type": "money"}}}, "fields.a.unit"),
        ("finance", {"fields": {"a": {"path": "a", "type": "number"}}}, "fields.a.type"),
        ("finance", {"fields": {"a": {"path": "a", "type": "day", "unit": "fen"}}}, "fields.a.unit"),
        (
            "finance",
            {"fields": {"a": {"path": "a", "type": "text", "known": ["x"], "values": {"y": "z"}}}},
            "fields.a.known",
        ),
        ("finance", {"fields": {"a": {"path": "a", "type": "text", "pattern": "("}}}, "fields.a.pattern"),
        ("finance", {"credential": "geheim\n"}, "credential"),
        ("finance", {"credential_file": "no/such/file"}, "credential"),
        ("finance", {"ca_file": "no/such/file"}, "ca_file"),
        ("finance", {"deadline_seconds": 0}, "deadline_seconds"),
        ("finance", {"max_connections": 0}, "max_connections"),
        ("library_thesis", {"path": "/students"}, "path"),
        ("library_thesis", {"path": "/{student_number}/{x}"}, "path"),
        ("archive", {"signature": {}}, "signature.message"),
        ("archive", {"credential_name": "sign"}, "credential_name"),
        ("library_loans", {"actions": {"cancel-card": {}}}, "actions.cancel-card.confirmed"),
    ],
)
def test_a_mistake_is_named_by_its_key(system: str, changes: dict[str, Any], named: str) -> None:
    sections = demo_sections()
    faults = faults_of({system: sections[system] | changes})
    assert any(fault.startswith(f"connectors.{system}.{named} ") for fault in faults), faults
    assert not any("secret-of" in fault or "geheim" in fault for fault in faults)


@pytest.mark.parametrize(
    "message",
    [
        "xh={student_number}&key={secret}",
        "{timestamp}{nonce}{student_number}",
        "{timestamp}{nonce}{student_number}{secret}{other}",
        "{timestamp}{nonce}{student_number}{secret.__class__}",
        "{timestamp}{nonce}{student_number}{secret}{",
    ],
)
def test_a_signed_message_holds_what_makes_it_fresh_and_nothing_unknown(message: str) -> None:
    section = demo_sections()["archive"]
    section["signature"] |= {"message": message}
    assert faults_of({"archive": section}) != []


@pytest.mark.parametrize(
    "where", [(), ("fields", "state"), ("actions", "cancel")], ids=["system", "field", "action"]
)
@pytest.mark.parametrize(
    "key", ["conventions", "name", "only_shown_as", "key_form", "json_type", "may_be_empty", "rows_path_"]
)
def test_what_the_service_adds_to_a_table_is_no_key_of_it(where: tuple[str, ...], key: str) -> None:
    action = {"path": "/x", "method": "POST", "number_in": "form", "number_name": "n", "echo": "n"}
    section = demo_sections()["archive"] | {"actions": {"cancel": action | {"confirmed": {"done": True}}}}
    inner = section
    for part in where:
        inner = inner[part]
    inner[key] = "x"
    assert faults_of({"archive": section}) == [
        f"{'.'.join(('connectors', 'archive', *where, key))} is not a known key"
    ]


def test_what_is_right_in_a_table_with_mistakes_is_there_to_be_looked_at() -> None:
    sections = demo_sections()
    sections["finance"] |= {"count": "", "rows": "many"}
    sections["dormitory"] |= {"deadline_seconds": "soon"}
    sections["archive"]["fields"]["state"]["type"] = "number"
    faults: list[str] = []
    configs = read_connectors(sections, faults)
    assert len(faults) == 3
    assert set(configs["finance"].fields) == set(sections["finance"]["fields"])
    assert set(configs["dormitory"].fields) == set(sections["dormitory"]["fields"])
    # Whether its facts fit a mini-app nobody can tell.
    assert "archive" not in configs


def test_plain_http_to_another_machine_needs_a_word_of_its_own() -> None:
    section = demo_sections()["finance"] | {"base_url": "http://10.0.0.7:8080"}
    assert faults_of({"finance": section}) != []
    assert faults_of({"finance": section | {"plain_http": True}}) == []
