"""The end of a test run says what it left out, and how to have it all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
NEEDS_NODE = "tests/unit/domain/test_slip_code_vectors.py"
NEEDS_NOTHING = "tests/unit/domain/test_texts.py"


def run_tests(tests: str, path: str) -> str:
    """The output of a run of some tests, with programs looked for in `path` alone."""
    environment = {
        key: value for key, value in os.environ.items() if key != "CI" and not key.startswith("PYTEST")
    }
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        NEEDS_NODE,
        "-k",
        "independent",
    ]
    return subprocess.run(
        command, env=environment | {"PATH": path}, cwd=ROOT, capture_output=True, text=True, timeout=120
    ).stdout


def test_a_run_without_a_program_names_what_was_left_out_and_what_brings_it(tmp_path: Path) -> None:
    told = run_tests(NEEDS_NODE, str(tmp_path)).partition("LEFT OUT")[2]

    assert "x node is not installed: the independent verifier was not run" in told
    assert "`bash .ci/run`" in told


def test_a_run_that_left_nothing_out_says_nothing_of_it() -> None:
    assert "LEFT OUT" not in run_tests(NEEDS_NOTHING, os.environ["PATH"])
