"""Writes checkpoints while the service runs: a thread in every process that serves looks twice a second.

It looks at the database and not at what its own process commits: commands, other workers and other hosts change it too,
and a database that is exchanged beneath the service is noticed. No submission waits for it.
"""

from __future__ import annotations

import logging
import os
import threading
import time

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app import metrics
from app.domain.checkpoints import DamagedJournal, Heads
from app.domain.keys import NoSigningKey
from app.models import get_floor, read_connection
from app.services.installation import Installation
from app.services.operations.checkpoints import has_file, mark, read_heads
from app.services.operations.second_places import list_places
from app.services.slips.signing_keys import SlipKeyError

log = logging.getLogger(__name__)

EVERY_SECONDS = 0.5
TELL_SECONDS = 60.0
JOURNAL = "journal"


class CheckpointWatch:
    """The thread of a process that serves. `look` is what it does each time."""

    def __init__(self, installation: Installation, engine: Engine) -> None:
        self._installation = installation
        self._engine = engine
        self._places = list(list_places(installation))
        self._looking = (
            threading.Lock()
        )  # held over a fork: a child must not inherit half a look, or a connection
        self._behind_since: float | None = None
        self._told: tuple[str, float] = ("", 0.0)

    def start(self) -> None:
        """Begin to look, and again in each forked child, which has none of its parent's threads."""
        os.register_at_fork(
            before=self._stand_still, after_in_parent=self._looking.release, after_in_child=self._run_again
        )
        self._begin()

    def look(self) -> None:
        """Write a checkpoint if the database has moved, and tell of what keeps it from that. Raises nothing."""
        with self._looking:
            try:
                reason = mark(self._installation, self._engine) if self._has_moved() else ""
                if reason:
                    self._begin_to_lag()
                    self._tell("the database is behind its checkpoints", reason)
                else:
                    self._behind_since = None
            except SQLAlchemyError:
                return  # whoever needs the database tells of it
            except (OSError, SlipKeyError, NoSigningKey) as error:
                self._note_failure(error)
            behind = time.monotonic() - self._behind_since if self._behind_since is not None else 0.0
            metrics.checkpoint_behind.labels(JOURNAL).set(behind)

    def _has_moved(self) -> bool:
        if not has_file(self._engine):
            return False
        try:
            newest = self._installation.journal.refresh()
        except DamagedJournal:
            return True
        with read_connection(self._engine) as connection:
            heads = read_heads(connection)
        known = newest.heads if newest else Heads()
        return heads != known or bool(get_floor(self._engine).blocked) or self._behind_since is not None

    def _note_failure(self, error: Exception) -> None:
        self._begin_to_lag()
        why = error.strerror if isinstance(error, OSError) else str(error) or type(error).__name__
        self._tell("checkpoint not written", f"{why}")

    def _begin_to_lag(self) -> None:
        if self._behind_since is None:
            self._behind_since = time.monotonic()

    def _tell(self, what: str, reason: str) -> None:
        """Once a minute, and at once where it is something else."""
        now = time.monotonic()
        if self._told[0] != reason or now - self._told[1] >= TELL_SECONDS:
            self._told = (reason, now)
            log.error(what, extra={"reason": reason})

    def _begin(self) -> None:
        threading.Thread(target=self._run, name="checkpoints", daemon=True).start()
        for place in self._places:
            place.start()

    def _run(self) -> None:
        while True:
            try:
                self.look()
            except Exception:
                log.exception("checkpoint not written")
            time.sleep(EVERY_SECONDS)

    def _stand_still(self) -> None:
        self._looking.acquire()
        self._engine.dispose()

    def _run_again(self) -> None:
        self._looking.release()
        self._begin()
