"""Second places for the journal of checkpoints: a file on another host, an address that takes a POST, a witness by e-mail.

Each has a thread in every process that serves, of which one on a host brings new lines there: the one that has the lock on
`delivered-<place>`, in which stands how far the place has the journal. What a place does not take is tried again until it
does; nobody waits for it.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import smtplib
import threading
import time
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from functools import partial
from pathlib import Path
from typing import Any

from app import metrics
from app.domain.hash_chain import START
from app.event_loop import run
from app.http_client import HttpClient, HttpError, Request
from app.services.installation import Installation
from app.services.slips.checkpoint_journal import leave_to_owner
from app.settings import CheckpointSettings

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
AGAIN_SECONDS = 5.0
SEND_SECONDS = 5.0
MAIL_SECONDS = 60.0
TELL_SECONDS = 60.0
MOST_BYTES = 4 * 1024 * 1024
MAX_ANSWER = 64 * 1024

Send = Callable[[bytes], None]
"""Brings whole lines to a place. Raises OSError, HttpError, SMTPException or TimeoutError."""


class NotTaken(OSError):
    """The place is there, and these lines cannot go to it."""


class SecondPlace:
    """One place, and the thread that brings lines there every so many seconds."""

    def __init__(self, name: str, journal: Path, send: Send, every: float) -> None:
        self.name = name
        self._journal = journal
        self._state = journal.with_name(f"delivered-{name}")
        self._send = send
        self._every = every
        self._file: int | None = None
        self._behind_since: float | None = None
        self._told_at = 0.0

    def start(self) -> None:
        """Begin, or begin again in a forked child, whose parent goes on with the file that it has locked."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        threading.Thread(target=self._run, name=f"second-place-{self.name}", daemon=True).start()

    def bring(self, state: int) -> bool:
        """Bring what is new; whether the place has all. `state` is the open file that says how far it has it."""
        done = int(os.pread(state, 20, 0) or b"0")
        try:
            data = _read_lines(self._journal, done)
            if data is None:
                done, data = 0, _read_lines(self._journal, 0)
            if data:
                self._send(data)
                os.pwrite(state, b"%020d" % (done + len(data)), 0)
                os.fsync(state)
        except (OSError, HttpError, smtplib.SMTPException, TimeoutError) as error:
            self._note_failure(error)
            return False
        self._behind_since = None
        metrics.checkpoint_behind.labels(self.name).set(0)
        return True

    def _run(self) -> None:
        metrics.checkpoint_behind.labels(self.name).set(0)
        while True:
            try:
                self._bring_for_ever()
            except Exception:
                log.exception("no way to a second place", extra={"place": self.name})
            time.sleep(TELL_SECONDS)

    def _bring_for_ever(self) -> None:
        file = self._file = os.open(self._state, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            leave_to_owner(file, self._state.parent)
            fcntl.flock(file, fcntl.LOCK_EX)  # until this process ends, and another has its turn
            while True:
                has_all = self.bring(file)
                time.sleep(self._every if has_all else max(self._every, AGAIN_SECONDS))
        finally:
            self._file = None
            os.close(file)

    def _note_failure(self, error: Exception) -> None:
        """A minute's line, without what an address may hold."""
        now = time.monotonic()
        self._behind_since = now if self._behind_since is None else self._behind_since
        metrics.checkpoint_behind.labels(self.name).set(now - self._behind_since)
        if not self._told_at or now - self._told_at >= TELL_SECONDS:
            self._told_at = now
            why = str(error) if isinstance(error, NotTaken | HttpError) else type(error).__name__
            log.error("checkpoints not brought to a second place", extra={"place": self.name, "reason": why})


def list_places(installation: Installation) -> Iterator[SecondPlace]:
    """The places that are configured."""
    settings, journal = installation.settings.checkpoints, installation.journal.path
    if settings.copy_file is not None:
        send = partial(add_to_copy, settings.copy_file, journal)
        yield SecondPlace("copy_file", journal, send, EVERY_SECONDS)
    if settings.post_url:
        yield SecondPlace("post_url", journal, _make_post(settings), EVERY_SECONDS)
    if settings.mail_to:
        host = installation.settings.service.host
        yield SecondPlace("mail_to", journal, partial(send_mail, settings, host), MAIL_SECONDS)


def _read_lines(journal: Path, done: int) -> bytes | None:
    """Whole lines behind so many bytes; None where no line of this journal ends there: it is another one."""
    if not journal.exists():
        return b""
    with journal.open("rb") as file:
        if done and os.pread(file.fileno(), 1, done - 1) != b"\n":
            return None
        file.seek(done)
        data = file.read(MOST_BYTES)
        while data and b"\n" not in data and (more := file.read(MOST_BYTES)):
            data += more
    return data[: data.rfind(b"\n") + 1]


def add_to_copy(copy: Path, journal: Path, data: bytes) -> None:
    """Add lines to a copy of the journal that ends where they, or one of them, go on. Raises NotTaken for one that has
    lines of its own, and OSError.
    """
    file = os.open(copy, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        size = os.fstat(file).st_size
        rest = _find_rest(_read_last_line(file, size), journal.read_bytes() if not size else data)
        if rest:
            os.pwrite(file, rest, size)
            os.fsync(file)
    finally:
        os.close(file)


def _read_last_line(file: int, size: int) -> bytes:
    """The last line without its newline; nothing of an empty file. Raises NotTaken for half a line."""
    tail, start = b"", size
    while start and tail.count(b"\n") < 2:
        step = min(start, MAX_ANSWER)
        start -= step
        tail = os.pread(file, step, start) + tail
    if size and not tail.endswith(b"\n"):
        os.ftruncate(file, size - len(tail) + tail.rfind(b"\n") + 1)
        raise NotTaken("half a line was taken away")
    return tail[:-1].rpartition(b"\n")[2]


def _find_rest(last: bytes, data: bytes) -> bytes:
    lines = data.splitlines(keepends=True)
    if last and last == lines[-1].rstrip(b"\n"):
        return b""
    digest = hashlib.sha256(last).hexdigest() if last else START
    for index, line in enumerate(lines):
        if _load(line)["previous"] == digest:
            return b"".join(lines[index:])
    raise NotTaken("it does not end where the journal goes on: see `flask restore status`")


def _load(line: bytes) -> dict[str, Any]:
    """A line of this host's journal. Raises NotTaken for one that was damaged."""
    try:
        told: dict[str, Any] = json.loads(line)
        _ = told["previous"], told["log"][1], told["audit"][1], told["time"]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError):
        raise NotTaken("the journal is damaged: see `flask restore status`") from None
    return told


def _make_post(settings: CheckpointSettings) -> Send:
    client = HttpClient(trust=True, max_body=MAX_ANSWER)
    headers = {"Content-Type": "application/jsonl"}
    if settings.post_token:
        headers["Authorization"] = f"Bearer {settings.post_token}"

    def post(data: bytes) -> None:
        request = Request("POST", settings.post_url, headers, data)
        answer = run(client.send(request, lambda _status, _headers: False), SEND_SECONDS)
        if not 200 <= answer.status < 300:
            raise NotTaken(f"status {answer.status}")

    return post


def send_mail(settings: CheckpointSettings, service: str, data: bytes) -> None:
    """Send lines to the witness, as an attached file. Raises NotTaken, OSError or SMTPException."""
    newest = _load(data.splitlines()[-1])
    letter = EmailMessage()
    letter["From"] = settings.mail_from or settings.mail_to
    letter["To"] = settings.mail_to
    letter["Subject"] = f"lixiao checkpoint {newest['log'][0]}/{newest['audit'][0]} {service}"
    letter.set_content(
        f"issued log {newest['log'][0]} {newest['log'][1]}\naudit {newest['audit'][0]} {newest['audit'][1]}\n"
        f"{newest['time']}\nKeep this letter: after a restore its attachment shows what is missing.\n"
    )
    letter.add_attachment(data, maintype="application", subtype="jsonl", filename="checkpoints.jsonl")
    host, _, port = settings.smtp.rpartition(":")
    with smtplib.SMTP(host, int(port), timeout=SEND_SECONDS) as server:
        server.send_message(letter)
