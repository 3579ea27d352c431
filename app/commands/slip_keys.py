"""`flask slip-keys`: the keys that sign slips."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
from flask.cli import AppGroup

from app.commands.printing import echo
from app.domain.keys import KeyState, PublicSlipKey
from app.extensions import db
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.row_keys import create_row_key, has_row_key
from app.services.slips.issued_keys import LogNotThere, list_used_kids
from app.services.slips.signing_keys import (
    LastSigningKey,
    compromise_slip_key,
    create_slip_key,
    list_slip_keys,
    retire_slip_key,
)

PUBLISHED_BEFORE = timedelta(minutes=10)
"""Time for other hosts to be given the folder, and for gates and caches (a minute) to fetch the key set."""
SIGNS_NOTHING = (
    "no key signs now, and no slip can be submitted: `flask slip-keys new` makes one that signs at once"
)
_MINUTES = re.compile(r"\+?([0-9]{1,5}) ?m?(?:in)?", re.ASCII)


def make_slip_keys_group(installation: Installation) -> AppGroup:
    """The commands of `flask slip-keys`; none needs a database, and `new` looks at the one that is there."""
    folder = installation.settings.slip.keys
    group = AppGroup("slip-keys", help="The keys that sign slips: rotate by a new one, then retire the old.")
    _add_new_and_list(group, installation, folder)
    _add_endings(group, installation, folder)
    return group


def _add_new_and_list(group: AppGroup, installation: Installation, folder: Path) -> None:
    @group.command("new")
    @click.option("--days", default=730, show_default=True, help="For how many days it may sign.")
    @click.option(
        "--signs-from",
        metavar="WHEN",
        help="When it begins to sign: now, a number of minutes, or a time of the service's clock such as"
        " 2026-06-20T08:00. Without it: in 10 minutes, or at once where no other key signs.",
    )
    def new(days: int, signs_from: str | None) -> None:
        """Make a key: published, and verifying, at once; signing a little later, when everybody has it. With the first
        one the first row key is made.
        """
        now = installation.get_local_time(get_now()).replace(microsecond=0)
        keys = list_slip_keys(folder)
        begins = _read_begin(signs_from, now, keys)
        later = begins.astimezone(UTC) if begins > now else None
        used, unseen = _find_used_kids()
        kid = create_slip_key(folder, begins.date(), days, later, used)
        if not keys and not has_row_key(folder):
            create_row_key(folder, get_now())
        if unseen:
            echo(
                f"Warning: {unseen}: if slips were issued before, see that none is under kid {kid}", err=True
            )
        if later is None:
            echo(f"key {kid} signs from now on")
            return
        echo(f"key {kid} is published now and signs from {begins:%Y-%m-%d %H:%M:%S}")
        _warn_if_nothing_signs(installation, folder)

    @group.command("list", with_appcontext=False)
    def show() -> None:
        """List the keys with their windows and states."""
        moment = installation.get_local_time(get_now())
        for key in list_slip_keys(folder):
            window = f"{key.kid:>3}  {key.not_before} to {key.not_after}  {key.state}"
            echo(f"{window}{_describe_begin(installation, key, moment)}")


def _add_endings(group: AppGroup, installation: Installation, folder: Path) -> None:
    @group.command("retire", with_appcontext=False)
    @click.argument("kid", type=int)
    @click.option("--force", is_flag=True, help="Though no other key signs now: nobody can submit then.")
    def retire(kid: int, force: bool) -> None:
        """Stop signing with a key; what it signed stays valid."""
        moment = installation.get_local_time(get_now())
        try:
            retire_slip_key(folder, kid, moment, is_forced=force)
        except LastSigningKey as error:
            raise click.ClickException(
                f"{error}: {_name_next(installation, folder, moment)}, or add --force"
            ) from error
        echo(f"key {kid} is retired")
        _warn_if_nothing_signs(installation, folder)

    @group.command("compromise", with_appcontext=False)
    @click.argument("kid", type=int)
    @click.confirmation_option(
        prompt="Slips of this key then count only if the issued log holds them. Go on?"
    )
    def compromise(kid: int) -> None:
        """Mark a key as known to others. Then make a new one, and `flask slips reissue --key`."""
        compromise_slip_key(folder, kid)
        echo(f"key {kid} is compromised")
        _warn_if_nothing_signs(installation, folder)


def _read_begin(text: str | None, now: datetime, keys: Iterable[PublicSlipKey]) -> datetime:
    """When a new key is to begin, on the service's wall clock. Raises click.BadParameter."""
    if text is None:
        return now + PUBLISHED_BEFORE if any(key.may_sign(now) for key in keys) else now
    if text.strip().lower() == "now":
        return now
    if minutes := _MINUTES.fullmatch(text.strip()):
        return now + timedelta(minutes=int(minutes[1]))
    try:
        begins = datetime.fromisoformat(text.strip())
    except ValueError:
        raise click.BadParameter(
            "is now, a number of minutes, or a time such as 2026-06-20T08:00", param_hint="--signs-from"
        ) from None
    begins = begins.replace(tzinfo=now.tzinfo) if begins.tzinfo is None else begins.astimezone(now.tzinfo)
    if begins < now:
        raise click.BadParameter(
            f"{begins:%Y-%m-%d %H:%M} has passed: say now, or a time to come", param_hint="--signs-from"
        )
    return begins.replace(microsecond=0)


def _find_used_kids() -> tuple[list[int], str]:
    """The kids of the issued log, or none, and why it could not be looked at."""
    try:
        return list_used_kids(db.engine), ""
    except LogNotThere as error:
        return [], f"the issued log could not be looked at, {error}"


def _describe_begin(installation: Installation, key: PublicSlipKey, moment: datetime) -> str:
    if key.may_sign(moment):
        return "  signs"
    if key.state is not KeyState.ACTIVE or key.signs_from is None or key.signs_from <= moment:
        return ""
    return f"  signs from {installation.get_local_time(key.signs_from):%Y-%m-%d %H:%M:%S}"


def _name_next(installation: Installation, folder: Path, moment: datetime) -> str:
    """What to do before the last signing key is retired."""
    for key in list_slip_keys(folder):
        if begin := _describe_begin(installation, key, moment).removeprefix("  signs").strip():
            return f"key {key.kid} signs {begin}, wait until then"
    return "make another with `flask slip-keys new --signs-from now`"


def _warn_if_nothing_signs(installation: Installation, folder: Path) -> None:
    moment = installation.get_local_time(get_now())
    if not any(key.may_sign(moment) for key in list_slip_keys(folder)):
        echo(f"Warning: {SIGNS_NOTHING}", err=True)
