"""What a request always holds, and its further secrets: each in its place, and no two in one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from app.connectors.http.request import build_request
from app.http_client import Request
from tests.campus.signatures import sign_md5
from tests.fixtures.connectors import list_faults, read_config
from tests.unit.connectors.demo import STUDENT

SECRET = "geheim-0816"
SECTION: dict[str, Any] = {
    "kind": "http_json",
    "base_url": "http://localhost:1",
    "path": "/readers",
    "method": "GET",
    "number_in": "query",
    "number_name": "no",
    "credential_in": "header",
    "credential_name": "X-Key",
    "credential": "geheim-0815",
    "success": {"code": 0},
    "echo": "no",
    "rows_path": "rows",
    "rows": "one",
    "no_record": "never",
    "fields": {"books": {"path": "books", "type": "count"}},
}
POST_JSON = {"method": "POST", "number_in": "json"}
SORTED: dict[str, Any] = {
    "method": "md5",
    "message": "{sorted}&key={secret}",
    "app_id": "lixiao",
    "app_id_name": "appid",
    "timestamp_name": "ts",
    "nonce_name": "nonce",
    "signature_name": "sign",
    "upper_case": True,
}


def make_section(**changes: Any) -> dict[str, Any]:
    section = SECTION | changes
    if "signature" in changes:
        del section["credential_name"]
    return section


def build(**changes: Any) -> Request:
    config = read_config(make_section(**changes))
    return build_request(config, config, STUDENT, 1_780_000_000, "once")


def faults_of(**changes: Any) -> list[str]:
    return [fault.removeprefix("connectors.x.") for fault in list_faults(x=make_section(**changes))]


def test_fixed_fields_go_where_they_are_written() -> None:
    fixed = {"query": {"tenant": 7, "v": "1.0"}, "header": {"X-Tenant": "grad", "X-Source": "lixiao"}}
    request = build(fixed=fixed)
    assert parse_qs(urlsplit(request.url).query) == {"tenant": ["7"], "v": ["1.0"], "no": [STUDENT]}
    assert request.headers == {"X-Tenant": "grad", "X-Source": "lixiao", "X-Key": "geheim-0815"}
    form = build(method="POST", number_in="form", fixed={"form": {"type": "grad", "page": 1}})
    assert parse_qs((form.body or b"").decode()) == {"type": ["grad"], "page": ["1"], "no": [STUDENT]}


def test_a_dotted_name_of_json_and_a_table_lead_into_one_object() -> None:
    request = build(
        **POST_JSON,
        number_name="data.filter.xh",
        credential_in="json",
        credential_name="head.key",
        fixed={
            "json": {
                "head": {"app": "x", "v": 2},
                "data.deep": True,
                "data": {"fields": ["a", 1, False]},
                "f": 0.5,
            }
        },
    )
    assert json.loads(request.body or b"") == {
        "head": {"app": "x", "v": 2, "key": "geheim-0815"},
        "data": {"deep": True, "fields": ["a", 1, False], "filter": {"xh": STUDENT}},
        "f": 0.5,
    }


def test_further_secrets_travel_and_are_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "gateway"
    file.write_text(SECRET + "\n", encoding="utf-8")
    file.chmod(0o600)
    secrets = {
        "gateway": {"placed_in": "header", "name": "X-Gateway", "prefix": "Key ", "value_file": str(file)},
        "tenant": {"placed_in": "query", "name": "t", "value": SECRET},
    }
    config = read_config(make_section(secrets=secrets))
    request = build_request(config, config, STUDENT, 0, "once")
    assert request.headers["X-Gateway"] == f"Key {SECRET}"
    assert parse_qs(urlsplit(request.url).query)["t"] == [SECRET]
    assert SECRET not in repr(config) + repr(request)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"fixed": {"query": {"no": "1"}}}, "fixed.query.no"),
        ({"fixed": {"header": {"x-key": "1"}}}, "fixed.header.x-key"),
        ({"fixed": {"header": {"Host": "x"}}}, "fixed.header.Host"),
        ({"fixed": {"header": {"content-length": "1"}}}, "fixed.header.content-length"),
        ({"fixed": {"header": {"X-A": "a\r\nX-B: 1"}}}, "fixed.header.X-A"),
        ({"fixed": {"header": {"X-A": " "}}}, "fixed.header.X-A"),
        ({"fixed": {"header": {"X-A": 1}}}, "fixed.header.X-A"),
        ({"fixed": {"query": {"a": True}}}, "fixed.query.a"),
        ({"fixed": {"query": {"a b": "1"}}}, "fixed.query.a b"),
        ({"fixed": {"query": 1}}, "fixed.query"),
        ({"fixed": {"cookie": {}}}, "fixed.cookie"),
        ({"fixed": {"form": {"a": "1"}}}, "fixed.form"),
        ({"fixed": {"json": {"a": 1}}}, "method"),
        (POST_JSON | {"fixed": {"form": {"a": "1"}}}, "fixed.form"),
        (POST_JSON | {"fixed": {"json": {"a": {}}}}, "fixed.json.a"),
        (POST_JSON | {"fixed": {"json": {"a": float("nan")}}}, "fixed.json.a"),
        (POST_JSON | {"fixed": {"json": {"a.b": 1, "a": {"b": 2}}}}, "fixed.json.a.b"),
        (POST_JSON | {"fixed": {"json": {"no": 1}}}, "fixed.json.no"),
        (POST_JSON | {"fixed": {"json": {"no": {"a": 1}}}}, "fixed.json.no.a"),
        (POST_JSON | {"number_name": "data.", "fixed": {}}, "number_name"),
        ({"path": "/readers?no=1"}, "path"),
        ({"secrets": {"a": {"placed_in": "header", "name": "X-KEY", "value": SECRET}}}, "secrets.a.name"),
        ({"secrets": {"a": {"placed_in": "header", "name": "Host", "value": SECRET}}}, "secrets.a.name"),
        ({"secrets": {"a": {"placed_in": "header", "name": "X-A", "value": "a\nb"}}}, "secrets.a.value"),
        ({"secrets": {"a": {"placed_in": "path", "name": "X-A", "value": SECRET}}}, "secrets.a.placed_in"),
        ({"secrets": {"a": {"placed_in": "header", "name": "X-A"}}}, "secrets.a.value"),
        ({"secrets": {"a": {"placed_in": "json", "name": "a", "value": SECRET}}}, "method"),
    ],
)
def test_two_keys_for_one_place_and_what_cannot_be_sent_are_told_at_start(
    changes: dict[str, Any], named: str
) -> None:
    faults = faults_of(**changes)
    assert any(fault.startswith(f"{named} ") for fault in faults), faults
    assert not any(SECRET in fault for fault in faults)


def test_an_action_has_fixed_fields_of_its_own_and_is_told_of_alone() -> None:
    action = {
        "path": "/cancel",
        "method": "POST",
        "number_in": "json",
        "number_name": "no",
        "echo": "no",
        "confirmed": {"code": 0},
    }
    config = read_config(make_section(actions={"cancel": action | {"fixed": {"json": {"op": "cancel"}}}}))
    request = build_request(config, config.actions["cancel"], STUDENT, 0, "once")
    assert json.loads(request.body or b"") == {"op": "cancel", "no": STUDENT}
    faults = faults_of(actions={"cancel": action | {"fixed": {"json": {"no": "cancel"}}}})
    assert [fault.split()[0] for fault in faults] == ["actions.cancel.fixed.json.no"]


def test_all_parameters_are_signed_sorted_with_the_secret_behind_them() -> None:
    request = build(
        path="/readers?method=find",
        credential_in="query",
        signature=SORTED,
        fixed={"query": {"v": "1.0", "Zone": "东区", "empty": ""}},
    )
    sent = {
        name: values[0]
        for name, values in parse_qs(urlsplit(request.url).query, keep_blank_values=True).items()
    }
    sign = sent.pop("sign")
    assert set(sent) == {"method", "v", "Zone", "empty", "no", "appid", "ts", "nonce"}
    assert sign == sign_md5(sent, "geheim-0815")
    assert sign != sign_md5(sent | {"no": "TS23000009"}, "geheim-0815"), "the control: another student's"
    assert "geheim-0815" not in request.url


def test_a_signature_of_sorted_parameters_is_made_of_a_body_and_as_the_system_joins_them() -> None:
    signature = SORTED | {
        "message": "{secret}{sorted}{secret}",
        "name_separator": "",
        "pair_separator": "",
        "signs_empty": False,
        "nonce_name": "",
    }
    fixed = {"json": {"b": 2, "a": True, "n": ""}}
    request = build(**POST_JSON, credential_in="json", signature=signature, fixed=fixed)
    sent = json.loads(request.body or b"")
    expected = f"geheim-0815atrueappidlixiaob2no{STUDENT}ts1780000000geheim-0815"
    assert sent.pop("sign") == md5(expected)
    assert sent == {"b": 2, "a": True, "n": "", "no": STUDENT, "appid": "lixiao", "ts": "1780000000"}


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"message": "{sorted}"}, "signature.message"),
        ({"message": "{sorted}{secret}{other}"}, "signature.message"),
        ({"message": "{nonce}{timestamp}{student_number}{secret}", "nonce_name": ""}, "signature.nonce_name"),
        ({"app_id": ""}, "signature.app_id"),
        ({"app_id_name": ""}, "signature.app_id"),
        (
            {"message": "{nonce}{timestamp}{student_number}{secret}", "signs_empty": False},
            "signature.signs_empty",
        ),
        ({"nonce_name": "no"}, "number_name"),
        ({"nonce_name": "ts"}, "signature.timestamp_name"),
    ],
)
def test_a_signature_that_cannot_be_made_is_told_at_start(changes: dict[str, Any], named: str) -> None:
    faults = faults_of(credential_in="query", signature=SORTED | changes)
    assert any(fault.startswith(f"{named} ") for fault in faults), faults


def test_nothing_that_has_no_one_text_is_signed_sorted() -> None:
    nested = POST_JSON | {"credential_in": "json", "signature": SORTED}
    assert faults_of(**nested, number_name="data.no")[0].startswith("number_name is inside an object")
    assert faults_of(**nested, fixed={"json": {"a": [1]}})[0].startswith("fixed.json.a is a list")
    twice = faults_of(**nested, fixed={"query": {"no": "1"}})
    assert {fault.split()[0] for fault in twice} == {"fixed.query.no", "number_name"}
