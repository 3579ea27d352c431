"""The OpenAPI description of the addresses that answer in JSON: complete, and true whatever is sent to them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from app.factory import create_app
from app.settings import load_settings
from tests.campus.client import PROJECT, CampusClient
from tests.conftest import Service
from tests.running import running_service

DESCRIPTION = PROJECT / "app" / "static" / "openapi.json"
SECONDS = 15
"""In every run; `make soak` takes longer."""
# A photo without a code is refused as what it is: its bytes are well-formed all the same.
CONFIGURATION = """
[[operations]]
include-name = "POST /verify"
checks.positive_data_acceptance.expected-statuses = ["2xx", 422]
"""
FOR_BROWSERS = {"verify.gate", "verify.gate_decoder", "verify.gate_manifest", "verify.gate_worker"}
COUNTED = ("VERIFICATION", "UNPROVEN", "TYPED", "TYPED_EVERYWHERE", "COMPARISON", "UPLOAD")


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that lets one address ask as often as a whole campus does."""
    limits = {f"LIXIAO_RATE_LIMIT__{name}": "100000000 per minute" for name in COUNTED}
    with running_service(campus, tmp_path_factory.mktemp("described"), limits) as running:
        yield running


def read_description() -> dict[str, Any]:
    description: dict[str, Any] = json.loads(DESCRIPTION.read_text(encoding="utf-8"))
    return description


def list_described(description: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Address and method of each operation."""
    return {
        (path, method.upper())
        for path, item in description["paths"].items()
        for method in item
        if method in ("get", "post")
    }


def list_json_routes(app: Flask) -> set[tuple[str, str]]:
    """Address and method of each route of verification and operation but those for browsers alone."""
    return {
        (rule.rule.replace("<any_text:code>", "{code}"), method)
        for rule in app.url_map.iter_rules()
        if rule.endpoint.startswith(("verify.", "ops.")) and rule.endpoint not in FOR_BROWSERS
        for method in (rule.methods or set()) & {"GET", "POST"}
    }


def run_schemathesis(service: Service, folder: Path, description: Path, seconds: int = SECONDS) -> str:
    """Send what the description allows and what it forbids, as a signed-in guard; what was found wrong."""
    guard = service.visit()
    guard.sign_in("00420016", "/completed")
    token = guard.get("/gate/session").json()["csrf_token"]
    cookies = "; ".join(f"{name}={value}" for name, value in guard.http.cookies.get_dict().items())
    (folder / "schemathesis.toml").write_text(CONFIGURATION)
    command = [str(Path(sys.executable).with_name("schemathesis")), "--config-file", "schemathesis.toml"]
    command += ["run", str(description), "--url", service.url, "--max-time", str(seconds), "--seed", "1"]
    command += ["-H", f"Cookie: {cookies}", "-H", f"X-CSRFToken: {token}", "-H", "Accept: application/json"]
    command += ["--no-color", "--warnings", "off", "--max-failures", "1"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=240)
    assert ("passed" in done.stdout) or done.returncode, done.stdout + done.stderr
    return done.stdout if done.returncode else ""


def test_every_address_that_answers_in_json_is_described_and_no_other(service: Service) -> None:
    routes = list_json_routes(create_app(load_settings(service.environment)))
    # Prometheus' own form, for those who hold the token.
    assert list_described(read_description()) == routes - {("/metrics", "GET")}


def test_the_description_is_served(service: Service) -> None:
    answer = requests.get(f"{service.url}/static/openapi.json", timeout=30)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json() == read_description()


def test_the_service_answers_as_described_whatever_is_sent(service: Service, tmp_path: Path) -> None:
    assert run_schemathesis(service, tmp_path, DESCRIPTION) == ""


def test_a_description_that_is_not_true_is_noticed(service: Service, tmp_path: Path) -> None:
    description = read_description()
    description["components"]["schemas"]["Verdict"]["enum"].remove("malformed")
    description["paths"] = {"/v/{code}": description["paths"]["/v/{code}"]}
    (tmp_path / "untrue.json").write_text(json.dumps(description))
    found = run_schemathesis(service, tmp_path, tmp_path / "untrue.json")
    assert "malformed" in found
