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
from app.services.sign_in import sessions, used_once
from app.services.sign_in.sessions import SessionStore
from app.services.sign_in.sign_in import hash_campus_session
from app.services.sign_in.used_once import use_once
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


STORE = SessionStore("the service's secret key, which is long")


def load(identifier: str, now: datetime = NOW) -> dict[str, object] | None:
    found = STORE.load(identifier, now, IDLE)
    return found.data if found else None


def sign_in(
    identifier: str, number: str = "TS1", now: datetime = NOW, data: dict[str, object] | None = None
) -> None:
    STORE.begin(identifier, number, {"person": number} if data is None else data, now, DAY)


def test_what_is_stored_comes_back_in_every_language(app: Flask) -> None:
    sign_in("a", data={"name": "欧阳䶮𠮷𬭎", "list": [1, None]})
    assert load("a") == {"name": "欧阳䶮𠮷𬭎", "list": [1, None]}
    assert load("b") is None


def test_the_identifier_itself_is_not_stored(app: Flask) -> None:
    sign_in("identifier-in-the-cookie")
    assert "identifier-in-the-cookie" not in str(
        db.session.execute(text("SELECT * FROM browser_sessions")).all()
    )


def test_a_session_ends_unused_and_whose_it_is_is_known_by_its_hash_until_then(app: Flask) -> None:
    sign_in("a")
    id_hash = sessions.hash_identifier("a")
    for minutes, expected in ((30, "TS1"), (31, None)):
        now = NOW + minutes * MINUTE
        assert (load("a", now) is not None) == (expected is not None)
        assert STORE.find_person_number(id_hash, now, IDLE) == expected
    assert STORE.find_person_number("a", NOW, IDLE) is None


def test_a_session_in_use_lives_until_its_absolute_limit(app: Flask) -> None:
    sign_in("a")
    moment = NOW
    while moment < NOW + DAY - 20 * MINUTE:
        moment += 20 * MINUTE
        STORE.touch("a", moment)
    assert load("a", NOW + DAY - MINUTE) is not None
    assert load("a", NOW + DAY) is None


def test_a_change_keeps_what_another_tab_changed(app: Flask) -> None:
    sign_in("a", data={"old": 1, "gone": 1})
    STORE.change("a", {"mine": 1}, ["gone"], NOW)
    STORE.change("a", {"yours": 1}, [], NOW)
    assert load("a") == {"old": 1, "mine": 1, "yours": 1}


def test_a_change_does_not_bring_an_ended_session_back(app: Flask) -> None:
    sign_in("a")
    sessions.end_session("a")
    STORE.change("a", {"x": 1}, [], NOW)
    STORE.touch("a", NOW)
    assert load("a") is None


def test_a_value_is_used_by_one_of_many(app: Flask) -> None:
    used = []

    def use() -> None:
        with app.app_context():
            used.append(use_once(b"a state"))

    threads = [threading.Thread(target=use) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(used) == [False] * 9 + [True]
    assert not use_once(b"a state")
    assert use_once(b"another")


def test_the_memory_of_what_was_used_is_bounded(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(used_once, "SLOTS", 16)
    assert all(use_once(b"%d" % number) for number in range(200))
    assert db.session.scalar(text("SELECT count(*) FROM used_once")) == 16


def test_a_sign_in_replaces_the_session_of_its_browser(app: Flask) -> None:
    sign_in("old")
    STORE.begin("new", "TS2", {"person": "TS2"}, NOW, DAY, instead_of="old")
    assert load("old") is None
    assert load("new") == {"person": "TS2"}


def test_the_sessions_of_a_person_are_listed_and_ended_together(app: Flask) -> None:
    sign_in("a", "TS1")
    sign_in("b", "TS1", NOW + MINUTE)
    sign_in("c", "TS2")
    db.session.add(AuditHead(id=1, chain_hash=START))
    db.session.commit()
    assert [one.created_at for one in STORE.list_open(NOW, "TS1")[0]] == [NOW + MINUTE, NOW]
    assert len(STORE.list_open(NOW)[0]) == 3
    assert sessions.end_sessions_of("TS1", "root", NOW) == 2
    assert [load(name) is None for name in "abc"] == [True, True, False]
    (event,) = db.session.execute(select(AuditEvent)).scalars()
    assert (event.kind, event.actor, event.subject) == ("sessions_ended", "root", "TS1")


def test_the_campus_ends_the_session_that_it_names_and_no_other(app: Flask) -> None:
    for name, ticket in (("a", "ST-1"), ("b", "ST-2")):
        named = hash_campus_session("cas", ticket)
        STORE.begin(name, "TS1", {}, NOW, DAY, named)
    sign_in("c")
    for provider, ticket in (("cas", "ST-3"), ("cas", ""), ("other", "ST-1")):
        assert not sessions.end_campus_session(provider, ticket)
    assert sessions.end_campus_session("cas", "ST-1")
    assert [load(name) is None for name in "abc"] == [True, False, False]
    assert not sessions.end_campus_session("cas", "ST-1")
    assert "ST-2" not in str(db.session.execute(text("SELECT * FROM browser_sessions")).all())


def test_expired_sessions_are_deleted_and_no_others(app: Flask) -> None:
    for number in range(5):
        STORE.begin(f"old{number}", "TS1", {}, NOW - DAY, MINUTE)
    sign_in("new")
    assert sessions.delete_expired_sessions(NOW) == 5
    assert sessions.delete_expired_sessions(NOW) == 0
    assert load("new") is not None


def test_reading_leaves_no_transaction_open(app: Flask) -> None:
    sign_in("a")
    load("a")
    assert not db.session().in_transaction()
    assert db.engine.pool.checkedout() == 0  # type: ignore[attr-defined]
