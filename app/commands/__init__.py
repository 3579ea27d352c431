"""The `flask` command line, one file a group: each command is one thin function over a service."""

from __future__ import annotations

from flask import Flask

from app.commands.audit import make_audit_group
from app.commands.desk import make_desk_group
from app.commands.slip_keys import make_slip_keys_group
from app.commands.slips import make_slips_group
from app.commands.waive import make_waive_command
from app.services.installation import Installation


def register_commands(app: Flask, installation: Installation) -> None:
    """Add the service's commands to `flask`."""
    app.cli.add_command(make_slip_keys_group(installation))
    app.cli.add_command(make_slips_group(installation))
    app.cli.add_command(make_audit_group())
    app.cli.add_command(make_desk_group(installation))
    app.cli.add_command(make_waive_command(installation))
