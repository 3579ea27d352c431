"""Mini-apps for whoever writes one: `flask mini-apps new|check`. Neither needs a configuration, a database or a network."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import click
from flask.cli import AppGroup

from app.commands.printing import echo
from app.mini_apps.checking import Checked, check_folder
from app.mini_apps.starting import CannotBegin, start_folder

NAME = "mini-apps"
Previewer = Callable[[Path, Checked, Path | None], tuple[str, ...]]
"""Renders all of a checked folder, writes it below a folder where one is given, and returns what is wrong. Raises OSError."""


def make_mini_apps_group(preview: Previewer) -> AppGroup:
    """The commands for the folders of mini-apps."""
    group = AppGroup(NAME, help="Write a mini-app: begin a folder, and prove one.")

    @group.command("new", with_appcontext=False)
    @click.argument("folder", type=click.Path(path_type=Path))
    def new(folder: Path) -> None:
        """Begin a mini-app in a new or empty folder, whose name is its slug."""
        try:
            start_folder(folder)
        except CannotBegin as error:
            raise click.ClickException(str(error)) from None
        echo(f"{folder} holds a mini-app that explains itself. After each change:")
        echo(f"  flask --app wsgi {NAME} check {folder} --preview DIR")

    @group.command("check", with_appcontext=False)
    @click.argument("folder", type=click.Path(path_type=Path))
    @click.option(
        "--preview",
        "target",
        type=click.Path(path_type=Path, file_okay=False),
        help="Write its pages and its slip there, to be opened in a browser.",
    )
    def check(folder: Path, target: Path | None) -> None:
        """Tell every mistake of a mini-app's folder; the exit code is 1 where there is any."""
        checked = check_folder(folder.resolve())
        faults = list(checked.faults)
        if not faults:
            try:
                faults += preview(folder.resolve(), checked, target)
            except OSError as error:
                raise click.ClickException(f"{target} cannot be written: {error.strerror}") from None
        for fault in faults:
            echo(fault)
        for words in checked.notes:
            echo(f"note: {words}")
        if faults:
            echo(f"{folder}: {len(faults)} mistake(s)")
            sys.exit(1)
        echo(f"{folder}: no mistakes{f'; open {target}/index.html' if target else ''}")

    return group
