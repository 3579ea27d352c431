"""The issued log: whole after every kind of change, and no tampering with it or with what it is about is missed."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from sqlalchemy import Connection

from app.extensions import db
from app.models import SlipLogEntry
from app.services.slips import issued_log
from app.services.slips.issued_log import find_log_faults
from app.services.slips.issuing import reissue_slip, revoke_slip
from tests.fixtures.office import Office, open_office
from tests.fixtures.tampering import list_tamperings

ROUNDS = 1000


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """Six slips, of which one is revoked, one reissued, and one reissued and then revoked."""
    with open_office(tmp_path_factory.mktemp("log")) as office:
        numbers = [
            office.issue(name) for name in ("李文静", "欧阳䶮", "周明哲", "阿依古丽·买买提", "王芳", "Li Na")
        ]
        revoke_slip(numbers[1], reason="伪造材料", by="00420014")
        reissue_slip(office.installation, numbers[3], reason="二维码破损", by="00420014")
        reissue_slip(office.installation, numbers[4], reason="补打", by="00420015")
        revoke_slip(numbers[4], reason="退学", by="00420015")
        yield office


def list_faults(connection: Connection) -> list[str]:
    """What the check says on this connection."""
    return list(find_log_faults(connection))


def test_a_log_of_issues_revocations_and_reissues_is_whole(office: Office) -> None:
    with db.engine.connect() as connection:
        assert list_faults(connection) == []

    entries = db.session.query(SlipLogEntry).order_by(SlipLogEntry.sequence).all()
    assert [entry.state for entry in entries] == [
        *["issued"] * 6,
        *["revoked", "superseded", "issued", "superseded", "issued", "revoked"],
    ]
    assert (entries[6].actor, entries[6].reason) == ("00420014", "伪造材料")


def test_each_of_1000_random_tamperings_is_found(office: Office) -> None:
    missed = [name for name, faults in try_tamperings(ROUNDS) if not faults]

    assert missed == []


def test_without_the_look_at_contents_altered_slips_pass(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(issued_log, "_check_codes", lambda connection, lines: iter(()))

    missed = {name for name, faults in try_tamperings(300) if not faults}

    assert any(name.startswith("slips.") for name in missed)
    assert any(name.startswith("submissions.") for name in missed)


def test_without_the_hashes_altered_entries_pass(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issued_log, "get_chain_hash", lambda entry: entry["chain_hash"])

    missed = {name for name, faults in try_tamperings(300) if not faults}

    assert any(name.startswith("slip_log_entries.") for name in missed)


def test_what_the_log_is_not_about_may_change(office: Office) -> None:
    with db.engine.connect() as connection:
        connection.exec_driver_sql("UPDATE slips SET check_count = check_count + 7")
        assert list_faults(connection) == []


def try_tamperings(rounds: int) -> Iterator[tuple[str, list[str]]]:
    """Tamper, look, and take it back, with a fixed seed."""
    chance = random.Random(20260620)
    with db.engine.connect() as connection:
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
        connection.exec_driver_sql("BEGIN")
        tamperings = list_tamperings(connection)
        for _ in range(rounds):
            name, tamper = chance.choice(tamperings)
            connection.exec_driver_sql("SAVEPOINT before")
            detail = tamper(connection, chance)
            yield f"{name} {detail}", list_faults(connection)
            connection.exec_driver_sql("ROLLBACK TO before")
        connection.exec_driver_sql("ROLLBACK")
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
        connection.exec_driver_sql("BEGIN")
