"""`flask numbers`: stored numbers held to their one form; and how a command reads a number that was typed."""

from __future__ import annotations

import click
from flask.cli import AppGroup, with_appcontext

from app.domain.student_number import MalformedNumber
from app.models import write_transaction
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.person_numbers import fold_stored_numbers


def make_numbers_group(installation: Installation) -> AppGroup:
    """The commands of `flask numbers`."""
    group = AppGroup("numbers", help="Numbers of students and staff.")

    @group.command("fold")
    @with_appcontext
    def fold() -> None:
        """Hold stored numbers to [numbers] after that was changed. Slips and their log stay as they were signed."""
        with write_transaction() as session:
            counts = fold_stored_numbers(session.connection(), installation.settings.numbers, get_now())
        for name, count in counts.items():
            click.echo(f"{count:>9}  {name}")
        click.echo("see `flask doctor` for slips to compare" if counts else "every number is in its one form")

    return group


def fold_number(installation: Installation, text: str, what: str) -> str:
    """A number that was typed, in its one form. Raises click.BadParameter, naming the parameter `what`."""
    try:
        return installation.settings.numbers.fold(text)
    except MalformedNumber as error:
        raise click.BadParameter(f"{what} is no number of a person as [numbers] describes them") from error
