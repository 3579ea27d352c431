"""Who can write to the database, and does not have the service's secret key, signs nobody in: on SQLite and PostgreSQL,
by the SQL that such a person would use.
"""

from __future__ import annotations

import hmac
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import text

from app.extensions import db
from app.services.sign_in.sessions import SessionStore, hash_identifier
from tests.integration.conftest import MakeDatabase

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
IDLE = timedelta(minutes=30)
DAY = timedelta(hours=8)
STORE = SessionStore("the service's secret key, which is long")
OTHER = SessionStore("the secret key of somebody else's service")
STUDENT = {"person": {"number": "TS1", "name": "甲", "role": "student"}}
GUARD = json.dumps({"person": {"number": "TS1", "name": "甲", "role": "guard"}})

CHANGES = {
    "another person": ("person_number = 'TS2'", NOW),
    "another role": (f"data = '{GUARD}'", NOW),
    "a longer life": ("expires_at = '2036-06-01 08:00:00+00:00'", NOW + DAY),
    "a use that was none": ("seen_at = '2026-06-01 10:00:00+00:00'", NOW + timedelta(hours=2)),
    "an earlier beginning": ("created_at = '2020-06-01 08:00:00+00:00'", NOW),
    "another session of the campus": ("campus_session_hash = 'x'", NOW),
    "no MAC": ("mac = ''", NOW),
    "another MAC": (f"mac = '{'0' * 64}'", NOW),
    "another identifier": (f"id_hash = '{hash_identifier('b')}'", NOW),
}


@pytest.fixture
def app(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Flask]:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = make_database(tmp_path)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        STORE.begin("a", "TS1", STUDENT, NOW, DAY)
        yield app
        db.session.remove()
        db.engine.dispose()


def run(statement: str, **values: object) -> None:
    with db.engine.begin() as connection:
        assert connection.execute(text(statement), values).rowcount == 1


def is_signed_in(now: datetime = NOW, store: SessionStore = STORE) -> bool:
    return any(store.load(identifier, now, IDLE) is not None for identifier in "ab")


@pytest.mark.parametrize("name", CHANGES)
def test_a_row_that_was_changed_by_sql_is_no_session(
    name: str, app: Flask, caplog: pytest.LogCaptureFixture
) -> None:
    change, now = CHANGES[name]
    assert is_signed_in(), "control: as it was"
    run(f"UPDATE browser_sessions SET {change}")
    assert not is_signed_in(now)
    lines = [record for record in caplog.records if record.name == "app.services.sign_in.sessions"]
    assert {(line.levelno, line.getMessage()) for line in lines} == {
        (logging.WARNING, "a stored session is not as this service wrote it: nobody is signed in by it")
    } or name == "another identifier"
    assert "TS1" not in caplog.text


@pytest.mark.parametrize("name", CHANGES)
def test_without_the_mac_every_change_would_have_counted(
    name: str, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    change, now = CHANGES[name]
    run(f"UPDATE browser_sessions SET {change}")
    monkeypatch.setattr(hmac, "compare_digest", lambda one, other: True)
    if name == "a longer life":
        run("UPDATE browser_sessions SET seen_at = '2026-06-01 15:59:00+00:00'")
    assert is_signed_in(now)


def test_an_inserted_row_is_no_session(app: Flask) -> None:
    columns = "id_hash, person_number, data, created_at, seen_at, expires_at, campus_session_hash, mac"
    copied = "person_number, data, created_at, seen_at, expires_at, campus_session_hash, mac"
    run("DELETE FROM browser_sessions")
    OTHER.begin("a", "TS1", STUDENT, NOW, DAY)
    assert is_signed_in(store=OTHER), "control: with the key that signed it"
    assert not is_signed_in()
    run(
        f"INSERT INTO browser_sessions ({columns}) SELECT :id_hash, {copied} FROM browser_sessions",
        id_hash=hash_identifier("b"),
    )
    assert not is_signed_in()


def test_the_list_of_sessions_counts_rows_of_others_apart(app: Flask) -> None:
    STORE.begin("b", "TS2", STUDENT, NOW, DAY)
    OTHER.begin("c", "TS3", STUDENT, NOW, DAY)
    run("UPDATE browser_sessions SET data = '{}' WHERE person_number = 'TS1'")
    found, forged = STORE.list_open(NOW)
    assert ([one.person_number for one in found], forged) == (["TS2"], 2)
    assert STORE.list_open(NOW, "TS3") == ([], 1)


def test_what_a_session_s_own_request_writes_does_not_make_a_changed_row_good(app: Flask) -> None:
    run(f"UPDATE browser_sessions SET data = '{GUARD}'")
    STORE.change("a", {"notice": 1}, [], NOW)
    STORE.touch("a", NOW)
    assert not is_signed_in()


@pytest.mark.parametrize("column", ["created_at", "seen_at", "expires_at", "data", "mac"])
@pytest.mark.parametrize("value", ["x", b"\xff\xfe", 7])
def test_a_column_that_holds_what_none_can_is_no_session(
    column: str, value: object, tmp_path: Path, app: Flask
) -> None:
    if db.engine.dialect.name != "sqlite":
        return  # PostgreSQL keeps no such value
    run(f"UPDATE browser_sessions SET {column} = :value", value=value)
    assert not is_signed_in()


def test_with_another_secret_key_all_sessions_have_ended(app: Flask) -> None:
    assert not is_signed_in(store=OTHER)
    assert is_signed_in(), "control: with the same key"
