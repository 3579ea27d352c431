"""What a browser brings back sealed may be used once: a cookie can be copied and sent again, so the database remembers
what was used. The table is bounded, so that strangers, who may begin as many sign-ins as they like, cannot fill it:
each value has its place among SLOTS, where it stays until another takes it.

Who came from the campus is remembered too, in as many places of their own: so nobody who has the key of the seal alone can
make a cookie that says so.
"""

from __future__ import annotations

import hashlib
from typing import cast

from sqlalchemy import Table, bindparam, update

from app.models import UsedOnce, upsert_other, write_transaction

SLOTS = 65_536
"""So many that at 10,000 sign-ins in ten minutes six of seven are remembered for longer than they are good; and the
campus takes its code or ticket once anyway."""


_TABLE = cast("Table", UsedOnce.__table__)
_USE_VOUCHED = (
    update(_TABLE)
    .where(_TABLE.c.slot == bindparam("place"), _TABLE.c.value_hash == bindparam("digest"))
    .values(value_hash="")
)


def use_once(value: bytes) -> bool:
    """Whether this is the first use: of several requests at once, in any process, one is told so."""
    slot, digest = _place(value)
    with write_transaction() as session:
        return upsert_other(session.connection(), UsedOnce, {"slot": slot, "value_hash": digest})


def vouch(value: bytes) -> None:
    """Remember a value that the service gives out after the campus has told who it is for."""
    slot, digest = _place(value)
    with write_transaction() as session:
        upsert_other(session.connection(), UsedOnce, {"slot": SLOTS + slot, "value_hash": digest})


def use_vouched(value: bytes) -> bool:
    """Whether this is the first use of a value that was vouched for."""
    slot, digest = _place(value)
    with write_transaction() as session:
        done = session.connection().execute(_USE_VOUCHED, {"place": SLOTS + slot, "digest": digest})
        return bool(done.rowcount)


def _place(value: bytes) -> tuple[int, str]:
    digest = hashlib.sha256(value)
    return int.from_bytes(digest.digest()[:4]) % SLOTS, digest.hexdigest()
