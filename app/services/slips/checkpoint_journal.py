"""The journal of checkpoints in a folder outside the database, and what gates report beside it.

    <folder>/checkpoints.jsonl     this host's journal, mode 0600, added to by whoever has its lock
    <folder>/*.jsonl               journals of other hosts or from a second place, put there to be read
    <folder>/gate-report.json      the highest counter of a status list that a gate says it saw

A process keeps what it has read, and reads on from there. A file that was cut or replaced is read anew.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from app.domain.checkpoints import Checkpoint, read_checkpoints
from app.domain.hash_chain import START
from app.domain.keys import KeyRing

JOURNAL = "checkpoints.jsonl"
REPORT = "gate-report.json"
MOST_AHEAD = 65_536
"""A gate's report is what a browser says: one that is further ahead than this says nothing."""
GetRing = Callable[[], KeyRing]


class Journal:
    """One journal file. `newest` is its last checkpoint as far as it was read."""

    def __init__(self, path: Path, get_ring: GetRing) -> None:
        self.path = path
        self.newest: Checkpoint | None = None
        self._get_ring = get_ring
        self._lock = threading.RLock()  # what was read belongs together
        self._offset = 0
        self._inode = 0

    def refresh(self) -> Checkpoint | None:
        """Read what was added, and return the newest checkpoint; None where there is none. Raises DamagedJournal, OSError,
        or SlipKeyError.
        """
        with self._lock:
            try:
                with self.path.open("rb") as file:
                    self._read_on(file.fileno())
            except FileNotFoundError:
                self._forget()
            return self.newest

    @contextmanager
    def locked(self) -> Iterator[Callable[[str], None]]:
        """Nobody else adds meanwhile; gives what adds a line, which is on the disk when it returns. Raises as `refresh`."""
        with self._lock:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                leave_to_owner(file, self.path.parent)
                self._read_on(file)
                yield lambda line: self._add(file, line)
            finally:
                os.close(file)

    def set_aside(self) -> Path:
        """Begin a new journal; returns where the old one is kept. Raises OSError."""
        kept = self.path.with_name(f"{self.path.name}.{self.path.stat().st_mtime_ns}.damaged")
        self.path.rename(kept)
        self._forget()
        return kept

    def _add(self, file: int, line: str) -> None:
        data = f"{line}\n".encode()
        try:
            os.ftruncate(file, self._offset)  # the rest of a line that was never finished
            written = os.pwrite(file, data, self._offset)
            if written != len(data):
                raise OSError(28, "No space left on device")
            os.fsync(file)
        except OSError:
            with suppress(OSError):
                os.ftruncate(file, self._offset)
            raise
        self._read_on(file)

    def _read_on(self, file: int) -> None:
        found = os.fstat(file)
        if found.st_ino != self._inode or found.st_size < self._offset:
            self._forget()
        self._inode = found.st_ino
        if found.st_size == self._offset:
            return
        data = os.pread(file, found.st_size - self._offset, self._offset)
        previous = self.newest.digest if self.newest else START
        try:
            checkpoints = read_checkpoints(data, self._get_ring(), previous)
        except BaseException:
            self._forget()
            raise
        if checkpoints:
            self.newest = checkpoints[-1]
            self._offset += data.rindex(b"\n") + 1

    def _forget(self) -> None:
        self.newest, self._offset, self._inode = None, 0, 0


def leave_to_owner(file: int, folder: Path) -> None:
    """Give a file that root's command made to the service, which owns the folder."""
    owner = folder.stat()
    if os.geteuid() == 0 and os.fstat(file).st_uid != owner.st_uid:
        os.fchown(file, owner.st_uid, owner.st_gid)


def report_counter(folder: Path, counter: int, known: int) -> bool:
    """Keep that a gate saw a list of this counter, where `known` is the log's own; whether it says anything new. Raises
    OSError.
    """
    if not known < counter <= known + MOST_AHEAD or counter <= read_report(folder):
        return False
    draft = folder / f"{REPORT}.{os.getpid()}.{threading.get_ident()}"
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as opened:
        leave_to_owner(opened.fileno(), folder)
        json.dump({"counter": counter}, opened)
    draft.replace(folder / REPORT)
    return True


def read_report(folder: Path) -> int:
    """The highest counter that a gate reported; 0 where none did, or the file cannot be read."""
    try:
        counter = json.loads((folder / REPORT).read_text(encoding="ascii"))["counter"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0
    return counter if type(counter) is int else 0
