"""What tests start from forks and copies is what a new interpreter and the real preparation give."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campus import run as campus_run
from tests.campus.client import PROJECT
from tests.campus.run import make_environment
from tests.fixtures import templates
from tests.fixtures.office import NOBODY, PORT
from tests.fixtures.stored import query
from tests.programs import Done, run, run_flask

IS_LOADED = "import sys; print([name in sys.modules for name in ('flask', 'app', 'prometheus_client')])"


@pytest.mark.parametrize(
    "words", [("check-config",), ("nonsense",), ("slip-keys", "retire", "7"), ("--version",)], ids=" ".join
)
def test_a_forked_command_ends_and_writes_as_one_of_a_new_interpreter(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    environment = make_environment(tmp_path, PORT, NOBODY)
    templates.prepare(environment)
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *words]
    done = subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    assert run_flask(environment, *words) == Done(done.returncode, done.stdout, done.stderr)


def test_a_forked_program_finds_its_libraries_loaded_and_imports_the_product_anew() -> None:
    done = run("timeit", "-n", "1", "-r", "1", IS_LOADED, environment={})
    assert done.out.splitlines()[0] == "[True, False, False]"


def test_a_copied_installation_is_what_the_real_preparation_makes(tmp_path: Path) -> None:
    found = []
    for name, prepare in (("real", campus_run.prepare), ("copied", templates.prepare)):
        environment = make_environment(tmp_path / name, PORT, NOBODY)
        prepare(environment)
        files = sorted(
            (re.sub(r"rows-.*", "rows", str(path.relative_to(tmp_path / name))), path.stat().st_mode)
            for path in (tmp_path / name).rglob("*")
            if "sqlite3" not in path.name
        )
        tables = query(environment, "SELECT name, sql FROM sqlite_master ORDER BY name")
        # A migration writes a table's constraints in any order.
        found.append((files, [(name, sorted(str(sql).strip("\n)").split(", \n"))) for name, sql in tables]))
    real, copied = found
    assert copied == real
