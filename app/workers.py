"""Whether this process serves alone: what it counts in its own memory is then all there is."""

from __future__ import annotations

import errno
import hashlib
import logging
import socket

from app.settings import Settings

log = logging.getLogger(__name__)

_held: list[socket.socket] = []
"""Sockets whose names this process holds until it ends."""


def warn_of_limits_apart(settings: Settings) -> None:
    """Warn when another worker of this installation serves on this host and limits are counted in memory: each
    worker then lets through as much as all should together.
    """
    if settings.rate_limit.storage_url.startswith("memory:") and not _is_first(settings):
        log.warning(
            "several workers count limits each for itself: set rate_limit.storage_url to a Redis",
            extra={"key": "rate_limit.storage_url"},
        )


def _is_first(settings: Settings) -> bool:
    """Take a name that the system gives once, and back when the process ends (Linux: unix(7), abstract names).
    Where there are no such names every process is taken for the only one.
    """
    where = f"{settings.service.base_url} {settings.database.url}"
    name = f"\0lixiao-{hashlib.sha256(where.encode()).hexdigest()[:32]}"
    holder = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        holder.bind(name)
    except OSError as error:
        holder.close()
        return error.errno != errno.EADDRINUSE
    _held.append(holder)
    return True
