"""The `flask` command line: one thin function for each command."""

from __future__ import annotations

import click
from flask import Flask
from flask.cli import AppGroup, with_appcontext

from app.domain.errors import Fact
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slip_keys import (
    compromise_slip_key,
    create_slip_key,
    list_slip_keys,
    retire_slip_key,
)
from app.services.waivers import grant_waiver


def register_commands(app: Flask, installation: Installation) -> None:
    """Add the service's commands to `flask`."""
    folder = installation.settings.slip.keys
    group = AppGroup("slip-keys", help="The keys that sign slips: rotate by a new one, then retire the old.")

    @group.command("new")
    @click.option("--days", default=730, show_default=True, help="For how many days it may sign.")
    def new(days: int) -> None:
        """Make a key that signs from today on."""
        kid = create_slip_key(folder, installation.get_local_time(get_now()).date(), days)
        click.echo(f"key {kid} signs from now on")

    @group.command("list")
    def show() -> None:
        """List the keys with their windows and states."""
        for key in list_slip_keys(folder):
            click.echo(f"{key.kid:>3}  {key.not_before} to {key.not_after}  {key.state}")

    @group.command("retire")
    @click.argument("kid", type=int)
    def retire(kid: int) -> None:
        """Stop signing with a key; what it signed stays valid."""
        retire_slip_key(folder, kid)
        click.echo(f"key {kid} is retired")

    @group.command("compromise")
    @click.argument("kid", type=int)
    @click.confirmation_option(
        prompt="Slips of this key then count only if the issued log holds them. Go on?"
    )
    def compromise(kid: int) -> None:
        """Mark a key as known to others."""
        compromise_slip_key(folder, kid)
        click.echo(f"key {kid} is compromised")

    app.cli.add_command(group)
    app.cli.add_command(_make_waive(installation))


def _make_waive(installation: Installation) -> click.Command:
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
