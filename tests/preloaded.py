"""Imported by the fork server of `tests.programs` alone: the libraries that the product and its web server import.

Not the product itself, nor what looks at the environment when it is imported: each program imports those anew, in an
environment of its own.
"""

from __future__ import annotations

import gc
import subprocess
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path

COMMAND = "import sys, app.factory, flask.cli, granian.cli; print(*sys.modules)"
LEFT = {"app", "prometheus_client", "__main__"}

_listed = subprocess.run(
    [sys.executable, "-c", COMMAND],
    cwd=Path(__file__).resolve().parents[1],
    capture_output=True,
    text=True,
    check=True,
)
for _name in _listed.stdout.split():
    if _name.partition(".")[0] not in LEFT:
        with suppress(ImportError):  # parts of compiled modules that only they themselves import
            import_module(_name)
gc.collect()
gc.freeze()  # a collection in a program would touch, and thereby copy, all of it
