"""What a system, a name or a file holds reaches the terminal as text alone."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from app.commands.errors import tell_errors
from app.commands.printing import echo, make_line, make_visible
from tests.campus.client import PROJECT


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J\x1b]0;pwn\x07", r"\x1b[2J\x1b]0;pwn\x07"),
        ("\x9b31m\x7f\x00", r"\x9b31m\x7f\x00"),
        ("a\u202eb\u2066c", r"a\u202eb\u2066c"),
        ("a\u200bb\ufeffc\U000e0041", r"a\u200bb\ufeffc\U000e0041"),
        ("a\rb\x85c\u2028d\ud800", r"a\rb\x85c\u2028d\ud800".replace(r"\r", r"\x0d")),
        ("李文静 ‹secret› →\ta\nb", "李文静 ‹secret› →\ta\nb"),
    ],
)
def test_what_is_not_seen_is_written_out(text: str, shown: str) -> None:
    assert make_visible(text) == shown


def test_a_line_stays_one_line() -> None:
    assert make_line("owes\nstep x: cleared") == r"owes\nstep x: cleared"


def test_what_a_command_prints_and_what_it_fails_with_holds_no_control() -> None:
    @click.command()
    @click.option("--fails", is_flag=True)
    def command(*, fails: bool) -> None:
        echo("\x1b[2Jseen")
        if fails:
            raise click.ClickException("no \x1b[2J such file")

    tell_errors(command)
    done = CliRunner().invoke(command, ["--fails"], color=True)
    assert done.output == "\\x1b[2Jseen\nError: no \\x1b[2J such file\n"


def list_unguarded(folder: Path) -> list[str]:
    files = (path for path in folder.glob("*.py") if path.name != "printing.py")
    return [path.name for path in files if "click.echo(" in path.read_text(encoding="utf-8")]


def test_every_command_prints_so(tmp_path: Path) -> None:
    assert list_unguarded(PROJECT / "app" / "commands") == []
    (tmp_path / "new.py").write_text("click.echo(name)", encoding="utf-8")
    assert list_unguarded(tmp_path) == ["new.py"]
