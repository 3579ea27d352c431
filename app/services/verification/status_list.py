"""The status list: which codes were issued and which no longer count, signed, for gates without a network.

Format `lixiao-slip-status/1`, JSON with the keys

    format     "lixiao-slip-status/1"
    host       the service's host, as in the codes' signature
    kid        the signing key, as text
    counter    the sequence of the issued log's newest entry: it grows with every change and with nothing else
    log        the chain hash of that entry; 64 zeros for an empty log
    issued_at  when the list was signed, UTC: 2026-06-20T01:31:00Z
    size       number of places, a multiple of 4; 131,072 until the log has 65,536 entries, then doubled
    bits       2 bits for each place, compressed with zlib (RFC 1950), base64url without padding
    signature  Ed25519, base64url without padding, over the UTF-8 text
               format, host, kid, counter, log, issued_at, size, bits, joined by newlines

A code's place is its status index. Places fill each byte from its lowest bits, as in IETF's Token Status
List with 2 bits a status (draft-ietf-oauth-status-list, section 4.1):

    status = bytes[index >> 2] >> (2 * (index & 3)) & 3

0: no code with this place was issued; 1: one was, and counts; 2: it was superseded since, its slip has a newer
code, or it was lost with a backup's restore, and its slip is submitted anew; 3: its slip was revoked, with all codes that it had. Only a status of 1 is good; a list from before 2 was used says 3 for both. The
signature stands under the rules of slip codes: a key that is compromised, unknown,
or outside its window on the list's day signs no list.
"""

from __future__ import annotations

import base64
import logging
import threading
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Row, and_, or_, select
from sqlalchemy.orm import aliased

from app.domain.errors import BelowCheckpoint
from app.domain.hash_chain import START
from app.domain.slip_log import RESTORED, CodeState
from app.extensions import db
from app.models import IssuedCode, SlipLogEntry, get_floor
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slips.checkpoint_journal import report_counter
from app.services.slips.issued_log import ISSUED_LOG
from app.services.slips.issuing import get_list_size
from app.services.slips.lost_codes import list_lost_places

log = logging.getLogger(__name__)
FORMAT = "lixiao-slip-status/1"
SIGNED_KEYS = ("format", "host", "kid", "counter", "log", "issued_at", "size", "bits")
SIGNED_AGAIN_AFTER = timedelta(seconds=60)
STATUSES = {CodeState.ISSUED: 1, CodeState.SUPERSEDED: 2, CodeState.REVOKED: 3}

_Told = aliased(IssuedCode)


class _Bits:
    """The places as they stood at one entry of the log; brought forward by the entries after it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()  # the places are changed where they are, entry by entry
        self.signed: dict[str, Any] = {}
        self.signed_at = datetime.min.replace(tzinfo=UTC)
        self._start_anew()

    def _start_anew(self) -> None:
        self.counter, self.log = 0, START
        self.places = bytearray()
        self.packed = ""

    def catch_up(self, connection: Connection) -> None:
        """Bring the places to the log's newest entry. A log that does not go on from here, as after a restored
        backup, is read from its start.
        """
        head = ISSUED_LOG.read_head(connection)
        if (head["sequence"], head["chain_hash"]) == (self.counter, self.log) and self.packed:
            return
        entries = _read_entries(connection, self.counter)
        if self.counter and (not entries or entries[0].chain_hash != self.log):
            self._start_anew()
            entries = _read_entries(connection, 0)
        self._take(connection, entries)

    def _take(self, connection: Connection, entries: list[Row[int, str, str, int | None]]) -> None:
        newest = entries[-1] if entries else None
        self.counter, self.log = (newest.sequence, newest.chain_hash) if newest else (0, START)
        self.places.extend(bytes(get_list_size(self.counter) // 4 - len(self.places)))
        for entry in entries:
            if entry.state == RESTORED:
                self._take_lost(connection, entry.sequence)
            elif entry.status_index is not None:
                self._set(entry.status_index, STATUSES[CodeState(entry.state)])
        self.packed = _encode(zlib.compress(self.places, 9))

    def _take_lost(self, connection: Connection, sequence: int) -> None:
        """Codes that a restore lost are not unknown; they count no more."""
        for place, state in list_lost_places(connection, sequence):
            status = STATUSES[CodeState(state)]
            self._set(place, status if status > 1 else STATUSES[CodeState.SUPERSEDED])

    def _set(self, place: int, status: int) -> None:
        shift = 2 * (place & 3)
        others = self.places[place >> 2] & ~(3 << shift)
        self.places[place >> 2] = others | status << shift


def _read_entries(connection: Connection, first: int) -> list[Row[int, str, str, int | None]]:
    """The entries from this one on, each with the place of its code; a revocation with those of all the slip's codes."""
    query = (
        select(SlipLogEntry.sequence, SlipLogEntry.chain_hash, SlipLogEntry.state, _Told.status_index)
        .outerjoin(IssuedCode, IssuedCode.short_code == SlipLogEntry.short_code)
        .outerjoin(
            _Told,
            and_(
                _Told.slip_id == IssuedCode.slip_id,
                or_(_Told.id == IssuedCode.id, SlipLogEntry.state == CodeState.REVOKED),
            ),
        )
        .where(SlipLogEntry.sequence >= first)
        .order_by(SlipLogEntry.sequence)
    )
    return list(connection.execute(query))


def get_status_list(installation: Installation) -> dict[str, Any]:
    """The list as it is now, signed anew when the log or the signing key changed or a minute has passed.

    Raises SQLAlchemyError without the database, NoSigningKey or SlipKeyError without a key, and BelowCheckpoint where the
    log has gone back: the counter never does.
    """
    floor = get_floor(db.engine)
    bits = _get_bits(installation.settings.database.url)
    now = get_now()
    kid = str(installation.slip_keys.current().ring.get_signing_kid(installation.get_local_time(now)))
    with bits.lock:
        with db.engine.connect() as connection:
            bits.catch_up(connection)
        if floor.blocked or floor.is_above(bits.counter, bits.log):
            raise BelowCheckpoint(floor.blocked)
        held = (bits.signed.get("counter"), bits.signed.get("log"), bits.signed.get("kid"))
        age = now - bits.signed_at
        if held != (bits.counter, bits.log, kid) or not timedelta() <= age < SIGNED_AGAIN_AFTER:
            bits.signed = _sign(installation, bits, now)
            bits.signed_at = now
        return dict(bits.signed)


@lru_cache(maxsize=8)
def _get_bits(_database_url: str) -> _Bits:
    return _Bits()


def _sign(installation: Installation, bits: _Bits, now: datetime) -> dict[str, Any]:
    kid, signer = installation.slip_keys.current().get_signer(installation.get_local_time(now))
    unsigned = {
        "format": FORMAT,
        "host": installation.settings.service.host,
        "kid": str(kid),
        "counter": bits.counter,
        "log": bits.log,
        "issued_at": f"{now:%Y-%m-%dT%H:%M:%SZ}",
        "size": len(bits.places) * 4,
        "bits": bits.packed,
    }
    return {**unsigned, "signature": _encode(signer.sign(get_signed_text(unsigned)))}


@dataclass(frozen=True, slots=True)
class SeenList:
    """A list that somebody was given: its counter, and when it was signed."""

    counter: int
    issued_at: datetime


def compare_with_log(installation: Installation, seen: SeenList) -> None:
    """Tell the operator when a gate saw a list that the issued log does not reach: entries are missing that once were
    there, as after a backup that was restored. Raises SQLAlchemyError.
    """
    with db.engine.connect() as connection:
        counter = ISSUED_LOG.read_head(connection)["sequence"]
    if seen.counter <= counter:
        return
    told = {
        "seen_counter": seen.counter,
        "seen_at": f"{seen.issued_at:%Y-%m-%dT%H:%M:%SZ}",
        "counter": counter,
    }
    log.error("a gate has seen entries of the issued log that are missing here", extra=told)
    try:
        report_counter(installation.checkpoint_folder, seen.counter, counter)
    except OSError as error:
        log.error("what a gate saw could not be kept", extra={"reason": error.strerror})


def get_signed_text(status_list: dict[str, Any]) -> bytes:
    """What the signature of a list is over."""
    return "\n".join(str(status_list[key]) for key in SIGNED_KEYS).encode()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
