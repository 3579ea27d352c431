"""What an operator asks before opening day and on a bad one: every part that the service needs, looked at once.

Nothing is changed anywhere: departments are asked about canary students, or about a student that nobody is.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import Connection, text

from app.connectors.base import TRANSPORT_FAILURES, Connector, FailureCode
from app.connectors.desk import NoEntry
from app.connectors.fan_out import start_query, start_survey
from app.documents.fonts import UnusableFont, find_missing_characters, load_fonts
from app.domain.clearance import DepartmentUnavailable
from app.domain.keys import NoSigningKey
from app.domain.mini_app import Step
from app.extensions import db
from app.identity.base import CheckResult, IdentityProvider, Severity
from app.models import IssuedCode, Waiver
from app.private_files import describe_openness
from app.services.clearance.canaries import judge_canaries, list_unwatched_facts
from app.services.clearance.canary_looks import Outcome
from app.services.clearance.waivers import list_faulty_waivers
from app.services.clock import get_now
from app.services.desk.desk import Desk, get_desk
from app.services.desk.gaps import read_state
from app.services.installation import Installation, InstalledMiniApp
from app.services.numbers import count_unfolded, list_unfolded_slips
from app.services.operations.readiness import get_migration_head
from app.services.slips.issued_keys import (
    describe_foreign,
    describe_missing,
    list_foreign_kids,
    list_missing_kids,
)
from app.services.slips.signing_keys import SlipKeyError, load_slip_keys
from app.settings import Canaries

NOBODY = "00000000"
MOST_SKEW = timedelta(seconds=5)
FEW_DAYS = 30
MOST_SLIPS = 20
LEAST_FREE = 512 * 2**20
LITTLE_FREE = 2 * 2**30
RARE = "离校单䶮𠮷𬭎ŞẸ̀Қئไ"


@dataclass(frozen=True, slots=True)
class AreaCheck:
    """What was found in one area, such as `database` or `department finance`."""

    area: str
    finding: CheckResult


def run_checks(installation: Installation, providers: Mapping[str, IdentityProvider]) -> Iterator[AreaCheck]:
    """Look at everything, area by area. Raises nothing: what cannot be looked at is a fault."""
    yield from _look("database", lambda: _look_at_database(installation))
    for installed in installation.mini_apps.values():
        yield from _look(f"{installed.mini_app.slug} waivers", partial(_look_at_waivers, installed))
    yield from _look("slip keys", lambda: _look_at_keys(installation))
    yield from _look("slip keys and log", lambda: _look_at_issued_keys(installation))
    yield from _look("fonts", lambda: _look_at_fonts(installation))
    yield from _look("disk", lambda: _look_at_disk(installation))
    yield from _look("files", _look_at_files)
    for name, table in installation.settings.connectors.items():
        if table.text("kind") == "desk":
            yield from _look(f"desk {name}", partial(_look_at_desk, get_desk(installation.settings, name)))
    for name, provider in providers.items():
        callback = f"{installation.settings.service.base_url}/sign-in/{name}/callback"
        yield from _look(f"sign-in {name}", partial(provider.check, callback))
    for installed in installation.mini_apps.values():
        for key, connector in installed.connectors.items():
            step = installed.get_step(key)
            ask = partial(
                _ask_department,
                step,
                connector,
                installed.settings.canaries.get(key),
                installation.settings.round.deadline,
            )
            yield from _look(f"{installed.mini_app.slug} {key}", ask)


def _look(area: str, look: Callable[[], Iterator[CheckResult] | list[CheckResult]]) -> Iterator[AreaCheck]:
    try:
        yield from (AreaCheck(area, finding) for finding in list(look()))
    except Exception as error:  # noqa: BLE001 - told in the table; its text may hold a secret
        yield AreaCheck(area, CheckResult(Severity.FAULT, f"cannot be looked at: {type(error).__name__}"))


def _look_at_database(installation: Installation) -> Iterator[CheckResult]:
    path = _get_database_file()
    if path is not None and not path.is_file():
        yield CheckResult(Severity.FAULT, "there is no database yet: `flask db upgrade` makes it")
        return
    with db.engine.connect() as connection:
        yield from (_look_at_sqlite if path is not None else _look_at_postgresql)(connection)
        if not db.inspect(connection).has_table("alembic_version"):
            yield CheckResult(Severity.FAULT, "the database is empty: `flask db upgrade`")
            return
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    head = get_migration_head()
    if revision == head:
        yield CheckResult(Severity.FITS, f"at migration {revision}, which this version expects")
        yield from _look_at_numbers(installation)
    else:
        yield CheckResult(
            Severity.FAULT, f"at migration {revision}, and this version expects {head}: `flask db upgrade`"
        )


def _look_at_sqlite(connection: Connection) -> Iterator[CheckResult]:
    version, mode, synchronous = (
        connection.scalar(text(query))
        for query in ("SELECT sqlite_version()", "PRAGMA journal_mode", "PRAGMA synchronous")
    )
    is_safe = (mode, synchronous) == ("wal", 2)
    words = f"SQLite {version}, journal {mode}, synchronous {synchronous}"
    yield (
        CheckResult(Severity.FITS, words)
        if is_safe
        else CheckResult(Severity.FAULT, f"{words}: must be wal and 2")
    )


def _look_at_postgresql(connection: Connection) -> Iterator[CheckResult]:
    yield CheckResult(Severity.FITS, f"PostgreSQL {connection.scalar(text('SHOW server_version'))}")
    skew = abs(connection.scalar(text("SELECT clock_timestamp()")) - get_now())
    message = f"its clock and ours are {skew.total_seconds():.0f} seconds apart"
    yield CheckResult(Severity.FITS if skew <= MOST_SKEW else Severity.FAULT, message)


def _look_at_numbers(installation: Installation) -> Iterator[CheckResult]:
    """Whether one person is one to the database."""
    with db.engine.connect() as connection:
        unfolded = count_unfolded(connection, installation.settings.numbers)
        odd = list_unfolded_slips(connection)
    for name, count in unfolded.items():
        words = f"{count} number(s) of {name} are in another form than [numbers]: run `flask numbers fold`"
        yield CheckResult(Severity.FAULT, words)
    for slip in odd[:MOST_SLIPS]:
        if slip.first:
            words = f"slip {slip.number} is another one of who has {slip.first}: revoke it"
        else:
            words = (
                f"slip {slip.number} was issued for a number as it was typed, of which departments may have known "
                "nothing: compare, and revoke it if need be"
            )
        yield CheckResult(Severity.FAULT if slip.first else Severity.NOTE, words)
    if len(odd) > MOST_SLIPS:
        yield CheckResult(
            Severity.NOTE, f"and {len(odd) - MOST_SLIPS} more slips for numbers as they were typed"
        )
    if not unfolded and not odd:
        yield CheckResult(Severity.FITS, "every number is in its one form")


def _look_at_waivers(installed: InstalledMiniApp) -> Iterator[CheckResult]:
    """Whether each waiver of this period would be granted today; the database is looked at before."""
    path = _get_database_file()
    if (path is not None and not path.is_file()) or not db.inspect(db.engine).has_table(Waiver.__tablename__):
        return
    faulty = list_faulty_waivers(installed)
    for step, count in Counter(waiver.step for waiver, slip in faulty if slip is None).items():
        words = f"{count} waiver(s) of {step} are without effect, for what they give as reason or person"
        yield CheckResult(
            Severity.FAULT, f"{words}: see `flask waivers list`; grant them anew or withdraw them"
        )
    for waiver, slip in faulty:
        if slip is not None:
            words = f"slip {slip} was given beside a waiver of {waiver.step} that would be refused today"
            yield CheckResult(Severity.NOTE, f"{words}: compare, and revoke it if need be")
    if not faulty:
        yield CheckResult(Severity.FITS, "every waiver has a reason and a person")


def _look_at_keys(installation: Installation) -> Iterator[CheckResult]:
    try:
        keys = load_slip_keys(installation.settings.slip.keys)
    except SlipKeyError as error:
        yield CheckResult(Severity.FAULT, str(error))
        return
    yield CheckResult(Severity.FITS, f"{len(keys.ring.keys)} key(s), each private one its owner's alone")
    moment = installation.get_local_time(get_now())
    for pending in keys.ring.keys:
        if pending.signs_from and pending.signs_from > moment:
            begins = installation.get_local_time(pending.signs_from)
            yield CheckResult(
                Severity.FITS, f"key {pending.kid} is published and signs from {begins:%Y-%m-%d %H:%M}"
            )
    try:
        kid, _ = keys.get_signer(moment)
    except NoSigningKey:
        yield CheckResult(Severity.FAULT, "no key signs now, and nobody can submit: `flask slip-keys new`")
        return
    key = keys.ring.get_key(kid)
    days = (key.not_after - moment.date()).days if key else 0
    fit = Severity.NOTE if days < FEW_DAYS else Severity.FITS
    yield CheckResult(fit, f"key {kid} signs, for {days} more day(s)")


def _look_at_issued_keys(installation: Installation) -> Iterator[CheckResult]:
    """Whether this host has every key that signed; keys and database are looked at by themselves before."""
    path = _get_database_file()
    if path is not None and not path.is_file():
        return
    try:
        ring = load_slip_keys(installation.settings.slip.keys).ring
    except SlipKeyError:
        return
    today = installation.get_local_time(get_now()).date()
    with db.engine.connect() as connection:
        if not db.inspect(connection).has_table(IssuedCode.__tablename__):
            return
        missing = list_missing_kids(connection, ring)
        foreign = list_foreign_kids(connection, ring, installation.settings.service.host, today)
    if missing:
        yield CheckResult(Severity.FAULT, describe_missing(missing))
    if foreign:
        yield CheckResult(Severity.FAULT, describe_foreign(foreign))
    if not missing and not foreign:
        yield CheckResult(Severity.FITS, "every key that signed slips is here")


def _look_at_fonts(installation: Installation) -> Iterator[CheckResult]:
    try:
        load_fonts(installation.settings.slip.fonts)
        missing = find_missing_characters(RARE)
    except (UnusableFont, FileNotFoundError) as error:
        yield CheckResult(Severity.FAULT, f"slip.fonts: {error}")
        return
    yield CheckResult(
        Severity.FAULT if missing else Severity.FITS,
        f"lack {missing}" if missing else "rare characters are there",
    )


def _look_at_disk(installation: Installation) -> Iterator[CheckResult]:
    database = _get_database_file()
    places = {"slip keys": installation.settings.slip.keys, "temporary files": Path(tempfile.gettempdir())}
    places |= {"database": database.parent} if database else {}
    for name, folder in sorted(places.items()):
        free = shutil.disk_usage(folder).free
        fit = Severity.FAULT if free < LEAST_FREE else Severity.NOTE if free < LITTLE_FREE else Severity.FITS
        yield CheckResult(fit, f"{free / 2**30:.1f} GiB free for {name}")


def _look_at_files() -> Iterator[CheckResult]:
    """Files that hold personal data. Those of secrets and keys are looked at at every start."""
    database = _get_database_file()
    for path in sorted(database.parent.glob(f"{database.name}*")) if database else ():
        is_open = all(map(describe_openness, (path, path.parent)))
        words = "can be reached by other users: chmod 700 its folder" if is_open else "is its owner's alone"
        yield CheckResult(Severity.FAULT if is_open else Severity.FITS, f"{path.name} {words}")


def _look_at_desk(desk: Desk) -> Iterator[CheckResult]:
    database = _get_database_file()
    if database is not None and not database.is_file():
        return  # told already, and not to be made here
    state = read_state(desk.name)
    yield CheckResult(Severity.FITS, f"{state.entries} entries")
    if desk.config.no_entry is NoEntry.EMPTY and not state.is_complete(desk.config.complete_days, get_now()):
        message = "its list is not declared complete, or too long ago: whoever has no entry is unknown"
        yield CheckResult(Severity.FAULT, f"{message} (`flask desk complete {desk.name}`)")
    if state.refusals:
        message = f"{len(state.refusals)} student(s) unknown by rows that could not be read"
        yield CheckResult(Severity.NOTE, f"{message} (`flask desk status {desk.name}`)")


def _ask_department(
    step: Step, connector: Connector, canaries: Canaries | None, deadline: float
) -> Iterator[CheckResult]:
    if canaries is None:
        answer = start_query(connector, NOBODY, deadline).result()
        fault = answer.fault if isinstance(answer, DepartmentUnavailable) else ""
        is_down = fault in (
            *TRANSPORT_FAILURES,
            FailureCode.CREDENTIAL_REFUSED,
            FailureCode.REDIRECT,
            FailureCode.INTERNAL,
        )
        words = f"of a student that nobody is, {connector.name} says: {fault or 'an answer'}"
        yield CheckResult(
            Severity.FAULT if is_down else Severity.NOTE, f"{words} (no canary students are set)"
        )
        return
    answers = start_survey(connector, canaries.numbers, deadline).result()
    outcome, wrong = judge_canaries(step, canaries, answers)
    faults = {str(answer.fault) for answer in answers.values() if isinstance(answer, DepartmentUnavailable)}
    if outcome is Outcome.WRONG:
        about = ", ".join(wrong).strip(", ")
        words = f"answers wrongly about its canary students{f' ({about})' if about else ''}"
        yield CheckResult(Severity.FAULT, f"{connector.name} {words}: such a step is suspended for all")
    elif faults:
        yield CheckResult(Severity.FAULT, f"{connector.name} does not answer: {', '.join(sorted(faults))}")
    else:
        yield CheckResult(
            Severity.FITS, f"{connector.name} lets the right canary students pass, and not the others"
        )
    unwatched = list_unwatched_facts(step, canaries)
    if unwatched:
        yield CheckResult(Severity.NOTE, f"no failing canary student shows {', '.join(unwatched)}")


def _get_database_file() -> Path | None:
    """SQLite's file, or None on PostgreSQL."""
    url = db.engine.url
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None
