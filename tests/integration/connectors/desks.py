"""A desk with a database of its own: the product's application without its server, for tests."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from app.connectors.base import Connector
from app.connectors.client import close_connectors, query_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from app.extensions import db
from app.factory import create_app
from app.services.desk.desk import open_desk_book
from app.services.row_keys import RowKeyStore
from app.settings import load_settings
from tests.campus.run import PROJECT, make_environment
from tests.fixtures.connectors import connect_all
from tests.fixtures.templates import prepare

DESK_CONFIG = """
[connectors.hall]
kind = "desk"
number_column = "学号"
no_record = "never"
deadline_seconds = 10

[connectors.hall.fields]
state = { path = "状态", type = "text", known = ["在办", "已审核"] }
owed = { path = "欠费", type = "money", unit = "yuan" }
books = { path = "欠书", type = "count" }
done_on = { path = "日期", type = "day", empty = true }
lives_in = { path = "住宿", type = "flag" }

[connectors.archive_list]
kind = "desk"
number_column = "学号"
number_pattern = "[0-9A-Z]{8,12}"
no_record = "never"

[connectors.archive_list.fields]
state = { path = "论文状态", type = "text", known = ["已提交", "已审核"], empty = true }
reviewed_on = { path = "审核日期", type = "day", empty = true }

[connectors.debts]
kind = "desk"
number_column = "学号"
no_record = "empty"

[connectors.debts.fields]
owed = { path = "欠费", type = "money", unit = "yuan" }
"""
CLERK = "00420014"
HEADINGS = ("学号", "状态", "欠费", "欠书", "日期", "住宿")


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Installation:
    """A folder with a database, and the environment of the product's commands."""

    folder: Path
    environment: Mapping[str, str]

    def flask(self, *arguments: str) -> Done:
        """Run a `flask` command in this process."""
        app = create_app(load_settings(self.environment))
        result = app.test_cli_runner().invoke(args=arguments)
        with app.app_context():
            db.engine.dispose()
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Done(result.exit_code, result.stdout, result.stderr)

    def run_flask(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `flask` command as a person does."""
        command = [sys.executable, "-m", "flask", "--app", "wsgi", *arguments]
        return subprocess.run(
            command,
            cwd=PROJECT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    def query(self, statement: str) -> list[tuple[object, ...]]:
        """Read the database."""
        with sqlite3.connect(self.folder / "lixiao.sqlite3") as connection:
            return connection.execute(statement).fetchall()

    def write(self, name: str, text: str, encoding: str = "utf-8") -> str:
        """Put a file into the folder; returns its path."""
        path = self.folder / name
        path.write_bytes(text.encode(encoding))
        return str(path)


def make_installation(folder: Path) -> Installation:
    """An installation of the demo with a desk named `hall`."""
    config = folder / "config.toml"
    demo = (PROJECT / "config" / "demo.toml").read_text(encoding="utf-8")
    config.write_text(demo + DESK_CONFIG, encoding="utf-8")
    environment = make_environment(folder, 1, "http://127.0.0.1:1") | {"LIXIAO_CONFIG": str(config)}
    prepare(environment)
    return Installation(folder, environment)


def make_csv(*rows: str) -> str:
    """A table with the headings."""
    return "\n".join((",".join(HEADINGS), *rows)) + "\n"


def connect(hall: Installation, desk: str = "hall", **changes: Any) -> Connector:
    """The desk as the service has it, with changes in its configuration."""
    settings = load_settings(hall.environment)
    table = {**settings.connectors[desk], **changes}
    book = open_desk_book(settings.database, ZoneInfo("Asia/Shanghai"), RowKeyStore(settings.slip.keys))
    assert settings.faults == []
    return connect_all({desk: table}, book)[desk]


def ask(connector: Connector, number: str = "TS23000001") -> Reading | DepartmentUnavailable:
    """What the desk says of a student."""
    try:
        return query_systems({connector.name: connector}, number, 20)[connector.name]
    finally:
        close_connectors([connector])


def fault_of(answer: Reading | DepartmentUnavailable) -> str:
    """Why there is no answer."""
    assert isinstance(answer, DepartmentUnavailable), answer
    return answer.fault


def list_entries(hall: Installation) -> list[tuple[object, ...]]:
    """What is recorded."""
    return hall.query("SELECT student_number, facts, recorded_by FROM desk_entries ORDER BY student_number")


def list_events(hall: Installation) -> list[tuple[str, str, str, dict[str, Any]]]:
    """What the audit tells."""
    found = hall.query("SELECT kind, actor, subject, details FROM audit_events ORDER BY id")
    return [
        (str(kind), str(actor), str(subject), json.loads(str(text))) for kind, actor, subject, text in found
    ]


def run_import(hall: Installation, path: str, *options: str, desk: str = "hall") -> Done:
    """Import a file as a clerk does."""
    return hall.flask("desk", "import", desk, path, "--by", CLERK, *options)
