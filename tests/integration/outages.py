"""Ways in which a database cannot be used for a while; each is over when its block ends."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path

from tests.postgres import Postgres

MODE_BITS = "dac_override,-dac_read_search"
BOUND_BY_MODES = ["setpriv", f"--inh-caps=-{MODE_BITS}", f"--bounding-set=-{MODE_BITS}"] * (os.geteuid() == 0)
"""What starts a program that mode bits bind, as they bind everybody but root."""
Outage = Callable[[], AbstractContextManager[object]]


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[None]:
    """A file system of its own in this folder. Raises PermissionError for who may not mount."""
    options = ["-t", "tmpfs", "-o", f"size={kilobytes}k,mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PermissionError(done.stderr)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is left on this folder's file system."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            for size in (65536, 4096, 1):
                _write_until_full(file.fileno(), bytes(size))
        yield
    finally:
        filler.unlink()


def _write_until_full(file: int, block: bytes) -> None:
    while True:
        try:
            os.write(file, block)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                return
            raise


@contextmanager
def unable_to_write(
    list_processes: Callable[[], list[int]], size: int = 0, user: str | None = None
) -> Iterator[None]:
    """These processes, which are this user's, cannot write to a file beyond this size: an input/output error."""
    usual, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    _limit_files(list_processes(), size, user)
    try:
        yield
    finally:
        _limit_files(list_processes(), usual, user)


def _limit_files(processes: list[int], size: int, user: str | None) -> None:
    limit = "unlimited" if size == resource.RLIM_INFINITY else size
    for one in processes:
        command = ["prlimit", f"--pid={one}", f"--fsize={limit}:"]
        # One that has ended meanwhile writes nothing any more.
        subprocess.run(command, check=False, capture_output=True, user=user)


@contextmanager
def hampered(database: Path, pragma: str) -> Iterator[None]:
    """The service of `tests.fixtures.hampered` writes under this PRAGMA."""
    file = database.with_name(f"{database.name}-hampered")
    file.write_text(pragma)
    try:
        yield
    finally:
        file.unlink()


@contextmanager
def unwritable(folder: Path) -> Iterator[None]:
    """Neither this folder nor a file in it may be written to, by whom mode bits bind."""
    modes = {entry: entry.stat().st_mode for entry in (folder, *folder.iterdir())}
    for entry, mode in modes.items():
        entry.chmod(mode & ~0o222)
    try:
        yield
    finally:
        for entry, mode in modes.items():
            entry.chmod(mode)


@contextmanager
def locked_sqlite(path: Path) -> Iterator[None]:
    """Another program is writing, and takes its time."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield


@contextmanager
def locked_rows(server: Postgres, database: str) -> Iterator[None]:
    """Somebody's transaction holds the heads of the logs."""
    with server.connect(database) as other, other.transaction():
        other.execute("SELECT * FROM slip_log_heads, audit_heads FOR UPDATE")
        yield


@contextmanager
def read_only(server: Postgres) -> Iterator[None]:
    """Every session may read and nothing else, as on a standby."""
    with server.connect() as connection:
        try:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            connection.execute("SELECT pg_reload_conf()")
            yield
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")


@contextmanager
def stopped(server: Postgres) -> Iterator[None]:
    """The server is down."""
    server.stop()
    try:
        yield
    finally:
        server.start()


@contextmanager
def silent(server: Postgres) -> Iterator[None]:
    """The server's processes stand still: what is sent to them arrives, and nothing comes back."""
    processes = server.list_processes()
    try:
        for one in processes:
            os.kill(one, signal.SIGSTOP)
        yield
    finally:
        for one in reversed(processes):
            os.kill(one, signal.SIGCONT)
