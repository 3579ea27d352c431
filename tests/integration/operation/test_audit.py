"""`flask audit`: whatever is changed behind the service's back is found; the events can be carried away."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta

import pytest
from click.testing import Result
from sqlalchemy import Connection, text

from app.extensions import db
from app.models import write_transaction
from app.services.audit import PURGED, add_event
from app.services.clock import get_now
from tests.fixtures.office import Office

Change = Callable[[Connection], object]


def run(office: Office, *words: str) -> Result:
    """`flask <words>` in this application."""
    db.session.rollback()
    return office.app.test_cli_runner().invoke(args=list(words))


def change(statement: str) -> Change:
    """Change the database as somebody would who has its password."""
    return lambda connection: connection.execute(text(statement))


TAMPERINGS = {
    "actor": change("UPDATE audit_events SET actor = 'nobody' WHERE id = 2"),
    "time": change("UPDATE audit_events SET happened_at = '2020-01-01 00:00:00+00' WHERE id = 2"),
    "details": change("UPDATE audit_events SET details = '{}' WHERE id = 2"),
    "details that are no JSON object": change("UPDATE audit_events SET details = '[1]' WHERE id = 3"),
    "the first gone": change("DELETE FROM audit_events WHERE id = 1"),
    "one in the middle gone": change("DELETE FROM audit_events WHERE id = 2"),
    "the last gone": change("DELETE FROM audit_events WHERE id = 3"),
    "all gone": change("DELETE FROM audit_events"),
    "moved": change("UPDATE audit_events SET id = 9 WHERE id = 2"),
    "hash": change(f"UPDATE audit_events SET chain_hash = '{'0' * 64}' WHERE id = 3"),
    "head": change(f"UPDATE audit_heads SET chain_hash = '{'0' * 64}' WHERE id = 1"),
    "head gone": change("DELETE FROM audit_heads"),
    "a start that nothing confirms": lambda connection: [
        connection.execute(text(statement))
        for statement in (
            "INSERT INTO audit_heads SELECT 0, chain_hash FROM audit_events WHERE id = 1",
            "DELETE FROM audit_events WHERE id = 1",
        )
    ],
}


def test_every_kind_of_tampering_is_found_and_undoing_it_is_seen(office: Office) -> None:
    for _ in range(3):
        office.issue()
    whole = run(office, "audit", "verify")
    assert (whole.exit_code, whole.output.splitlines()[-1]) == (
        0,
        "the audit events are whole, and so are the rows that they tell of",
    )
    missed = []
    for name, tamper in TAMPERINGS.items():
        _save(office)
        with db.engine.begin() as connection:
            tamper(connection)
        if run(office, "audit", "verify").exit_code != 1:
            missed.append(name)
        _restore(office)
        assert run(office, "audit", "verify").exit_code == 0, name
    assert missed == []


def _save(_office: Office) -> None:
    with db.engine.begin() as connection:
        for table in ("audit_events", "audit_heads"):
            connection.execute(text(f"CREATE TABLE saved_{table} AS SELECT * FROM {table}"))


def _restore(_office: Office) -> None:
    with db.engine.begin() as connection:
        for table in ("audit_events", "audit_heads"):
            connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(text(f"INSERT INTO {table} SELECT * FROM saved_{table}"))
            connection.execute(text(f"DROP TABLE saved_{table}"))


def test_a_slip_without_its_event_is_found(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.fixtures.office.add_event", lambda *_arguments, **_options: None)
    number = office.issue()
    told = run(office, "audit", "verify")
    assert told.exit_code == 1
    assert f"slip {number} was issued without an event" in told.output


def test_events_are_exported_as_json_lines_of_the_days_asked_for(office: Office) -> None:
    now = get_now()
    for days in (40, 3, 2, 1):
        with write_transaction() as session:
            moment = now - timedelta(days=days)
            add_event(session, "tried", actor="某人", subject=f"{days}", details={"n": days}, now=moment)
    day = {n: f"{office.installation.get_local_time(now - timedelta(days=n)):%Y-%m-%d}" for n in (3, 2)}
    done = run(office, "audit", "export", "--from", day[3], "--to", day[2])
    assert done.exit_code == 0
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["subject"] for row in rows] == ["3", "2"]
    assert rows[0]["actor"] == "某人"
    assert set(rows[0]) == {"id", "happened_at", "kind", "actor", "subject", "details", "chain_hash"}
    assert "2 event(s) written" in done.stderr
    assert len(run(office, "audit", "export").stdout.splitlines()) == 4


def test_old_events_are_purged_and_the_rest_stays_whole_and_guarded(office: Office) -> None:
    now = get_now()
    for days in (1500, 1400, 1200, 900, 2):
        with write_transaction() as session:
            moment = now - timedelta(days=days)
            add_event(session, "tried", actor="a", subject=f"{days}", details={}, now=moment)
    assert "        3  audit events" in run(office, "purge", "--dry-run").output
    assert len(run(office, "audit", "export").stdout.splitlines()) == 5

    assert run(office, "purge", "--by", "00420014").exit_code == 0

    rows = [json.loads(line) for line in run(office, "audit", "export").stdout.splitlines()]
    assert [row["subject"] for row in rows] == ["900", "2", "audit"]
    assert (rows[-1]["kind"], rows[-1]["actor"], rows[-1]["details"]["count"]) == (PURGED, "00420014", 3)
    assert run(office, "audit", "verify").exit_code == 0
    with db.engine.begin() as connection:
        connection.execute(text("DELETE FROM audit_events WHERE id = 4"))
    assert run(office, "audit", "verify").exit_code == 1


def test_broken_events_are_never_purged(office: Office) -> None:
    for days in (1500, 1400, 2):
        with write_transaction() as session:
            moment = get_now() - timedelta(days=days)
            add_event(session, "tried", actor="a", subject=f"{days}", details={}, now=moment)
    with db.engine.begin() as connection:
        connection.execute(text("UPDATE audit_events SET actor = 'b' WHERE id = 1"))
    done = run(office, "purge")
    assert done.exit_code == 1
    assert "not whole" in done.output
    assert db.session.scalar(text("SELECT count(*) FROM audit_events")) == 3
