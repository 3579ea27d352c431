"""The test vectors of the slip's code: our verifier and an independent one agree on them all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from app.domain.keys import parse_key_ring
from app.domain.slip import parse_slip_record
from app.domain.slip_code import (
    CheckedCode,
    MalformedCode,
    SlipCode,
    check_slip_code,
    has_content,
    parse_short_code,
)
from tests.vectors.make_slip_code_vectors import VECTOR_FILE, render_vectors

VECTORS: dict[str, Any] = json.loads(VECTOR_FILE.read_text(encoding="ascii"))
MUST_FAIL = [vector for vector in VECTORS["vectors"] if "cure" in vector]
VERIFIER = VECTOR_FILE.with_name("verify_slip_code.mjs")
NODE = shutil.which("node")


def check_vector(vector: dict[str, Any]) -> CheckedCode:
    """What our verifier says of a vector."""
    ring = parse_key_ring(VECTORS["rings"][vector["keys"]])
    return check_slip_code(vector["text"], vector["host"], ring, date.fromisoformat(vector["today"]))


def write_fields(code: SlipCode | None) -> dict[str, Any] | None:
    """A code's fields as the vectors write them."""
    if code is None:
        return None
    fields = {name: getattr(code, name) for name in SlipCode.__slots__}
    return {name: _write_value(value) for name, value in fields.items()}


def _write_value(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return value.isoformat() if isinstance(value, date) else value


def test_the_file_is_what_its_generator_makes() -> None:
    assert VECTOR_FILE.read_text(encoding="ascii") == render_vectors()


def test_the_vectors_cover_every_layer_under_names_of_their_own() -> None:
    names = [vector["name"] for vector in VECTORS["vectors"]]
    layers = Counter(vector["layer"] for vector in VECTORS["vectors"])

    assert len(names) == len(set(names)) >= 60
    assert set(layers) == {"good", "text", "body", "key", "key state", "signature", "host", "time", "content"}


@pytest.mark.parametrize("vector", VECTORS["vectors"], ids=lambda vector: vector["name"])
def test_our_verifier_gives_the_vector_s_verdict(vector: dict[str, Any]) -> None:
    checked = check_vector(vector)

    assert (checked.verdict, checked.verdict_if_issued) == (vector["verdict"], vector["verdict_if_issued"])
    assert write_fields(checked.code) == vector["code"]
    if "record" in vector:
        assert checked.code is not None
        assert has_content(checked.code, parse_slip_record(vector["record"])) is vector["has_content"]


@pytest.mark.parametrize("vector", MUST_FAIL, ids=lambda vector: vector["name"])
def test_a_failing_vector_is_valid_once_its_one_fault_is_cured(vector: dict[str, Any]) -> None:
    assert vector["verdict"] != "valid"
    assert check_vector({**vector, **vector["cure"]}).verdict == "valid"


@pytest.mark.parametrize("short_code", VECTORS["short_codes"], ids=lambda short_code: short_code["name"])
def test_a_typed_short_code_is_read_or_refused(short_code: dict[str, Any]) -> None:
    if short_code["slip_id"] is None:
        with pytest.raises(MalformedCode):
            parse_short_code(short_code["text"])
    else:
        assert parse_short_code(short_code["text"]).hex() == short_code["slip_id"]


def run_node(vector_file: Path) -> subprocess.CompletedProcess[str]:
    """Run the JavaScript verifier over a file of vectors; without node the test is left out, except in CI."""
    if NODE is None:
        if os.environ.get("CI") == "true":
            pytest.fail("node is required when CI=true")
        pytest.skip("node is not installed: the independent verifier was not run")
    return subprocess.run([NODE, VERIFIER, vector_file], capture_output=True, text=True, timeout=120)


def test_an_independent_verifier_in_javascript_agrees_on_every_vector() -> None:
    result = run_node(VECTOR_FILE)

    assert result.returncode == 0, result.stdout + result.stderr
    assert f"{len(VECTORS['vectors']) + len(VECTORS['short_codes'])} vectors, 0 disagree" in result.stdout


@pytest.mark.parametrize("member", ["verdict", "verdict_if_issued", "code", "has_content", "cure"])
def test_the_javascript_verifier_reports_a_vector_that_is_wrong(tmp_path: Path, member: str) -> None:
    wrong = {"code": None, "has_content": False, "cure": {}}.get(member, "revoked")
    vector = next(vector for vector in VECTORS["vectors"] if vector.get(member))
    changed = tmp_path / "changed.json"
    changed.write_text(json.dumps({**VECTORS, "vectors": [{**vector, member: wrong}]}))

    result = run_node(changed)

    assert (result.returncode, vector["name"] in result.stdout) == (1, True), result.stdout + result.stderr
