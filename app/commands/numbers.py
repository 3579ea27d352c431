"""`flask numbers`: stored numbers held to their one form."""

from __future__ import annotations

import click
from flask.cli import AppGroup, with_appcontext

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
