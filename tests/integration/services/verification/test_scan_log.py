"""The log of checks: written a moment later, counted, never in the way, and silent about persons."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import Engine

from app.domain.slip_code import Verdict
from app.extensions import db
from app.services.verification import scan_log
from app.services.verification.scan_log import (
    OfflineScan,
    ScanSummary,
    Viewer,
    count_scans,
    flush_scans,
    hash_address,
    list_counts,
    list_scans,
    record_offline_scans,
    record_scan,
    summarize_scans,
)
from app.services.verification.verification import Verification, verify_code
from tests.fixtures.office import Office

ADDRESS = "192.0.2.7"
MINUTE = timedelta(minutes=1)
NOBODY_S = Verification(Verdict.NEVER_ISSUED)


@pytest.fixture
def office(own_office: Office) -> Office:
    return own_office


def check(
    office: Office, number: str, viewer: Viewer = Viewer.PUBLIC, address: str = ADDRESS
) -> Verification:
    """Verify a slip from an address and log it."""
    found = verify_code(office.installation, office.get_digits(number), address)
    record_scan(office.installation, found, viewer, address)
    return found


def read_rows(office: Office) -> list[tuple[object, ...]]:
    """Viewer, verdict, address hash and slip of every check, by a connection of its own."""
    with closing(sqlite3.connect(office.data_dir / "lixiao.sqlite3")) as connection:
        query = "SELECT viewer, verdict, address_hash, slip_id FROM slip_checks ORDER BY id"
        return connection.execute(query).fetchall()


def read_counts() -> dict[tuple[str, str], int]:
    """Today's checks without a slip."""
    db.session.rollback()
    today = datetime.now(UTC).date() - timedelta(days=1)
    return {(counted.viewer, counted.verdict): count for counted, count in list_counts(today)}


def test_a_holder_is_told_how_often_a_slip_was_checked_and_the_last_times_and_of_no_other(
    office: Office,
) -> None:
    first, second, unchecked = office.issue(), office.issue(), office.issue()
    for number, address in ((first, "192.0.2.1"), (first, "192.0.2.2"), (first, ADDRESS), (second, ADDRESS)):
        check(office, number, address=address)
    flush_scans()
    db.session.rollback()  # a request begins after the checks were written
    told = summarize_scans(first, limit=2)
    assert (told.count, len(told.moments)) == (3, 2)
    assert told.moments[0] >= told.moments[1]
    assert (summarize_scans(second).count, len(summarize_scans(second).moments)) == (1, 1)
    for number in (unchecked, "LX260000000000000"):
        assert summarize_scans(number) == ScanSummary(0, ())


def test_checks_are_counted_at_their_slip(office: Office) -> None:
    first, second = office.issue(), office.issue()
    for number, address in ((first, "192.0.2.1"), (first, "192.0.2.2"), (second, ADDRESS)):
        check(office, number, address=address)
    check(office, first, Viewer.GUARD)
    record_scan(office.installation, NOBODY_S, Viewer.CLERK, ADDRESS)
    flush_scans()

    found = verify_code(office.installation, office.get_digits(first))
    assert found.check_count == 3
    assert found.slip_id is not None
    assert count_scans(found.slip_id) == 3
    assert [line.viewer for line in list_scans(found.slip_id)] == [
        Viewer.GUARD,
        Viewer.PUBLIC,
        Viewer.PUBLIC,
    ]
    assert len(read_rows(office)) == 4
    assert read_counts() == {("clerk", "never_issued"): 1}


def test_a_thousand_checks_at_once_lose_none(office: Office) -> None:
    number = office.issue()
    found = verify_code(office.installation, office.get_digits(number))
    installation, context = office.installation, office.app.app_context

    def look(network: int) -> None:
        with context():
            for host in range(100):
                record_scan(installation, found, Viewer.PUBLIC, f"10.0.{network}.{host}")

    threads = [threading.Thread(target=look, args=(network,)) for network in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    flush_scans()

    assert verify_code(installation, office.get_digits(number)).check_count == 1000
    assert len(read_rows(office)) == 1000


def test_the_log_holds_no_name_number_code_or_address(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    number = office.issue("李文静", "TS23004711")
    digits, short_code = office.get_digits(number), office.get_short_code(number)
    check(office, number)
    flush_scans()

    (row,) = read_rows(office)
    text = f"{row}{caplog.text}"
    assert not any(secret in text for secret in ("李文静", "TS23004711", digits, short_code, number, ADDRESS))


def test_an_address_is_one_hash_a_day_and_another_the_next(office: Office) -> None:
    day = date(2026, 6, 20)
    today = hash_address(office.installation, ADDRESS, day)

    assert today == hash_address(office.installation, ADDRESS, day)
    assert len({today, hash_address(office.installation, ADDRESS, day + timedelta(days=1))}) == 2
    assert len({today, hash_address(office.installation, "192.0.2.8", day)}) == 2


def test_a_log_that_cannot_be_written_stops_no_check(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    number = office.issue()
    with closing(sqlite3.connect(office.data_dir / "lixiao.sqlite3")) as connection:
        connection.execute(
            "CREATE TRIGGER full BEFORE INSERT ON slip_checks BEGIN SELECT RAISE(ABORT, 'full'); END"
        )

    assert check(office, number).verdict is Verdict.VALID
    flush_scans()

    assert "checks lost" in caplog.text


def test_a_full_queue_drops_checks_and_says_how_many(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scan_log, "MAX_QUEUE", 5)
    number = office.issue()
    for place in range(9):
        check(office, number, address=f"192.0.2.{place}")
    flush_scans()

    assert len(read_rows(office)) == 5
    assert [record.count for record in caplog.records if record.message == "checks lost"] == [4]


def test_checks_without_a_slip_are_counted_by_verdict_and_displace_none_of_a_slip(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scan_log, "MAX_QUEUE", 5)
    number = office.issue()
    for place in range(3000):
        verdict = Verdict.MALFORMED if place % 3 else Verdict.NEVER_ISSUED
        record_scan(office.installation, Verification(verdict), Viewer.PUBLIC, f"10.1.{place // 250}.{place}")
    check(office, number)
    flush_scans()

    assert read_counts() == {("public", "malformed"): 2000, ("public", "never_issued"): 1000}
    assert len(read_rows(office)) == 1
    assert "checks lost" not in caplog.text


def test_a_check_that_comes_as_the_writer_ends_is_written_too(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue, ended = scan_log._queue, threading.Event()
    take = queue._take

    def take_and_let_one_in() -> dict[Engine, Any]:
        batch = take()
        if not batch and not ended.is_set():
            ended.set()
            with office.app.app_context():
                record_scan(office.installation, NOBODY_S, Viewer.PUBLIC, ADDRESS)
        return batch

    monkeypatch.setattr(queue, "_take", take_and_let_one_in)
    record_scan(office.installation, NOBODY_S, Viewer.PUBLIC, ADDRESS)
    assert ended.wait(20)
    flush_scans()
    flush_scans()

    assert read_counts() == {("public", "never_issued"): 2}


def test_a_forked_process_writes_its_own_checks_and_none_twice(office: Office) -> None:
    number = office.issue()
    found = check(office, number)
    child = os.fork()
    if child == 0:
        db.engine.dispose(close=False)
        record_scan(office.installation, found, Viewer.GUARD, "192.0.2.8")
        flush_scans()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    flush_scans()

    assert sorted(row[0] for row in read_rows(office)) == ["guard", "public"]


def test_an_offline_check_counts_once_by_its_id(office: Office) -> None:
    number = office.issue()
    digits = office.get_digits(number)
    at = datetime(2026, 6, 20, 8, 30, tzinfo=UTC)
    code = office.get_short_code(number)
    checks = [OfflineScan(str(uuid4()), code, Verdict.VALID, at + place * MINUTE) for place in range(3)]
    stray = OfflineScan(str(uuid4()), None, Verdict.BAD_SIGNATURE, datetime.now(UTC) + timedelta(days=9))

    assert record_offline_scans(office.installation, [*checks, stray], ADDRESS) == 4
    assert record_offline_scans(office.installation, checks, ADDRESS) == 0
    assert record_offline_scans(office.installation, [], ADDRESS) == 0

    assert verify_code(office.installation, digits).check_count == 3
    assert {row[0] for row in read_rows(office)} == {"offline"}
    assert read_counts() == {("offline", "bad_signature"): 1}, "of today, whatever day it claims"


def test_an_offline_check_of_a_code_that_nobody_issued_counts_at_no_slip(office: Office) -> None:
    digits = office.get_digits(office.issue())
    strange = OfflineScan(str(uuid4()), "0" * 16, Verdict.NEVER_ISSUED, datetime.now(UTC))

    assert record_offline_scans(office.installation, [strange], ADDRESS) == 1
    assert verify_code(office.installation, digits).check_count == 0
    assert read_rows(office) == []
    assert read_counts() == {("offline", "never_issued"): 1}
