"""Running the product's commands as an operator does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tests.campus.client import PROJECT

SECONDS = 120


@dataclass(frozen=True)
class Done:
    """A command that has ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


def run_flask(environment: Mapping[str, str], *words: str, **changes: str) -> Done:
    """`flask --app wsgi <words>` with changes to the environment."""
    return _run({**environment, **changes}, sys.executable, "-m", "flask", "--app", "wsgi", *words)


def load_as_server(environment: Mapping[str, str], under: Sequence[str] = ()) -> Done:
    """Load the application as a server does, without serving; `under` is a program with its options that becomes it."""
    return _run(environment, *under, sys.executable, "-c", "import wsgi")


def _run(environment: Mapping[str, str], *words: str) -> Done:
    done = subprocess.run(
        words,
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return Done(done.returncode, done.stdout, done.stderr)
