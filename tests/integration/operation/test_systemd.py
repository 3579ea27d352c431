"""The example of a systemd unit is one, waits for a late database, and gives a wrong configuration up."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campus.client import PROJECT

EXAMPLE = PROJECT / "config" / "lixiao.service.example"


@pytest.fixture
def analyze() -> str:
    """Where systemd-analyze is; it is part of no container, so that even CI may lack it."""
    program = shutil.which("systemd-analyze")
    if program is None:
        pytest.skip("systemd-analyze is not installed: the example of a unit was not checked")
    return program


def check(analyze: str, text: str, folder: Path) -> str:
    """What systemd has to say of a unit."""
    programs = Path(sys.executable).parent
    unit = folder / "lixiao.service"
    unit.write_text(text.replace("/opt/lixiao/.venv/bin", str(programs)).replace("/opt/lixiao", str(PROJECT)))
    done = subprocess.run(
        [analyze, "verify", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    return "\n".join(line for line in done.stderr.splitlines() if "lixiao" in line)


def test_systemd_has_nothing_to_say_of_the_example(analyze: str, tmp_path: Path) -> None:
    assert check(analyze, EXAMPLE.read_text(encoding="utf-8"), tmp_path) == ""


def test_systemd_would_tell_of_a_mistake(analyze: str, tmp_path: Path) -> None:
    wrong = EXAMPLE.read_text(encoding="utf-8").replace("RestrictRealtime=yes", "RestrictUnrealtime=maybe")
    assert "RestrictUnrealtime" in check(analyze, wrong, tmp_path)


def test_the_options_that_it_gives_granian_exist() -> None:
    """Granian refuses an option that it does not know before it looks at anything else."""
    line = next(
        line for line in EXAMPLE.read_text(encoding="utf-8").splitlines() if line.startswith("ExecStart=")
    )
    options = line.split("granian", 1)[1].split()
    command = [sys.executable, "-m", "granian", *options, "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr


def test_the_service_is_a_user_of_its_own_without_rights_and_its_files_are_nobody_else_s() -> None:
    lines = set(EXAMPLE.read_text(encoding="utf-8").splitlines())
    user = (
        "User=lixiao",
        "Group=lixiao",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "AmbientCapabilities=",
    )
    files = "UMask=0077", "StateDirectoryMode=0700", "RuntimeDirectoryMode=0700", "ProtectSystem=strict"
    assert {*user, *files} <= lines


START = "check-config", "wait-for-database --seconds 600", "db upgrade", "restore check"
SLOWEST_CHECK_SECONDS = 40
"""How long `check-config` takes on a host so slow that nobody would serve from it."""


def read_seconds(key: str) -> int:
    """A time of the example, in seconds."""
    found = re.search(rf"^{key}=(\d+)(min)?$", EXAMPLE.read_text(encoding="utf-8"), re.MULTILINE)
    assert found, key
    return int(found[1]) * (60 if found[2] else 1)


def test_its_limit_of_starts_ends_a_wrong_configuration_and_never_a_wait() -> None:
    text = EXAMPLE.read_text(encoding="utf-8")
    commands = re.findall(r"^ExecStartPre=\S+/flask --app wsgi (.*)$", text, re.MULTILINE)
    assert tuple(commands) == START
    wait, limit = int(START[1].rpartition(" ")[2]), read_seconds("StartLimitIntervalSec")
    tries, pause = read_seconds("StartLimitBurst"), read_seconds("RestartSec")
    assert tries * (SLOWEST_CHECK_SECONDS + pause) <= limit < wait
    assert wait < read_seconds("TimeoutStartSec")
