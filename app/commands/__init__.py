"""The `flask` command line, one file a group: each command is one thin function over a service."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy

from flask import Flask

from app.commands.connectors import make_connectors_group
from app.commands.desk import make_desk_group
from app.commands.errors import tell_errors
from app.commands.operation import (
    make_audit_group,
    make_numbers_group,
    make_sessions_group,
    make_sign_in_group,
    register_operation,
)
from app.commands.restore import make_restore_group, mark_after
from app.commands.row_keys import make_row_keys_group
from app.commands.slip_keys import make_slip_keys_group
from app.commands.slips import make_slips_group
from app.commands.staff import make_staff_group
from app.commands.students import make_students_group
from app.commands.waivers import make_waive_command, make_waivers_group
from app.identity.base import IdentityProvider
from app.services.installation import Installation


def register_commands(
    app: Flask, installation: Installation, providers: Mapping[str, IdentityProvider]
) -> None:
    """Add the service's commands to `flask`."""
    app.cli.add_command(make_slip_keys_group(installation))
    app.cli.add_command(make_row_keys_group(installation))
    app.cli.add_command(make_slips_group(installation))
    app.cli.add_command(make_audit_group(installation))
    app.cli.add_command(make_connectors_group(installation))
    app.cli.add_command(make_desk_group(installation))
    app.cli.add_command(make_numbers_group(installation))
    register_operation(app, installation, providers)
    app.cli.add_command(make_sessions_group(installation))
    app.cli.add_command(make_students_group(installation))
    app.cli.add_command(make_sign_in_group(installation.settings.service.base_url, providers))
    app.cli.add_command(make_waive_command(installation))
    app.cli.add_command(make_waivers_group(installation))
    app.cli.add_command(make_staff_group(installation))
    app.cli.add_command(make_restore_group(installation))
    for name, command in list(app.cli.commands.items()):
        own = copy(command)  # an extension's is one for all applications of the process
        tell_errors(own)
        mark_after(own, app, installation)
        app.cli.commands[name] = own
