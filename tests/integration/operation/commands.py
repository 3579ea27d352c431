"""Running the product's commands as an operator does."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence

from tests.campus.client import PROJECT
from tests.programs import SECONDS, Done, run_flask

__all__ = ["Done", "load_as_server", "run_flask"]


def load_as_server(environment: Mapping[str, str], under: Sequence[str] = ()) -> Done:
    """Load the application as a server does, without serving; `under` is a program with its options that becomes it."""
    done = subprocess.run(
        [*under, sys.executable, "-c", "import wsgi"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    return Done(done.returncode, done.stdout, done.stderr)
