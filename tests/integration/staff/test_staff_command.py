"""`flask staff` as an operator runs it: a program of its own, with no application around it."""

from __future__ import annotations

from pathlib import Path

from tests.campus.run import make_environment
from tests.fixtures.templates import prepare
from tests.programs import run_flask

CLERK, OPERATOR = "00420017", "00420022"
ARCHIVE = ("--app", "graduate-departure", "--step", "archive")
SIGNED = ("--by", OPERATOR, "--reason", "到岗")


def test_a_grant_is_given_listed_and_ended_by_commands_of_their_own(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, 8000, "http://127.0.0.1:9")
    prepare(environment)
    given = run_flask(environment, "staff", "grant", CLERK, "desk", *ARCHIVE, *SIGNED)
    assert given.code == 0, given.err
    assert CLERK in run_flask(environment, "staff", "list").out
    ended = run_flask(environment, "staff", "end", CLERK, *SIGNED)
    assert ended.code == 0, ended.err
    assert CLERK not in run_flask(environment, "staff", "list").out
