"""Every command says in one sentence why it could not do its work: no traceback, no name of a class."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from pathlib import Path

import click
import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy.exc import OperationalError

from app.commands import errors, restore
from app.extensions import db
from app.factory import create_app
from app.models import engine
from app.services.installation import Installation
from app.settings import load_settings
from tests.campus.run import make_environment
from tests.fixtures.templates import prepare
from tests.integration.conftest import MakeDatabase
from tests.integration.operation.commands import run_flask
from tests.integration.outages import locked_sqlite

NOBODY = "http://127.0.0.1:9"
GIVEN = {
    "mini_app": "graduate_departure",
    "step": "finance",
    "number": "TS23000002",
    "student_number": "TS23000002",
    "by": "00420014",
    "reason": "a reason in words",
    "kid": "1",
    "connector": "finance",
    "cells": "a=b",
    "name": "campus",
    "subject": "ABCDEFGH12345678",
    "file": "/nowhere/file",
    "revision": "head",
    "seconds": "1",
}
"""What a command is given for its arguments and required options, by their names."""
TRACES = re.compile(r"Traceback|\b[A-Za-z]*(Error|Exception)\(|\b[A-Z][a-z]+[A-Za-z]*(Error|Exception)\b")
MIGRATIONS = {"upgrade", "current", "check"}
"""The commands of `flask db` for operators; the others are for developers, and write files."""


def list_commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command of a group and of the groups in it, with the words that call it."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from list_commands(command, *path, name)
        else:
            yield (*path, name), command


def make_words(path: tuple[str, ...], command: click.Command) -> list[str]:
    """A whole call of the command: with all that it requires."""
    words = list(path)
    for parameter in command.params:
        value = GIVEN.get(parameter.name or "", "1")
        if isinstance(parameter, click.Argument):
            words.append(value)
        elif (parameter.required or parameter.name == "seconds") and not getattr(parameter, "is_flag", False):
            words += [parameter.opts[0], value]
    return words


@contextmanager
def installed(folder: Path, **changes: str) -> Iterator[Flask]:
    """An installation with keys and a migrated database, whose settings then change."""
    environment = make_environment(folder, 8000, NOBODY)
    prepare(environment)
    app = create_app(load_settings({**environment, **changes}))
    try:
        yield app
    finally:
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def walk(app: Flask) -> dict[str, Result]:
    """What every command comes to, the product's and those of the migrations."""
    runner = app.test_cli_runner()
    calls = [
        make_words(path, command)
        for path, command in list_commands(app.cli)
        if path[0] != "db" or path[1] in MIGRATIONS
    ]
    calls.sort(key=lambda words: words[:2] == ["db", "upgrade"])  # last: it mends what the others lack
    return {" ".join(words): runner.invoke(args=words, input="y\n") for words in calls}


def list_unexplained(results: Mapping[str, Result]) -> list[str]:
    """The calls that ended in an error of the program, or name a class."""
    return [
        f"{words}: {result.exception!r} {result.output}"
        for words, result in results.items()
        if not isinstance(result.exception, SystemExit | None) or TRACES.search(result.output)
    ]


def count_told(results: Mapping[str, Result], sentence: str) -> int:
    """How many calls ended with this, and exit code 1."""
    return sum(sentence in result.output and result.exit_code == 1 for result in results.values())


def make_no_database(folder: Path) -> str:
    path = folder / "text.sqlite3"
    path.write_text("This is a text and no database. " * 100)
    return f"sqlite:///{path}"


def make_empty(folder: Path) -> str:
    sqlite3.connect(folder / "empty.sqlite3").close()
    return f"sqlite:///{folder}/empty.sqlite3"


@pytest.mark.parametrize(
    ("make_url", "sentence"),
    [
        (lambda _: "postgresql+psycopg://somebody:word@127.0.0.1:9/lixiao", "PostgreSQL does not answer"),
        (lambda folder: f"sqlite:///{folder}/nowhere/x.sqlite3", "the database file cannot be opened"),
        (lambda folder: f"sqlite:///{folder}", "the database file cannot be opened"),
        (make_no_database, "is no SQLite database, or is damaged"),
        (make_empty, "run `flask db upgrade`"),
    ],
    ids=["PostgreSQL is down", "no folder", "a folder", "no database", "no tables"],
)
def test_every_command_says_what_is_wrong_with_the_database(
    make_url: Callable[[Path], str], sentence: str, tmp_path: Path
) -> None:
    with installed(tmp_path / "data", LIXIAO_DATABASE__URL=make_url(tmp_path)) as app:
        results = walk(app)
    assert list_unexplained(results) == []
    assert count_told(results, sentence) > 10


def test_a_command_of_an_extension_marks_the_checkpoint_of_its_own_application_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extension has one command for all applications of a process."""
    marked: list[Installation] = []
    monkeypatch.setattr(restore, "_mark", marked.append)
    with installed(tmp_path / "one"), installed(tmp_path / "other") as other:
        marked.clear()
        other.test_cli_runner().invoke(args=["db", "current"])
    assert marked == [other.extensions["installation"]]


def test_every_command_says_that_the_database_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LOCK_TIMEOUT_SECONDS", 0.1)
    monkeypatch.setattr(engine.write_transaction.__wrapped__, "__defaults__", (0.1,))
    with installed(tmp_path) as app, locked_sqlite(tmp_path / "lixiao.sqlite3"):
        results = walk(app)
    assert list_unexplained(results) == []
    assert count_told(results, "other programs use the database") >= 3


def test_every_command_says_what_it_was_given_that_is_not_there(
    tmp_path: Path, make_database: MakeDatabase
) -> None:
    """No such slip, desk, key and file, on a database of either kind."""
    changes = {"LIXIAO_DATABASE__URL": make_database(tmp_path)}
    with installed(tmp_path / "data", **changes) as app:
        app.test_cli_runner().invoke(args=["db", "upgrade"])
        results = walk(app)
    assert list_unexplained(results) == []


def test_postgresql_names_what_it_lacks(tmp_path: Path, postgres_url: str) -> None:
    def tell(url: str) -> str:
        with installed(tmp_path, LIXIAO_DATABASE__URL=url) as app:
            return app.test_cli_runner().invoke(args=["waivers", "list"]).output

    assert "run `flask db upgrade`" in tell(postgres_url)
    assert "no database of the name" in tell(re.sub(r"@/\w+", "@/not_there", postgres_url))
    assert "refuses the user" in tell(postgres_url.replace("//postgres@", "//nobody_here@"))


@pytest.fixture
def postgres_url(request: pytest.FixtureRequest) -> str:
    """An empty database of PostgreSQL."""
    server = request.getfixturevalue("postgres")
    return str(server.get_url(server.create_database()))


def test_without_the_sentences_a_command_ends_in_a_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "describe_fault", lambda _error: "")
    with installed(tmp_path / "data", LIXIAO_DATABASE__URL=f"sqlite:///{tmp_path}/nowhere/x.sqlite3") as app:
        result = app.test_cli_runner().invoke(args=["waivers", "list"])
    assert isinstance(result.exception, OperationalError)


def test_the_program_says_the_sentence_and_ends_with_1(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, 8000, NOBODY)
    prepare(environment)
    with closing(sqlite3.connect(tmp_path / "lixiao.sqlite3")) as database:
        database.execute("DROP TABLE waivers")
    done = run_flask(environment, "waivers", "list")
    assert (done.code, done.out) == (1, "")
    assert done.err == "Error: the database lacks tables of this release: run `flask db upgrade`\n"
    done = run_flask(environment, "db", "current", LIXIAO_DATABASE__URL=f"sqlite:///{tmp_path}/no/x.sqlite3")
    assert (done.code, TRACES.search(done.err)) == (1, None)
