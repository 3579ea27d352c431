"""The configured providers."""

from __future__ import annotations

from typing import Any

from app.domain.person import NumberForm
from app.identity.registry import build_providers

GOOD: dict[str, Any] = {
    "kind": "oidc",
    "label": "统一身份认证",
    "issuer": "https://id.example.edu",
    "client_id": "lixiao",
    "client_secret": "very-secret-value",
    "claims": {"student_number": "number", "name": "name"},
}


def build(**sections: dict[str, Any]) -> tuple[list[str], list[str]]:
    faults: list[str] = []
    return list(build_providers(sections, NumberForm(), faults)), faults


def test_providers_are_built_in_the_order_of_the_file() -> None:
    assert build(phone=GOOD, pc=GOOD) == (["phone", "pc"], [])


def test_an_unknown_kind_is_named() -> None:
    names, faults = build(campus=GOOD | {"kind": "ldap"})
    assert names == []
    assert "sign_in.campus.kind must be one of" in faults[0]


def test_every_fault_is_listed_and_no_secret() -> None:
    wrong = {"kind": "oidc", "client_secret": "very-secret-value", "scope": "profile", "colour": "red"}
    _, faults = build(campus=wrong | {"client_auth": "magic"})
    told = "\n".join(faults)
    for key in ("label", "issuer", "client_id", "scope", "colour", "client_auth", "claims.student_number"):
        assert f"sign_in.campus.{key}" in told
    assert "very-secret-value" not in told


def test_a_provider_over_plain_http_is_refused_except_on_this_machine() -> None:
    _, faults = build(campus=GOOD | {"issuer": "http://id.example.edu"})
    assert "sign_in.campus.issuer must be an https address" in faults[0]
    _, faults = build(campus=GOOD | {"issuer": "http://127.0.0.1:8001/oidc"})
    assert faults == []


def test_a_name_that_does_not_fit_into_an_address_is_refused() -> None:
    _, faults = build(**{"Campus/1": GOOD})
    assert "sign_in.Campus/1 must be named" in faults[0]
