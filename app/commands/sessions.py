"""`flask sessions`: who is signed in, and ending it."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from app.commands.decisions import PersonNumber, by_option
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.session_care import end_sessions_of, list_sessions

SHOWN_DIGITS = 2


def make_sessions_group(installation: Installation) -> AppGroup:
    """The commands of `flask sessions`."""
    group = AppGroup("sessions", help="Signed-in browsers.")
    numbers = installation.settings.numbers

    @group.command("list")
    @click.argument("number", required=False, type=PersonNumber(numbers))
    @click.option("--show-numbers", is_flag=True, help="Show whole student and staff numbers.")
    def list_open(number: str | None, show_numbers: bool) -> None:
        """List the signed-in sessions, of one person or of all, newest first."""
        for one in list_sessions(get_now(), number or ""):
            shown = one.person_number if show_numbers else _mask(one.person_number)
            begun, seen, ends = (
                f"{installation.get_local_time(moment):%m-%d %H:%M}"
                for moment in (one.created_at, one.seen_at, one.expires_at)
            )
            click.echo(f"{shown:<12}  since {begun}  used {seen}  ends {ends} at the latest")

    @group.command("end")
    @click.argument("number", type=PersonNumber(numbers))
    @by_option(installation.settings.conventions)
    def end(number: str, by: str) -> None:
        """End all sessions of a person, everywhere and at once; the audit notes it."""
        click.echo(f"{end_sessions_of(number, by, get_now())} session(s) ended")

    return group


def _mask(number: str) -> str:
    """The number's last digits; enough to tell two lines apart, too little to name a person."""
    return "*" * max(len(number) - SHOWN_DIGITS, 0) + number[-SHOWN_DIGITS:]
