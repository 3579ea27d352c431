"""Waiting for a database that comes up later than the service, as after a power cut."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from app.extensions import db
from app.models import limit_waits

TRY_AGAIN_SECONDS = 2.0
TELL_SECONDS = 30.0


def wait_for_database(seconds: float, tell: Callable[[str], None]) -> bool:
    """Whether the database answers within so many seconds. `tell` hears what is missing, at first and every half
    minute.
    """
    limit_waits(db.engine)  # a server may be silent, too
    now = time.monotonic()
    ends_at, tells_at = now + seconds, now
    while missing := _find_missing():
        now = time.monotonic()
        if now >= tells_at:
            tell(missing)
            tells_at = now + TELL_SECONDS
        if now >= ends_at:
            return False
        time.sleep(min(TRY_AGAIN_SECONDS, ends_at - now))
    return True


def _find_missing() -> str:
    """What the database lacks, in the driver's words, which name the server and never the password; "" for nothing. An
    SQLite file need not be there yet, as `db upgrade` makes it, but its folder.
    """
    url = db.engine.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").exists():
        folder = Path(url.database or "").absolute().parent
        return "" if folder.is_dir() else f"there is no folder {folder}"
    try:
        with db.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except OperationalError as error:
        return str(error.orig).partition("\n")[0]
    return ""
