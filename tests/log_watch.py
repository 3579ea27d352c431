"""Looks for secrets in the log lines of a whole test run: those of every service that the tests start, and those that the
product's own code writes within the test process.

Nobody knows all secrets of a run, so they are known by what they look like. The values of single secrets are looked
for by the tests of single pages.
"""

from __future__ import annotations

import io
import logging
import re
import tempfile
from collections.abc import Iterable
from typing import BinaryIO

from app.logs import JsonFormatter

SHAPES = {
    "a value of a query or a form": re.compile(
        r"\b(code|state|ticket|nonce|iss|code_verifier|access_token|id_token|client_secret|secret|password|csrf_token"
        r"|token)=[^\s\"&,;)]{3,}"
    ),
    "a JSON Web Token": re.compile(r"\beyJ[\w-]{8,}\.[\w-]+"),
    "a CAS ticket": re.compile(r"\b(ST|PT|PGT|TGT)-[\w.-]{4,}"),
    "a credential": re.compile(r"\b(Bearer|Basic) [\w.+/=-]{6,}"),
    "a cookie": re.compile(
        r"(lixiao_(session|sign_in_\d|arrived|form)|__Host-lixiao[\w-]*)(=|\W{1,4}[\w-]{20,})"
    ),
    "a random value of 256 bits": re.compile(
        r"(?<![\w/.-])(?=[\w-]*[a-z])(?=[\w-]*[A-Z])(?=[\w-]*[0-9])[A-Za-z0-9_-]{43}(?![\w/.-])"
    ),
    "a slip's code": re.compile(r"[0-9]{60,}"),
    "a student's number": re.compile(r"\bT[SB][0-9]{8}\b"),
}

_kept: list[BinaryIO] = []
_is_watching = False


def find_secrets(lines: Iterable[str]) -> list[str]:
    """What looks like a secret, with the line that holds it."""
    return [
        f"{what}: {line.strip()}" for line in lines for what, shape in SHAPES.items() if shape.search(line)
    ]


def keep_log(log: int | None) -> int | None:
    """The file that a service is to write its log to, a file of its own where it has none. While there is a watch,
    it is kept open to be read at the end, even if it is deleted before.
    """
    if not _is_watching:
        return log
    kept = tempfile.TemporaryFile() if log is None else io.open(f"/proc/self/fd/{log}", "rb")  # noqa: SIM115, UP020
    _kept.append(kept)
    return kept.fileno() if log is None else log


class LogWatch(logging.Handler):
    """Keeps what the product's code logs in this process as the lines that it would be in production."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(JsonFormatter())
        self.lines: list[str] = []
        self._handle = logging.Logger.handle

    def start(self) -> None:
        """Watch from now on, whatever handlers the product gives its loggers."""
        global _is_watching
        _is_watching = True

        def handle(logger: logging.Logger, record: logging.LogRecord) -> None:
            self.handle(record)
            self._handle(logger, record)

        logging.Logger.handle = handle  # type: ignore[method-assign]

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] == "app" and record.levelno >= logging.INFO:
            self.lines.append(self.format(record))

    def end(self) -> list[str]:
        """What was found in all lines since the start."""
        global _is_watching
        logging.Logger.handle = self._handle  # type: ignore[method-assign]
        _is_watching = False
        found = find_secrets(self.lines)
        for log in _kept:
            with log:
                log.seek(0)
                found += find_secrets(log.read().decode("utf-8", "replace").splitlines())
        _kept.clear()
        return found
