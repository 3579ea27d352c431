"""The keys that the issued log refers to, beside those that this host has: a host that was not given a key cannot
prove the slips that it signed.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from sqlalchemy import Connection, bindparam, select

from app.domain.slip_code import Verdict, check_slip_code
from app.domain.slip_keys import KeyRing
from app.domain.slip_log import CodeState
from app.models import IssuedCode

_NEXT = (
    select(IssuedCode.kid, IssuedCode.digits)
    .where(IssuedCode.kid > bindparam("kid"))
    .order_by(IssuedCode.kid)
    .limit(1)
)
"""One step in the index of kids: there are a few keys and ten thousands of codes."""
_STANDING = (
    select(IssuedCode.id)
    .where(IssuedCode.kid == bindparam("kid"), IssuedCode.state == CodeState.ISSUED)
    .limit(1)
)


def list_missing_kids(connection: Connection, ring: KeyRing) -> list[int]:
    """The kids of codes that stand and whose key this host lacks. Those of codes that were all revoked or
    superseded are missed by nobody.
    """
    lacking = (kid for kid, _ in _iterate_kids(connection) if ring.get_key(kid) is None)
    return [kid for kid in lacking if connection.execute(_STANDING, {"kid": kid}).first()]


def list_foreign_kids(connection: Connection, ring: KeyRing, host: str, today: date) -> list[int]:
    """The kids under which this host has another key than the one that signed: two hosts made keys apart from each
    other, or the host of `base_url` was changed. Their true slips would be called forged here.
    """
    return [
        kid
        for kid, digits in _iterate_kids(connection)
        if check_slip_code(digits, host, ring, today).verdict is Verdict.BAD_SIGNATURE
    ]


def describe_missing(kids: list[int]) -> str:
    """In a sentence, for an operator."""
    named = ", ".join(str(kid) for kid in kids)
    return f"kid {named} signed slips and is missing here: copy keys.json from the host that has it"


def _iterate_kids(connection: Connection) -> Iterator[tuple[int, str]]:
    """Each kid of the log, with one of its codes."""
    kid = 0
    while row := connection.execute(_NEXT, {"kid": kid}).first():
        kid = row.kid
        yield row.kid, row.digits
