"""SQLite serves the processes of one host: another host that would serve from the same file does not start.

Two hosts can only reach one file by a network file system, which takes `flock` to its server. Each process that
serves keeps a shared lock on a file beside the database, in which the host's name stands; only who finds nobody
there may change the name. The kernel gives the lock up when its holder dies.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path

SUFFIX = "-host"
TRIES = 20
TRY_AGAIN_SECONDS = 0.1


class DatabaseRefused(Exception):
    """This process must not serve from this SQLite file; the message says why."""


def get_host() -> str:
    """An id of this running kernel, which containers share as they may share a file, and its name for people."""
    boot, name = Path("/proc/sys/kernel/random/boot_id"), socket.gethostname()
    return f"{boot.read_text().strip() if boot.exists() else name} {name}"


def claim_for_host(database: str, host: str) -> int:
    """Keep the database for this host as long as the returned file descriptor is open. Raises DatabaseRefused."""
    try:
        file = os.open(database + SUFFIX, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise DatabaseRefused(f"beside the database no file can be written: {error.strerror}") from error
    if _try_lock(file, fcntl.LOCK_EX):
        os.ftruncate(file, 0)
        os.pwrite(file, host.encode(), 0)
    # To take the weaker lock may let another host in between: what stands there then decides.
    is_shared = _share(file)
    found_id, _, found_name = os.pread(file, 1000, 0).decode(errors="replace").partition(" ")
    if not is_shared or found_id != host.partition(" ")[0]:
        os.close(file)
        raise DatabaseRefused(
            f"another host serves from this SQLite file: {found_name}. Several hosts need PostgreSQL"
        )
    return file


def _share(file: int) -> bool:
    """Wait while another process of this host writes its name."""
    for _ in range(TRIES):
        if _try_lock(file, fcntl.LOCK_SH):
            return True
        time.sleep(TRY_AGAIN_SECONDS)
    return False


def _try_lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
