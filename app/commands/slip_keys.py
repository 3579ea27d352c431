"""`flask slip-keys`: the keys that sign slips."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slip_keys import (
    SlipKeyError,
    compromise_slip_key,
    create_slip_key,
    list_slip_keys,
    retire_slip_key,
)


class _KeyGroup(AppGroup):
    """Says what is wrong with the keys in one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SlipKeyError as error:
            raise click.ClickException(str(error)) from error


def make_slip_keys_group(installation: Installation) -> AppGroup:
    """The commands of `flask slip-keys`; none needs a database."""
    folder = installation.settings.slip.keys
    group = _KeyGroup("slip-keys", help="The keys that sign slips: rotate by a new one, then retire the old.")

    @group.command("new", with_appcontext=False)
    @click.option("--days", default=730, show_default=True, help="For how many days it may sign.")
    def new(days: int) -> None:
        """Make a key that signs from today on."""
        kid = create_slip_key(folder, installation.get_local_time(get_now()).date(), days)
        click.echo(f"key {kid} signs from now on")

    @group.command("list", with_appcontext=False)
    def show() -> None:
        """List the keys with their windows and states."""
        for key in list_slip_keys(folder):
            click.echo(f"{key.kid:>3}  {key.not_before} to {key.not_after}  {key.state}")

    @group.command("retire", with_appcontext=False)
    @click.argument("kid", type=int)
    def retire(kid: int) -> None:
        """Stop signing with a key; what it signed stays valid."""
        retire_slip_key(folder, kid)
        click.echo(f"key {kid} is retired")

    @group.command("compromise", with_appcontext=False)
    @click.argument("kid", type=int)
    @click.confirmation_option(
        prompt="Slips of this key then count only if the issued log holds them. Go on?"
    )
    def compromise(kid: int) -> None:
        """Mark a key as known to others. Then make a new one, and `flask slips reissue --key`."""
        compromise_slip_key(folder, kid)
        click.echo(f"key {kid} is compromised")

    return group
