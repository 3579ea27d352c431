"""Python programs of a test's own, forked from a process that has imported their libraries: a start costs a fourth.

Each imports the product anew and has its own arguments, environment, standard files and exit code. What depends on how
an interpreter starts (the PYTHON variables, another program that becomes it) is a test's own `subprocess`.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.reduction import DupFd
from typing import Any

from tests.campus.client import PROJECT

SECONDS = 120
_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["tests.preloaded"])


class Program:
    """A running `python -m <words>`, with what the tests need of subprocess.Popen."""

    def __init__(
        self, words: Sequence[str], environment: Mapping[str, str], out: int | None, err: int | None = None
    ) -> None:
        """`out` and `err` are open files: this program's own where there is none, and `err` is `out`."""
        out = 1 if out is None else out
        files = (DupFd(out), DupFd(out if err is None else err))
        self._process = _server.Process(target=_become, args=(list(words), dict(environment), files))
        self._process.start()

    @property
    def pid(self) -> int:
        """The process's number."""
        assert self._process.pid is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it runs; a signal that ended it is a negative number."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """The exit code, if it has ended."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises TimeoutExpired."""
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired("python", timeout or 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal."""
        os.kill(self.pid, number)

    def terminate(self) -> None:
        """Ask it to end."""
        self._process.terminate()

    def kill(self) -> None:
        """End it."""
        self._process.kill()


@dataclass(frozen=True)
class Done:
    """A program that has ended: its exit code, and what it wrote."""

    code: int
    out: str
    err: str


def run_flask(environment: Mapping[str, str], *words: str, **changes: str) -> Done:
    """`flask --app wsgi <words>` with changes to the environment."""
    return run("flask", "--app", "wsgi", *words, environment={**environment, **changes})


def run(*words: str, environment: Mapping[str, str]) -> Done:
    """`python -m <words>`, until it ends. Raises TimeoutExpired."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        program = Program(words, environment, out.fileno(), err.fileno())
        try:
            code = program.wait(SECONDS)
        except subprocess.TimeoutExpired:
            program.kill()
            raise
        out.seek(0)
        err.seek(0)
        return Done(code, out.read(), err.read())


def _become(words: list[str], environment: dict[str, str], files: tuple[Any, Any]) -> None:
    """Run `python -m <words>` in the forked process."""
    for number, file in enumerate(files, 1):
        os.dup2(file.detach(), number)
    multiprocessing.set_start_method(None, force=True)  # the interpreter's usual one
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    os.chdir(PROJECT)
    sys.argv = words
    try:
        runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing ends without them
