"""Migrations, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import flask_migrate
import pytest
from flask import Flask
from sqlalchemy import inspect, text

from app.extensions import Base, db
from app.factory import create_app
from app.services.operations.migrations import get_migration_head
from app.settings import load_settings
from tests.campus.client import PROJECT
from tests.campus.run import make_environment
from tests.integration.conftest import MakeDatabase

HEAD = "0017"
"""The newest migration: a new one is named here, so that two at the same time are noticed."""


@pytest.fixture
def app(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Flask]:
    """An application with an empty database."""
    changes = {"LIXIAO_DATABASE__URL": make_database(tmp_path)}
    app = create_app(load_settings(make_environment(tmp_path, 8000, "http://127.0.0.1:8001") | changes))
    with app.app_context():
        yield app
        db.engine.dispose()


def describe() -> dict[str, object]:
    """The tables with their columns, indexes, keys and constraints."""
    inspector = inspect(db.engine)
    return {
        name: (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in columns),
            sorted(str(index["name"]) for index in inspector.get_indexes(name)),
            sorted(str(key["name"]) for key in inspector.get_unique_constraints(name)),
            sorted(str(key["name"]) for key in inspector.get_foreign_keys(name)),
        )
        for name in sorted(inspector.get_table_names())
        if name != "alembic_version"
        for columns in (inspector.get_columns(name),)
    }


def test_the_head_is_pinned_and_single() -> None:
    assert get_migration_head() == HEAD
    files = sorted((PROJECT / "app" / "migrations" / "versions").glob("*.py"))
    assert [path.name[:4] for path in files] == [f"{number:04d}" for number in range(1, len(files) + 1)]
    assert files[-1].name.startswith(HEAD)


def test_the_migrations_make_exactly_what_the_models_say(app: Flask) -> None:
    flask_migrate.upgrade()
    flask_migrate.check()
    assert describe().keys() == Base.metadata.tables.keys()


def test_a_difference_between_models_and_database_is_noticed(app: Flask) -> None:
    flask_migrate.upgrade()
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE submissions ADD COLUMN odd INTEGER"))
    with pytest.raises(SystemExit):
        flask_migrate.check()


def test_down_and_up_twice_gives_the_same_tables(app: Flask) -> None:
    flask_migrate.upgrade()
    first = describe()
    for _ in range(2):
        flask_migrate.downgrade(revision="base")
        assert describe() == {}
        flask_migrate.upgrade()
        assert describe() == first


def test_each_migration_can_be_taken_back_alone(app: Flask) -> None:
    flask_migrate.upgrade()
    whole = describe()
    for _ in range(int(HEAD) - 1):
        flask_migrate.downgrade()
    assert describe() != whole
    flask_migrate.upgrade()
    assert describe() == whole
