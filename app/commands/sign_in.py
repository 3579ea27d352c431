"""`flask sign-in`: what an operator asks of the configured ways to sign in."""

from __future__ import annotations

import sys
from collections.abc import Mapping

import click
from flask.cli import AppGroup

from app.identity.base import IdentityProvider
from app.identity.finding import Fit


def make_sign_in_group(base_url: str, providers: Mapping[str, IdentityProvider]) -> AppGroup:
    """The commands of `flask sign-in`."""
    group = AppGroup("sign-in", help="The configured ways to sign in.")

    @group.command("check")
    @click.argument("name", type=click.Choice(list(providers)))
    def check(name: str) -> None:
        """Ask a provider whether it fits the configuration; changes nothing, exits 1 when something does not."""
        callback = f"{base_url}/sign-in/{name}/callback"
        click.echo(f"{name}: the provider must know the address {callback}")
        findings = providers[name].check(callback)
        for finding in findings:
            click.echo(f"  {finding.fit:<5}  {finding.says}")
        sys.exit(1 if any(finding.fit is Fit.FAULT for finding in findings) else 0)

    return group
