"""`flask audit`: the chain of audit events."""

from __future__ import annotations

import sys

import click
from flask.cli import AppGroup

from app.services.audit import find_broken_event


def make_audit_group() -> AppGroup:
    """The commands of `flask audit`."""
    group = AppGroup("audit", help="The audit events, each of which holds the hash of the one before it.")

    @group.command("verify")
    def verify() -> None:
        """Look for an altered, removed or reordered event; exits 1 when there is one."""
        broken = find_broken_event()
        click.echo("the audit events are whole" if broken is None else f"event {broken} does not fit")
        sys.exit(0 if broken is None else 1)

    return group
