"""The one clock of the use cases; tests move it with time-machine."""

from __future__ import annotations

from datetime import UTC, datetime


def get_now() -> datetime:
    """This moment in UTC."""
    return datetime.now(UTC)
