"""Readiness: whether everything that a submission needs is there."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.connectors.registry import list_breaker_states
from app.documents.fonts import find_missing_characters
from app.domain.keys import NoSigningKey
from app.extensions import db
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slips.issued_keys import (
    describe_foreign,
    describe_missing,
    list_foreign_kids,
    list_missing_kids,
)
from app.services.slips.signing_keys import SlipKeyError, load_slip_keys

log = logging.getLogger(__name__)
MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at; `says` is in words."""

    name: str
    is_good: bool
    message: str


class NotReady(Exception):
    """Something is not as it must be; the message tells an operator what, and what to do."""


def check_readiness(installation: Installation) -> list[Check]:
    """Look at the database and its migration head, the signing key, the keys that signed, and the fonts."""
    checks = [
        _run("database", _check_database),
        _run("slip_key", lambda: _check_key(installation)),
        _run("fonts", _check_fonts),
    ]
    if checks[0].is_good:
        checks.append(_run("issued_keys", lambda: _check_issued_keys(installation)))
    return checks


def describe_departments(installation: Installation) -> dict[str, dict[str, str]]:
    """How the department systems do, for information: a department that fails makes the service no less
    ready. The state of each system's breaker, and by mini-app and step since when (UTC) its control
    students get wrong answers; both as this process sees it.
    """
    mini_apps = installation.mini_apps.values()
    states = list_breaker_states(item for mini_app in mini_apps for item in mini_app.connectors.values())
    suspended = {
        f"{installed.mini_app.slug}.{step_key}": since.isoformat(timespec="seconds")
        for installed in mini_apps
        for step_key, since in dict(installed.suspended).items()
    }
    return {"systems": {name: str(state) for name, state in states.items()}, "suspended": suspended}


def _run(name: str, check: Callable[[], str]) -> Check:
    try:
        return Check(name, True, check())
    except Exception as error:
        log.error("not ready", extra={"check": name}, exc_info=error)
        return Check(name, False, str(error) if isinstance(error, NotReady) else type(error).__name__)


def get_migration_head() -> str:
    """The revision that the code expects."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head() or ""


def _check_database() -> str:
    with db.engine.connect() as connection:
        revision = connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one()
    if revision != get_migration_head():
        raise RuntimeError("the database is at another migration than the code")
    return f"migration {revision}"


def _check_key(installation: Installation) -> str:
    moment = installation.get_local_time(get_now())
    try:
        kid, _ = installation.slip_keys.current().get_signer(moment)
    except NoSigningKey as error:
        raise NotReady("no key signs now, and nobody can submit: `flask slip-keys new`") from error
    except SlipKeyError as error:
        raise NotReady(
            "the folder of the signing keys, or a file in it, cannot be used: `flask doctor` names it and says why"
        ) from error
    return f"kid {kid}{_warn_of_files(installation)}"


def _warn_of_files(installation: Installation) -> str:
    """What signs was read before, and goes on signing: this host may be the last that can."""
    try:
        load_slip_keys(installation.settings.slip.keys)
    except SlipKeyError as error:
        log.warning("keys sign from memory only", exc_info=error)
        return (
            "; warning: it signs from memory alone, the key files cannot be used any more and the next start will fail: "
            "bring them back from the backup (`flask doctor` names what is wrong)"
        )
    return ""


def _check_issued_keys(installation: Installation) -> str:
    try:
        ring = installation.slip_keys.current().ring
    except SlipKeyError:
        return "see slip_key"
    with db.engine.connect() as connection:
        missing = list_missing_kids(connection, ring)
        today = installation.get_local_time(get_now()).date()
        foreign = list_foreign_kids(connection, ring, installation.settings.service.host, today)
    told = [describe_missing(missing)] if missing else []
    told += [describe_foreign(foreign)] if foreign else []
    if told:
        raise NotReady("; ".join(told))
    return "every key that signed is here"


def _check_fonts() -> str:
    missing = find_missing_characters("离校单䶮𠮷ŞҚئไ")
    if missing:
        raise RuntimeError("the font lacks characters that it should hold")
    return "glyphs found"
