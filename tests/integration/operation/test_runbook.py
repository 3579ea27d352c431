"""`config/OPERATIONS.md`: each of its commands is run, in its order, on a service with a student and a slip; what it names
is there.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping

import click
import pytest
from click.testing import Result
from flask import Flask

from app.factory import create_app
from app.settings import load_settings
from tests.campus.client import PROJECT, CampusClient
from tests.running import running_service
from tests.visitor import APP

RUNBOOK = PROJECT / "config" / "OPERATIONS.md"
TEXT = RUNBOOK.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```sh\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("flask ")]
STAFF = "00420014"
Installed = tuple[Mapping[str, str], dict[str, str]]
MAY_WARN = ("check-config --strict",)
"""A demo has what only a demo has."""


@pytest.fixture(scope="module")
def installation(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    """The environment of a running service, and what the words in capitals are there."""
    folder = tmp_path_factory.mktemp("runbook")
    with running_service(campus, folder / "data") as service:
        student, graduate = service.visit(), service.visit()
        student.sign_in("TS23000001")
        graduate.sign_in("TS23000002")
        assert graduate.submit().status_code == 303
        slip = graduate.get(f"{APP}/submission").url.rpartition("/")[2]
        words = {
            "SLIP": slip,
            "STUDENT": "TS23000001",
            "STAFF": STAFF,
            "DAY": "2026-06-01",
            "/var/backups/lixiao": str(folder),
        }
        yield service.environment, words


def run(installation: Installed, command: str) -> Result:
    """A command of the runbook, by a program that is started for it."""
    environment, words = installation
    app = create_app(load_settings(environment))
    return app.test_cli_runner().invoke(args=fill_in(command, words))


def fill_in(command: str, words: dict[str, str]) -> list[str]:
    """A command's words behind `flask`."""
    for name, value in words.items():
        command = command.replace(name, value)
    return shlex.split(command)[1:]


def test_every_command_of_the_runbook_does_what_it_says(installation: Installed) -> None:
    assert len(COMMANDS) > 30
    key, failed = 1, []
    for command in COMMANDS:
        # Keys are numbered as they are made; in place of an hour's wait the next one signs at once.
        line = command.replace("KID", str(key)).replace("--signs-from 60", "--signs-from now")
        done = run(installation, line)
        key += "reissue --key" in command
        if done.exit_code != 0 and not any(one in command for one in MAY_WARN):
            failed.append((line, done.exit_code, done.output, done.exception))
    assert failed == []


def test_a_command_that_is_misspelt_fails(installation: Installed) -> None:
    """The control: an option that is not there ends with 2."""
    assert run(installation, "flask slips revoke SLIP --why none --by STAFF").exit_code == 2


def find_unknown(app: Flask, text: str) -> list[str]:
    """The commands named in a text's code that are none."""
    unknown = []
    for named in re.findall(r"`flask ([a-z-]+(?: [a-z-]+)*)", text):
        command: click.Command | None = app.cli
        for word in named.split(" "):
            if isinstance(command, click.Group):
                command = command.commands.get(word)
        unknown += [named] if command is None else []
    return unknown


def test_every_command_that_the_text_names_is_there(installation: Installed) -> None:
    app = create_app(load_settings(installation[0]))
    assert find_unknown(app, TEXT) == []
    assert find_unknown(app, "`flask slips vanish`, `flask doctor`") == ["slips vanish"]


def test_its_other_commands_are_ones_of_a_shell_and_name_what_the_examples_do() -> None:
    for block in BLOCKS:
        done = subprocess.run(["bash", "-n", "-c", block], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), block
    flag = re.findall(r"^touch (\S+)$", TEXT, re.MULTILINE)
    assert set(flag) == set(re.findall(r"^rm (\S+)$", TEXT, re.MULTILINE))
    proxy = (PROJECT / "config" / "nginx.conf.example").read_text(encoding="utf-8")
    assert all(f"-f {path})" in proxy for path in flag)
    asked = re.findall(r"^\(cd /opt/lixiao && \.venv/bin/python (.*)\)$", TEXT, re.MULTILINE)
    command = [sys.executable, *shlex.split(asked[0])]
    assert subprocess.run(command, cwd=PROJECT, check=True, capture_output=True).stdout.startswith(b"lixiao ")


def list_anchors(text: str) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_what_leads_into_the_runbook_arrives() -> None:
    anchors = list_anchors(TEXT)
    own = re.findall(r"\]\(#([^)]+)\)", TEXT)
    from_elsewhere = [
        anchor
        for path in (PROJECT / "config").iterdir()
        for anchor in re.findall(
            r"OPERATIONS\.md#([\w-]+)", path.read_text(encoding="utf-8", errors="ignore")
        )
    ]
    assert len(own) > 8
    assert [anchor for anchor in (*own, *from_elsewhere) if anchor not in anchors] == []
    assert "not-there" not in anchors
