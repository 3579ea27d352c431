"""The keys that the issued log refers to, beside those that this host has: a host that was not given a key cannot
prove the slips that it signed, and one that has another key of the same kid seems to disprove them.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, bindparam, inspect, select
from sqlalchemy.exc import SQLAlchemyError

from app.domain.keys import KeyRing
from app.domain.slip_code import Verdict, check_slip_code
from app.domain.slip_log import CodeState
from app.models import IssuedCode, describe_failure

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
SAMPLES = 8
"""How many of a kid's oldest and newest codes are compared with the key: a kid that was used twice has both."""

_NEXT = select(IssuedCode.kid).where(IssuedCode.kid > bindparam("kid")).order_by(IssuedCode.kid).limit(1)
"""One step in the index of kids: there are a few keys and ten thousands of codes."""
_OF_KID = select(IssuedCode.digits).where(IssuedCode.kid == bindparam("kid"))


class LogNotThere(Exception):
    """There is no issued log to look at; the message says why."""


def list_used_kids(engine: Engine) -> list[int]:
    """The kids under which a code was ever issued. Raises LogNotThere where there is no database, an empty one, or one
    that does not answer.
    """
    url = engine.url
    if url.get_backend_name() == "sqlite" and not Path(url.database or "").is_file():
        raise LogNotThere("there is no database yet")
    try:
        with engine.connect() as connection:
            if not inspect(connection).has_table(IssuedCode.__tablename__):
                raise LogNotThere("the database holds no issued log yet")
            return list(_iterate_kids(connection))
    except SQLAlchemyError as error:
        raise LogNotThere(describe_failure(error)) from error


def list_missing_kids(connection: Connection, ring: KeyRing) -> list[int]:
    """The kids of codes that stand and whose key this host lacks. Those of codes that were all revoked or
    superseded are missed by nobody.
    """
    logged_code = _choose(only_in_force=True).limit(1)
    lacking = (kid for kid in _iterate_kids(connection) if ring.get_key(kid) is None)
    return [kid for kid in lacking if connection.execute(logged_code, {"kid": kid}).first()]


def list_foreign_kids(
    connection: Connection, ring: KeyRing, host: str, today: date, *, only_in_force: bool = True
) -> list[int]:
    """The kids under which this host has another key than the one that signed: two hosts made keys apart from each
    other, a lost key's kid was used again, or the host of `base_url` was changed. Their true slips seem forged here.
    """
    return [
        kid
        for kid in _iterate_kids(connection)
        if ring.get_key(kid) is not None
        and any(
            check_slip_code(digits, host, ring, today).verdict is Verdict.BAD_SIGNATURE
            for digits in _sample(connection, kid, only_in_force=only_in_force)
        )
    ]


def find_key_faults(connection: Connection, ring: KeyRing, host: str, today: date) -> Iterator[str]:
    """What is wrong with the keys for the codes that stand, in sentences for an operator."""
    missing = _name(list_missing_kids(connection, ring))
    if missing:
        yield f"kid {missing} signed slips and is missing here: copy keys.json from the host that has it"
    foreign = _name(list_foreign_kids(connection, ring, host, today))
    if foreign:
        yield (
            f"key {foreign} here did not sign the slips under kid {foreign}: another key, or another base_url, did: "
            "bring that back, or sign them anew with `flask slips reissue --key`"
        )


class ForeignKidLook:
    """Which kids are foreign, looked up again from time to time: forgeries are checked at no cost of the database."""

    def __init__(self, get_seconds: Callable[[], float] = time.monotonic) -> None:
        """`get_seconds` is a monotonic clock."""
        self._get_seconds = get_seconds
        self._held: tuple[tuple[Engine, KeyRing, str], float, frozenset[int]] | None = None

    def includes(self, kid: int, engine: Engine, ring: KeyRing, host: str, today: date) -> bool:
        """Whether this kid is foreign, of whatever state its codes are. While the database does not answer, what was
        known before holds.
        """
        now, key = self._get_seconds(), (engine, ring, host)
        held = self._held if self._held is not None and self._held[0] == key else None
        if held is None or now - held[1] >= LOOK_SECONDS:
            try:
                with engine.connect() as connection:
                    found = list_foreign_kids(connection, ring, host, today, only_in_force=False)
            except SQLAlchemyError as error:
                log.error("keys not comparable with the issued log", extra={"error": type(error).__name__})
                return held is not None and kid in held[2]
            held = self._held = (key, now, frozenset(found))
        return kid in held[2]


def _name(kids: Iterable[int]) -> str:
    return ", ".join(str(kid) for kid in kids)


def _choose(*, only_in_force: bool) -> Select[Any]:
    return _OF_KID.where(IssuedCode.state == CodeState.ISSUED) if only_in_force else _OF_KID


def _sample(connection: Connection, kid: int, *, only_in_force: bool) -> Iterator[str]:
    """The oldest and newest codes of a kid."""
    chosen = _choose(only_in_force=only_in_force).limit(SAMPLES)
    for order in (IssuedCode.id.asc(), IssuedCode.id.desc()):
        yield from connection.scalars(chosen.order_by(order), {"kid": kid}).all()


def _iterate_kids(connection: Connection) -> Iterator[int]:
    """Each kid of the log."""
    kid = 0
    while row := connection.execute(_NEXT, {"kid": kid}).first():
        kid = row.kid
        yield kid
