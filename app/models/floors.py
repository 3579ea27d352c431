"""What the chains of a database must not fall below, as far as this process knows from the checkpoints.

A database that was restored, or cut, and is written to as if nothing had happened gives one number to two entries. Kept
here, beside the tables, so that no way to append gets past it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Engine, RowMapping

from app.domain.errors import BelowCheckpoint
from app.domain.hash_chain import START
from app.models.engine import Sender


@dataclass(slots=True)
class Floor:
    """The issued log's newest entry that this process knows of, why nothing may be appended now, if so, and whether
    anything was. `compare` is asked once, before the first entry is appended: it raises BelowCheckpoint.
    """

    sequence: int = 0
    chain_hash: str = START
    blocked: str = ""
    was_moved: bool = False
    compare: Callable[[Sender], None] | None = None

    def require(self, sender: Sender, head: RowMapping) -> None:
        """Raise BelowCheckpoint where a head that was just locked is below, or appending is blocked."""
        if self.compare is not None:
            self.compare(sender)
            self.compare = None
        if self.blocked:
            raise BelowCheckpoint(self.blocked)
        if "sequence" in head and self.is_above(head["sequence"], head["chain_hash"]):
            raise BelowCheckpoint(
                f"the issued log stands at {head['sequence']}, and stood at {self.sequence}"
            )

    def is_above(self, sequence: int, chain_hash: str) -> bool:
        """Whether an issued log that ends so lacks what this process knows of."""
        return sequence < self.sequence or (sequence == self.sequence and chain_hash != self.chain_hash)

    def lift(self) -> None:
        """Know of nothing, as whoever declares a restore."""
        self.sequence, self.chain_hash, self.blocked, self.compare = 0, START, "", None

    def rise(self, sequence: int, chain_hash: str) -> None:
        """Know of this entry too."""
        if sequence > self.sequence:
            self.sequence, self.chain_hash = sequence, chain_hash


_floors: WeakKeyDictionary[Engine, Floor] = WeakKeyDictionary()
_guard = threading.Lock()  # a weak dictionary is changed by whoever comes first


def get_floor(engine: Engine) -> Floor:
    """The floor of this database, which is the same object each time."""
    with _guard:
        return _floors.setdefault(engine, Floor())


def find_floor(sender: Sender) -> Floor:
    """The floor of the database that this sends to."""
    bind = sender if isinstance(sender, Connection) else sender.get_bind()
    return get_floor(bind.engine)
