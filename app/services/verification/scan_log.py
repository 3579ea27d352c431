"""The log of scans 核验记录: time, kind of viewer, verdict, salted address, slip; no name, number or code. Scans that a gate
made without a network and sends afterwards count once, by the id that each was given.

Behind a code that was made up, mistyped or never issued stands no slip: anybody can check any number of those, and each
proves nothing. They are counted by day, kind of viewer and verdict, have no row of their own, and take no place in the
queue from checks of real slips.

A check counts once a minute for one slip and one address: a page that is loaded again, by whichever worker, and what a
gate sends afterwards of a check that was made online, are the same check. The writers, which lock the slips' rows, find
that out from the log.

A check is put in a bounded queue and written a moment later, many in one transaction, so that verification
neither waits for the log nor fails with it. The writing thread lives only while there is something to write
and is no daemon: the interpreter, ending, waits for it. A forked process starts with an empty queue.
"""

from __future__ import annotations

import hmac
import logging
import os
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from app import metrics
from app.domain.slip_code import Verdict
from app.extensions import db
from app.models import (
    Scan,
    ScanCount,
    Slip,
    add_up,
    read_connection,
    write_connection,
    write_transaction,
)
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.verification.issued_codes import (
    UNKNOWN_VIEWER,
    RecentViewer,
    Verification,
    find_issued_code,
)

log = logging.getLogger(__name__)

QUEUE = "scans"
GATHER_SECONDS = 0.2
MAX_QUEUE = 20_000
BATCH = 5_000
SAME_WITHIN = timedelta(minutes=1)
"""Within this time one address checks a slip once."""

_COUNT_UP = (
    update(Slip)
    .where(Slip.id == bindparam("slip"))
    .values(check_count=Slip.check_count + bindparam("checks"))
)

_LOCK_SLIPS = (
    select(Slip.id)
    .where(Slip.id.in_(bindparam("slips", expanding=True)))
    .order_by(Slip.id)  # in one order everywhere, so that two writers cannot wait for each other
    .with_for_update(key_share=True)
)
_SCANS_AROUND = select(Scan.slip_id, Scan.address_hash, Scan.checked_at).where(
    Scan.slip_id.in_(bindparam("slips", expanding=True)),
    Scan.checked_at.between(bindparam("first"), bindparam("last")),
)
_SUMMARIZE = (
    select(Slip.check_count, Scan.checked_at)
    .outerjoin(Scan, Scan.slip_id == Slip.id)
    .where(Slip.number == bindparam("number"))
    .order_by(Scan.checked_at.desc(), Scan.id.desc())
    .limit(bindparam("most"))
)


class Viewer(StrEnum):
    """Who checked a slip."""

    PUBLIC = "public"
    GUARD = "guard"
    CLERK = "clerk"
    OFFLINE = "offline"


@dataclass(frozen=True, slots=True)
class LoggedScan:
    """A check as it was logged; `checked_at` is UTC."""

    checked_at: datetime
    viewer: Viewer
    verdict: Verdict


@dataclass(frozen=True, slots=True, order=True)
class CountedDay:
    """What is counted together of checks without a slip: those of a day of the service's time zone."""

    day: date
    viewer: Viewer
    verdict: Verdict


@dataclass(slots=True)
class _Batch:
    """What is to be written to one database."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    counts: Counter[CountedDay] = field(default_factory=Counter)


class _ScanQueue:
    """Checks that wait to be written, and the thread that writes them while there are any."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Start anew, as in a forked child, whose parent writes what it has."""
        self._lock = threading.Lock()  # else a scan could be put in while the writer sees nothing, and ends
        self._waiting: deque[tuple[Engine, dict[str, Any]]] = deque()
        self._counts: dict[Engine, Counter[CountedDay]] = {}
        self._writer: threading.Thread | None = None
        self._lost = 0

    def put(self, engine: Engine, row: dict[str, Any]) -> None:
        """Add a check, or count it as lost when too many wait. Starts the writer when there is none."""
        with self._lock:
            if len(self._waiting) >= MAX_QUEUE:
                self._lost += 1
                return
            self._waiting.append((engine, row))
            self._wake()

    def count(self, engine: Engine, counted: CountedDay) -> None:
        """Count a check without a slip. Starts the writer when there is none."""
        with self._lock:
            self._counts.setdefault(engine, Counter())[counted] += 1
            self._wake()

    def _wake(self) -> None:
        metrics.queue_length.labels(QUEUE).set(len(self._waiting))
        if self._writer is None:
            writer = threading.Thread(target=self._write_until_empty, name="slip-checks", daemon=False)
            writer.start()
            self._writer = writer

    def join(self) -> None:
        """Wait until what waits now is written."""
        with self._lock:
            writer = self._writer
        if writer is not None:
            writer.join()

    def _write_until_empty(self) -> None:
        try:
            time.sleep(GATHER_SECONDS)
            while batch := self._take():
                for engine, found in batch.items():
                    _store(engine, found)
                time.sleep(GATHER_SECONDS)
        except BaseException:
            with self._lock:
                self._writer = None
            raise

    def _take(self) -> dict[Engine, _Batch]:
        """What waits, by database. Where nothing does, the writer has ended: the next check starts another."""
        with self._lock:
            if not self._waiting and not self._counts:
                self._writer = None
            batch = {engine: _Batch(counts=counts) for engine, counts in self._counts.items()}
            self._counts = {}
            lost, self._lost = self._lost, 0
            for _ in range(min(BATCH, len(self._waiting))):
                engine, row = self._waiting.popleft()
                batch.setdefault(engine, _Batch()).rows.append(row)
            metrics.queue_length.labels(QUEUE).set(len(self._waiting))
        if lost:
            _note_lost(lost, "queue full")
        return batch


_queue = _ScanQueue()
os.register_at_fork(after_in_child=_queue.reset)  # under gunicorn --preload each scan would be written by all


def record_scan(installation: Installation, verification: Verification, viewer: Viewer, address: str) -> None:
    """Log a check that was just made, without waiting for the log and without failing over it."""
    metrics.verifications.labels(verification.verdict).inc()
    now = get_now()
    try:
        if verification.slip_id is None:
            day = installation.get_local_time(now).date()
            _queue.count(db.engine, CountedDay(day, viewer, verification.verdict))
        else:
            _queue.put(db.engine, make_row(installation, verification, viewer, address, now))
    except RuntimeError as error:
        _note_lost(1, str(error))


def _note_lost(count: int, error: str) -> None:
    metrics.rows_lost.labels(QUEUE).inc(count)
    log.error("checks lost", extra={"count": count, "error": error})


def flush_scans() -> None:
    """Wait until every check that was recorded in this process is written."""
    _queue.join()


def make_row(
    installation: Installation, verification: Verification, viewer: Viewer, address: str, now: datetime
) -> dict[str, Any]:
    """A row of the log for a check that was made `now`; the address enters it as a hash alone."""
    return {
        "checked_at": now,
        "viewer": viewer,
        "verdict": verification.verdict,
        "address_hash": hash_address(installation, address, installation.get_local_time(now).date()),
        "slip_id": verification.slip_id,
        "offline_id": None,
    }


def hash_address(installation: Installation, address: str, day: date) -> str:
    """HMAC-SHA256 of the address, 16 bytes in hex. The key is made from the service's secret and the day, so
    that one address is the same within a day, and no table made beforehand or on another day fits.
    """
    return _hash_address(installation.settings.service.secret_key, address, day)


@lru_cache(maxsize=4096)
def _hash_address(secret: str, address: str, day: date) -> str:
    key = hmac.digest(secret.encode(), b"lixiao-check-salt/1\0" + day.isoformat().encode(), "sha256")
    return hmac.digest(key, address.encode(), "sha256")[:16].hex()


def find_recent_viewer(installation: Installation, address: str, now: datetime) -> RecentViewer:
    """Who checks from this address, with the checks of the last minute."""
    address_hash = hash_address(installation, address, installation.get_local_time(now).date())
    return RecentViewer(address_hash, now - SAME_WITHIN)


def store_scans(connection: Connection, rows: list[dict[str, Any]]) -> int:
    """Insert the rows, each of a slip, that repeat no other check, count them there, and return how many they were."""
    slips = sorted({row["slip_id"] for row in rows})
    if slips:
        connection.execute(_LOCK_SLIPS, {"slips": slips})
        rows = _leave_out_repeats(rows, _find_scans_around(connection, rows, slips))
    if not rows:
        return 0
    connection.execute(insert(Scan), rows)
    counts = Counter(row["slip_id"] for row in rows)
    connection.execute(_COUNT_UP, [{"slip": slip, "checks": counts[slip]} for slip in sorted(counts)])
    return len(rows)


def store_counts(connection: Connection, counts: Counter[CountedDay]) -> None:
    """Add checks without a slip to those of their days."""
    rows = [{**asdict(counted), "count": counts[counted]} for counted in sorted(counts)]
    if rows:
        add_up(connection, ScanCount, rows, "count")


Moments = dict[tuple[Any, str], list[datetime]]
"""When each slip was checked from each address."""


def _find_scans_around(connection: Connection, rows: list[dict[str, Any]], slips: list[int]) -> Moments:
    times = [row["checked_at"] for row in rows]
    values = {"slips": slips, "first": min(times) - SAME_WITHIN, "last": max(times) + SAME_WITHIN}
    found: Moments = defaultdict(list)
    for slip_id, address_hash, checked_at in connection.execute(_SCANS_AROUND, values):
        found[slip_id, address_hash].append(checked_at)
    return found


def _leave_out_repeats(rows: list[dict[str, Any]], found: Moments) -> list[dict[str, Any]]:
    """The rows, oldest first, without those that repeat one of the `found` or one before them."""
    kept = []
    for row in sorted(rows, key=lambda row: row["checked_at"]):
        moments = found[row["slip_id"], row["address_hash"]]
        if all(abs(row["checked_at"] - moment) >= SAME_WITHIN for moment in moments):
            moments.append(row["checked_at"])
            kept.append(row)
    return kept


def _store(engine: Engine, batch: _Batch) -> None:
    try:
        with write_connection(engine) as connection:
            store_scans(connection, batch.rows)
            store_counts(connection, batch.counts)
    except SQLAlchemyError as error:
        _note_lost(len(batch.rows) + batch.counts.total(), type(error).__name__)


def list_counts(since: date) -> Iterator[tuple[CountedDay, int]]:
    """How often codes without a slip were checked, from this day on."""
    query = select(ScanCount).where(ScanCount.day >= since)
    for row in db.session.scalars(query.order_by(ScanCount.day, ScanCount.viewer, ScanCount.verdict)):
        yield CountedDay(row.day, Viewer(row.viewer), Verdict(row.verdict)), row.count


def count_scans(slip_id: int) -> int:
    """How many checks of this slip are logged."""
    query = select(func.count()).select_from(Scan).where(Scan.slip_id == slip_id)
    return db.session.scalar(query) or 0


def list_scans(
    slip_id: int, limit: int = 50, viewer: RecentViewer = UNKNOWN_VIEWER
) -> tuple[LoggedScan, ...]:
    """The newest checks of a slip, newest first, without the viewer's own that goes on."""
    is_own = (Scan.checked_at > viewer.since) & (Scan.address_hash == viewer.address_hash)
    query = (
        select(Scan.checked_at, Scan.viewer, Scan.verdict)
        .where(Scan.slip_id == slip_id, ~is_own)
        .order_by(Scan.checked_at.desc(), Scan.id.desc())
        .limit(limit)
    )
    return tuple(
        LoggedScan(checked_at, Viewer(viewer), Verdict(verdict))
        for checked_at, viewer, verdict in db.session.execute(query)
    )


@dataclass(frozen=True, slots=True)
class ScanSummary:
    """How often a slip was checked, and when the last times were (UTC): what its holder may know."""

    count: int
    moments: tuple[datetime, ...]


def summarize_scans(number: str, limit: int = 5) -> ScanSummary:
    """The checks of the slip of this number: all of them counted, and the newest ones that are still on record."""
    with read_connection(db.engine) as connection:
        rows = connection.execute(_SUMMARIZE, {"number": number, "most": limit}).all()
    return ScanSummary(
        max((count for count, _ in rows), default=0), tuple(moment for _, moment in rows if moment)
    )


OLDEST = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class OfflineScan:
    """`offline_id` is the gate's own, at most 36 characters; `short_code` the slip's where the scanned code was proven,
    `verdict` what the gate said then; `checked_at` by the gate's clock.
    """

    offline_id: str
    short_code: str | None
    verdict: Verdict
    checked_at: datetime


def record_offline_scans(installation: Installation, checks: Iterable[OfflineScan], address: str) -> int:
    """Log the checks whose ids are new and that repeat no other, in one transaction, and return how many they were. A
    check that claims a later time than now was made now, and none is more than a year old. Checks without a slip are
    counted again when they are sent again.
    """
    rows, counts = {}, Counter[CountedDay]()
    for check in checks:
        row = _make_row(installation, check, address)
        if row["slip_id"] is None:
            day = installation.get_local_time(row["checked_at"]).date()
            counts[CountedDay(day, Viewer.OFFLINE, check.verdict)] += 1
        else:
            rows[check.offline_id] = row
    try:
        return _store_new(rows, counts)
    except IntegrityError:  # the same checks came twice at once; the others stand by now
        return _store_new(rows, counts)


def _make_row(installation: Installation, check: OfflineScan, address: str) -> dict[str, Any]:
    verification = Verification(check.verdict, slip_id=_find_slip_id(check.short_code))
    now = get_now()
    checked_at = max(min(check.checked_at, now), now - OLDEST)
    row = make_row(installation, verification, Viewer.OFFLINE, address, checked_at)
    return {**row, "offline_id": check.offline_id}


def _find_slip_id(short_code: str | None) -> int | None:
    logged_code = find_issued_code(short_code) if short_code else None
    return logged_code.slip_id if logged_code else None


def _store_new(rows: dict[str, dict[str, Any]], counts: Counter[CountedDay]) -> int:
    with write_transaction() as session:
        query = select(Scan.offline_id).where(Scan.offline_id.in_(rows))
        known = set(session.scalars(query))
        new = [row for offline_id, row in rows.items() if offline_id not in known]
        store_counts(session.connection(), counts)
        return (store_scans(session.connection(), new) if new else 0) + counts.total()
