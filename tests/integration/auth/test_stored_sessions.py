"""Browsers' sessions in the database, on SQLite and PostgreSQL."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import select, text

from app.domain.hash_chain import START
from app.extensions import db
from app.models import AuditEvent, AuditHead
from app.services.sign_in import sessions
from app.services.sign_in.sign_in import hash_campus_session
from tests.integration.conftest import MakeDatabase

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
IDLE = timedelta(minutes=30)
DAY = timedelta(hours=8)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def app(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Flask]:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = make_database(tmp_path)
    db.init_app(app)
    with app.app_context():
        db.create_all()
        yield app
        db.session.remove()
        db.engine.dispose()


def load(identifier: str, now: datetime = NOW) -> dict[str, object] | None:
    found = sessions.load_session(identifier, now, IDLE)
    return found.data if found else None


def sign_in(identifier: str, number: str = "TS1", now: datetime = NOW) -> None:
    sessions.replace_session(None, identifier, number, {"person": number}, "sign_in:", now, DAY)


def test_what_is_stored_comes_back_in_every_language(app: Flask) -> None:
    sessions.create_session("a", {"name": "欧阳䶮𠮷𬭎", "list": [1, None]}, NOW, IDLE)
    assert load("a") == {"name": "欧阳䶮𠮷𬭎", "list": [1, None]}
    assert load("b") is None


def test_the_identifier_itself_is_not_stored(app: Flask) -> None:
    sessions.create_session("identifier-in-the-cookie", {}, NOW, IDLE)
    assert "identifier-in-the-cookie" not in str(
        db.session.execute(text("SELECT * FROM browser_sessions")).all()
    )


def test_before_the_sign_in_a_session_has_one_limit_and_after_it_two(app: Flask) -> None:
    sessions.create_session("early", {}, NOW, timedelta(minutes=45))
    sign_in("late")
    assert load("early", NOW + timedelta(minutes=44)) == {}
    assert load("early", NOW + timedelta(minutes=45)) is None
    assert load("late", NOW + timedelta(minutes=30)) is not None
    assert load("late", NOW + timedelta(minutes=31)) is None


def test_a_session_in_use_lives_until_its_absolute_limit(app: Flask) -> None:
    sign_in("a")
    moment = NOW
    while moment < NOW + DAY - 20 * MINUTE:
        moment += 20 * MINUTE
        sessions.touch_session("a", moment)
    assert load("a", NOW + DAY - MINUTE) is not None
    assert load("a", NOW + DAY) is None


def test_a_change_keeps_what_another_tab_changed(app: Flask) -> None:
    sessions.create_session("a", {"old": 1, "gone": 1}, NOW, IDLE)
    sessions.change_session("a", {"mine": 1}, ["gone"], NOW)
    sessions.change_session("a", {"yours": 1}, [], NOW)
    assert load("a") == {"old": 1, "mine": 1, "yours": 1}


def test_a_change_does_not_bring_an_ended_session_back(app: Flask) -> None:
    sign_in("a")
    sessions.end_session("a")
    sessions.change_session("a", {"x": 1}, [], NOW)
    sessions.touch_session("a", NOW)
    assert load("a") is None


def test_a_value_is_taken_by_one_of_many(app: Flask) -> None:
    sessions.create_session("a", {"once": "value", "other": 1}, NOW, IDLE)
    taken = []

    def take() -> None:
        with app.app_context():
            taken.append(sessions.take_from_session("a", "once"))

    threads = [threading.Thread(target=take) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken, key=str) == [None] * 9 + ["value"]
    assert load("a") == {"other": 1}
    assert sessions.take_from_session("nobody", "once") is None


def test_a_sign_in_replaces_the_session_and_keeps_only_pending_sign_ins(app: Flask) -> None:
    sessions.create_session("old", {"csrf_token": "t", "sign_in:x": {"at": 1}}, NOW, IDLE)
    sessions.replace_session("old", "new", "TS1", {"person": "TS1"}, "sign_in:", NOW, DAY)
    assert load("old") is None
    assert load("new") == {"sign_in:x": {"at": 1}, "person": "TS1"}


def test_the_sessions_of_a_person_are_listed_and_ended_together(app: Flask) -> None:
    sign_in("a", "TS1")
    sign_in("b", "TS1", NOW + MINUTE)
    sign_in("c", "TS2")
    sessions.create_session("d", {}, NOW, IDLE)
    db.session.add(AuditHead(id=1, chain_hash=START))
    db.session.commit()
    assert [one.created_at for one in sessions.list_sessions(NOW, "TS1")] == [NOW + MINUTE, NOW]
    assert len(sessions.list_sessions(NOW)) == 3
    assert sessions.end_sessions_of("TS1", "root", NOW) == 2
    assert [load(name) is None for name in "abc"] == [True, True, False]
    (event,) = db.session.execute(select(AuditEvent)).scalars()
    assert (event.kind, event.actor, event.subject) == ("sessions_ended", "root", "TS1")


def test_the_campus_ends_the_session_that_it_names_and_no_other(app: Flask) -> None:
    for name, ticket in (("a", "ST-1"), ("b", "ST-2")):
        named = hash_campus_session("cas", ticket)
        sessions.replace_session(None, name, "TS1", {}, "sign_in:", NOW, DAY, named)
    sign_in("c")
    for provider, ticket in (("cas", "ST-3"), ("cas", ""), ("other", "ST-1")):
        assert not sessions.end_campus_session(provider, ticket)
    assert sessions.end_campus_session("cas", "ST-1")
    assert [load(name) is None for name in "abc"] == [True, False, False]
    assert not sessions.end_campus_session("cas", "ST-1")
    assert "ST-2" not in str(db.session.execute(text("SELECT * FROM browser_sessions")).all())


def test_expired_sessions_are_deleted_and_no_others(app: Flask) -> None:
    for number in range(5):
        sessions.create_session(f"old{number}", {}, NOW - DAY, MINUTE)
    sign_in("new")
    assert sessions.delete_expired_sessions(NOW) == 5
    assert sessions.delete_expired_sessions(NOW) == 0
    assert load("new") is not None


def test_reading_leaves_no_transaction_open(app: Flask) -> None:
    sign_in("a")
    load("a")
    assert not db.session().in_transaction()
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
