"""`flask waive`: a step waived 豁免 for one student."""

from __future__ import annotations

import click
from flask.cli import with_appcontext

from app.domain.errors import Fact
from app.services.installation import Installation
from app.services.waivers import grant_waiver


def make_waive_command(installation: Installation) -> click.Command:
    """The command `flask waive`."""

    @click.command("waive")
    @click.argument("mini_app", metavar="MINI_APP")
    @click.argument("step")
    @click.argument("student_number")
    @click.option("--reason", required=True, help="Shown to the student and printed on the slip.")
    @click.option("--by", "granted_by", required=True, help="The staff number of who decided.")
    @with_appcontext
    def waive(mini_app: str, step: str, student_number: str, reason: str, granted_by: str) -> None:
        """Waive a step for one student: 豁免."""
        try:
            installed = installation.get_mini_app(mini_app.replace("_", "-"))
            grant_waiver(installed, step, student_number, reason, granted_by)
        except Fact as fact:
            raise click.ClickException(f"{type(fact).__name__}: {fact}") from fact
        click.echo(f"{step} is waived for {student_number}")

    return waive
