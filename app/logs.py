"""Log lines as JSON, one a line, with the request's id; control characters come out escaped.

An exception is logged by its kind and the places it went through, never by its text: that may hold what a
student typed, a row of the database or a secret that a library put into an address.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import TextIO

from flask import g, has_request_context

_STANDARD = set(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_Caught = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class JsonFormatter(logging.Formatter):
    """time (UTC), level, logger, message, request_id, and whatever came as `extra=`."""

    def format(self, record: logging.LogRecord) -> str:
        """The record as one line of JSON."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if has_request_context():
            line["request_id"] = g.get("request_id", "")
        line |= {key: str(value) for key, value in vars(record).items() if key not in _STANDARD}
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        # JSON escapes every control character but DEL.
        return json.dumps(line).replace("\x7f", "\\u007f")

    def formatException(self, ei: _Caught) -> str:
        """The exceptions that led to one another, newest first, each with its kind and its places."""
        lines: list[str] = []
        error = ei[1]
        while error is not None and len(lines) < 100:
            lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
            places = traceback.extract_tb(error.__traceback__)
            lines += [f"  {place.filename}:{place.lineno} {place.name}" for place in places]
            error = error.__cause__ or error.__context__
        return "\n".join(lines)


def configure_logging(level: str) -> None:
    """Send the application's log lines to standard error, and the warnings of libraries in the same form."""
    logger = logging.getLogger("app")
    logger.handlers[:] = [_make_handler(logging.NOTSET)]
    logger.setLevel(level)
    logger.propagate = False
    logging.lastResort = _make_handler(logging.WARNING)


def _make_handler(level: int) -> logging.StreamHandler[TextIO]:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    handler.setLevel(level)
    return handler
