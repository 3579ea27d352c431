"""`make flask`: an operator's command of the demo, in the environment of `make run`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campus.client import PROJECT
from tests.conftest import get_free_port

CONFIGS = ("config/demo_undergraduate.toml", "config/demo_desk.toml")


def run(folder: Path, words: str, *options: str) -> subprocess.CompletedProcess[str]:
    """A command of the demo in a data folder."""
    command = [
        sys.executable,
        "-m",
        "tests.campus.run",
        "--data-dir",
        str(folder),
        *options,
        f"--flask={words}",
    ]
    return subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)


def test_a_command_runs_in_the_demo_s_environment_with_its_data_port_and_files(tmp_path: Path) -> None:
    port = get_free_port()
    options = ("--port", str(port), "--config", os.pathsep.join(CONFIGS))
    done = run(tmp_path, "check-config", *options)
    assert done.returncode == 0, done.stderr
    assert f"http://127.0.0.1:{port}" in done.stdout
    assert "undergraduate_departure: " in done.stdout
    assert (tmp_path / "lixiao.sqlite3").is_file()

    words = "waive graduate-departure archive TS23000005 --unknown-number --reason '论文涉密 线下归档' --by 00420014"
    assert run(tmp_path, words, *options).returncode == 0
    assert "论文涉密 线下归档" in run(tmp_path, "waivers list", *options).stdout
    refused = run(tmp_path, words, *options)
    assert (refused.returncode, "already waived" in refused.stderr) == (1, True)


def test_words_that_begin_with_an_option_are_handed_on_too(tmp_path: Path) -> None:
    """`make flask` alone asks for --help."""
    done = run(tmp_path, "--help")
    assert (done.returncode, "check-config" in done.stdout) == (0, True), done.stderr


def test_a_file_that_cannot_be_read_is_told_in_a_line(tmp_path: Path) -> None:
    done = run(tmp_path, "check-config", "--config", "nowhere.toml")
    assert (done.returncode, done.stderr.startswith("make flask: nowhere.toml")) == (1, True)


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_hands_the_words_on_as_they_are(tmp_path: Path) -> None:
    """The recipe is run by make with another program in Python's place."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python").write_text('#!/bin/sh\nprintf "<%s>" "$@"\n')
    (folder / "python").chmod(0o755)
    (tmp_path / "runtime").touch()
    words = "slips revoke LX1 --reason '两 个词' --by 00420014"
    variables = (f"VENV={tmp_path}", f"ARGS={words}", "PORT=9750", "CONFIG=a.toml:b.toml", "DATA_DIR=there")
    variables += ("DEPARTMENTS=there.toml",)
    command = ["make", "--no-print-directory", "-o", f"{tmp_path}/runtime", "flask", *variables]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith(f"<--config><a.toml:b.toml><--departments><there.toml><--flask={words}>")
    assert "<--port><9750>" in done.stdout
    assert "<--data-dir><there>" in done.stdout
