"""`flask row-keys`: the keys that authenticate rows which decide, and rows that none of them proves."""

from __future__ import annotations

import click
from flask.cli import AppGroup, with_appcontext

from app.commands.decisions import by_option, reason_option
from app.commands.printing import echo
from app.extensions import db
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.row_codes import (
    OtherRows,
    UnknownRow,
    Unproven,
    adopt_rows,
    choose_rows,
    describe_unproven,
    list_unproven,
)
from app.services.row_keys import create_row_key, has_row_key, load_row_keys
from app.services.slips.signing_keys import SlipKeyError


class _KeyGroup(AppGroup):
    """Says what is wrong with the keys in one line."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except SlipKeyError as error:
            raise click.ClickException(str(error)) from error


def make_row_keys_group(installation: Installation) -> AppGroup:
    """The commands of `flask row-keys`; those of the keys need no database."""
    folder = installation.settings.slip.keys
    group = _KeyGroup(
        "row-keys", help="The keys that authenticate waivers, desk entries, declarations and consents."
    )

    @group.command("new", with_appcontext=False)
    def new() -> None:
        """Make a key. It verifies at once, and signs in 10 minutes, or at once where it is the only one."""
        is_first = not has_row_key(folder)
        key = create_row_key(folder, get_now())
        begins = "signs from now on" if is_first else "signs in 10 minutes: give it to every host until then"
        echo(f"row key {key.key_id} {begins}")

    @group.command("list", with_appcontext=False)
    def show() -> None:
        """List the keys, the oldest first."""
        keys = load_row_keys(folder)
        signer = keys.get_signer(get_now())
        for key in keys.keys:
            made = f"{installation.get_local_time(key.made_at):%Y-%m-%d %H:%M:%S}"
            echo(f"{key.key_id}  made {made}{'  signs' if key is signer else ''}")

    _add_adopt(group, installation)
    return group


def _add_adopt(group: AppGroup, installation: Installation) -> None:
    @group.command("adopt", short_help="Let rows count that no key here proves.")
    @click.option(
        "--rows", type=click.IntRange(1), help="How many rows there are, after they were looked at."
    )
    @click.option(
        "--without-event",
        "named",
        multiple=True,
        metavar="ROW",
        help="A row that no event tells of, and a decision on paper does; as it is listed.",
    )
    @reason_option(installation.settings.conventions, "Why they are believed; kept in the audit")
    @by_option(installation.settings.conventions)
    @with_appcontext
    def adopt(rows: int | None, named: tuple[str, ...], reason: str, by: str) -> None:
        """Show the rows of before there were row keys, or of a key that is lost, and with --rows let them count.

        Whoever can write to the database can add such a row: compare waivers and declarations with the decisions that you
        know of, and desk entries with the lists of their clerks. Rows whose making no audit event tells of stay as they
        are, but for those that --without-event names.
        """
        numbers = installation.settings.numbers
        with db.engine.connect() as connection:
            found = list_unproven(connection, installation.row_keys.current(), numbers)
        for line in describe_unproven(found, installation.settings.service.time_zone):
            echo(line)
        try:
            chosen = choose_rows(found, named)
            if rows is None:
                _advise(found, chosen)
                return
            adopt_rows(installation.row_keys, numbers, rows, by, reason, named)
        except UnknownRow as error:
            raise click.ClickException(
                f"--without-event: no such row without an event is here: {error}"
            ) from error
        except OtherRows as error:
            raise click.ClickException(
                f"nothing is adopted: there are {error.found} such rows, and not {rows}"
            ) from error
        echo(f"{rows} row(s) count now")


def _advise(found: list[Unproven], chosen: list[Unproven]) -> None:
    """What to say next; nothing that leads to a row which nobody is known to have made."""
    left = len(found) - len(chosen)
    if left:
        echo(
            f"{left} row(s) do not count and stay so: no event tells of their making, as where somebody wrote past the service"
        )
    if chosen:
        echo(
            f"to let the others count, add --rows {len(chosen)}"
            if left
            else f"to let these count, add --rows {len(chosen)}"
        )
    if not found:
        echo("every row is proven")
