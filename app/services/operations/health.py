"""Whether the service has what it needs: the checks of `/readyz` and of `flask doctor`, each written once.

`/readyz` runs what is quick and asks nobody else, and its words are public. `doctor` looks at everything, and names
files. Nothing is changed anywhere: departments are asked about canary students, or about a student that nobody is.
"""

from __future__ import annotations

import logging
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from app.connectors.base import TRANSPORT_FAILURES, Connector, FailureCode
from app.connectors.client import start_query, start_survey
from app.connectors.desk import NoEntry
from app.documents.certificate import UnusableCertificate
from app.documents.fonts import UnusableFont, find_missing_characters, load_fonts
from app.domain.clearance import DepartmentUnavailable
from app.domain.keys import NoSigningKey
from app.domain.mini_app import Step
from app.extensions import db
from app.identity.base import CheckResult, IdentityProvider, Severity
from app.models import IssuedCode, Slip, Waiver
from app.private_files import describe_openness
from app.services.clearance.canaries import judge_canaries, list_unwatched_facts
from app.services.clearance.canary_looks import Outcome
from app.services.clearance.waivers import list_faulty_waivers
from app.services.clock import get_now
from app.services.desk.desk import Desk, get_desk
from app.services.desk.gaps import read_state
from app.services.installation import Installation, InstalledMiniApp
from app.services.numbers import count_unfolded, list_unfolded_slips
from app.services.slips.files import count_missing_seals
from app.services.slips.issued_keys import find_key_faults
from app.services.slips.signing_keys import SlipKeyError, load_slip_keys
from app.settings import Canaries

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parents[2] / "migrations"
NOBODY = "00000000"
MOST_SKEW = timedelta(seconds=5)
FEW_DAYS = 30
MOST_SLIPS = 20
LEAST_FREE = 512 * 2**20
LITTLE_FREE = 2 * 2**30
RARE = "离校单䶮𠮷𬭎ŞẸ̀Қئไ"

Check = Callable[[], Iterable[CheckResult]]
_good, _note, _fault = (
    partial(CheckResult, severity) for severity in (Severity.FITS, Severity.NOTE, Severity.FAULT)
)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a submission needs, by one name; `message` is all that was found."""

    name: str
    is_good: bool
    message: str


def check_readiness(installation: Installation) -> list[Readiness]:
    """Look at the database and its migration head, the signing key, the fonts, and the keys that signed. Raises
    nothing.
    """
    checks: dict[str, Check] = {
        "database": _check_migration,
        "slip_key": partial(_check_signing, installation),
        "fonts": _check_characters,
        "issued_keys": partial(_check_issued_keys, installation),
    }
    return [sum_up for name, check in checks.items() if (sum_up := _sum_up(name, check)) is not None]


def _sum_up(name: str, check: Check) -> Readiness | None:
    findings = _run(name, check)
    if not findings:
        return None
    is_good = all(finding.fit is not Severity.FAULT for finding in findings)
    readiness = Readiness(name, is_good, "; ".join(finding.message for finding in findings))
    if not is_good:
        log.error("not ready", extra={"check": name, "reason": readiness.message})
    return readiness


def check_all(
    installation: Installation, providers: Mapping[str, IdentityProvider]
) -> Iterator[tuple[str, CheckResult]]:
    """Look at everything, and tell what was found in which area, such as `database`. Raises nothing: what cannot be
    looked at is a fault.
    """
    for area, check in _list_checks(installation, providers):
        yield from ((area, finding) for finding in _run(area, check))


def _list_checks(
    installation: Installation, providers: Mapping[str, IdentityProvider]
) -> Iterator[tuple[str, Check]]:
    settings, mini_apps = installation.settings, installation.mini_apps.values()
    yield "database", partial(_check_database, installation)
    for installed in mini_apps:
        yield f"{installed.mini_app.slug} waivers", partial(_check_waivers, installed)
        yield f"{installed.mini_app.slug} contacts", partial(_check_contacts, installed)
    yield "slip keys", partial(_check_keys, installation)
    yield "slip keys and log", partial(_check_issued_keys, installation)
    yield "slip certificate", partial(_check_certificate, installation)
    yield "fonts", partial(_check_fonts, installation)
    yield "seals", _check_seals
    yield "disk", partial(_check_disk, installation)
    yield "files", _check_files
    for name, table in settings.connectors.items():
        if table["kind"] == "desk":
            yield f"desk {name}", partial(_check_desk, get_desk(settings, name))
    for name, provider in providers.items():
        callback = f"{settings.service.base_url}/sign-in/{name}/callback"
        yield f"sign-in {name}", partial(provider.check, callback)
    for installed in mini_apps:
        for key, connector in installed.connectors.items():
            of_step = (installed.get_step(key), connector, installed.settings.canaries.get(key))
            ask = partial(_check_department, *of_step, settings.round.deadline_seconds)
            yield f"{installed.mini_app.slug} {key}", ask


def _run(area: str, check: Check) -> list[CheckResult]:
    """What a check finds; its error is named by its type, as its text may hold a secret."""
    try:
        return list(check())
    except Exception as error:
        log.error("check failed", extra={"check": area}, exc_info=error)
        return [_fault(f"cannot be looked at: {type(error).__name__}")]


def get_migration_head() -> str:
    """The revision that the code expects."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return ScriptDirectory.from_config(config).get_current_head() or ""


def _get_database_file() -> Path | None:
    """SQLite's file, or None on PostgreSQL."""
    url = db.engine.url
    return Path(url.database or "") if url.get_backend_name() == "sqlite" else None


def _has_table(name: str) -> bool:
    """Whether the database is there and has this table. A SQLite file that is not there is not made by looking."""
    file = _get_database_file()
    return (file is None or file.is_file()) and db.inspect(db.engine).has_table(name)


def _check_database(installation: Installation) -> Iterator[CheckResult]:
    file = _get_database_file()
    if file is None or file.is_file():
        with db.engine.connect() as connection:
            yield from _check_postgresql(connection) if file is None else _check_sqlite(connection)
    migration = list(_check_migration())
    yield from migration
    if all(result.fit is not Severity.FAULT for result in migration):
        yield from _check_numbers(installation)


def _check_migration() -> Iterator[CheckResult]:
    file = _get_database_file()
    if file is not None and not file.is_file():
        yield _fault("there is no database yet: `flask db upgrade` makes it")
        return
    if not _has_table("alembic_version"):
        yield _fault("the database is empty: `flask db upgrade`")
        return
    with db.engine.connect() as connection:
        revision = connection.scalar(text("SELECT version_num FROM alembic_version"))
    head = get_migration_head()
    if revision == head:
        yield _good(f"migration {revision}, which this version expects")
    else:
        yield _fault(f"migration {revision}, and this version expects {head}: `flask db upgrade`")


def _check_sqlite(connection: Connection) -> Iterator[CheckResult]:
    version, mode, synchronous = (
        connection.scalar(text(query))
        for query in ("SELECT sqlite_version()", "PRAGMA journal_mode", "PRAGMA synchronous")
    )
    words = f"SQLite {version}, journal {mode}, synchronous {synchronous}"
    yield _good(words) if (mode, synchronous) == ("wal", 2) else _fault(f"{words}: must be wal and 2")


def _check_postgresql(connection: Connection) -> Iterator[CheckResult]:
    yield _good(f"PostgreSQL {connection.scalar(text('SHOW server_version'))}")
    skew = abs(connection.scalar(text("SELECT clock_timestamp()")) - get_now())
    words = f"its clock and ours are {skew.total_seconds():.0f} seconds apart"
    yield _good(words) if skew <= MOST_SKEW else _fault(words)


def _check_numbers(installation: Installation) -> Iterator[CheckResult]:
    """Whether one person is one to the database."""
    with db.engine.connect() as connection:
        unfolded = count_unfolded(connection, installation.settings.numbers)
        odd = list_unfolded_slips(connection)
    for name, count in unfolded.items():
        yield _fault(
            f"{count} number(s) of {name} are in another form than [numbers]: run `flask numbers fold`"
        )
    for slip in odd[:MOST_SLIPS]:
        if slip.first:
            yield _fault(f"slip {slip.number} is another one of who has {slip.first}: revoke it")
        else:
            yield _note(
                f"slip {slip.number} was issued for a number as it was typed, of which departments may have known "
                "nothing: compare, and revoke it if need be"
            )
    if len(odd) > MOST_SLIPS:
        yield _note(f"and {len(odd) - MOST_SLIPS} more slips for numbers as they were typed")
    if not unfolded and not odd:
        yield _good("every number is in its one form")


def _check_contacts(installed: InstalledMiniApp) -> Iterator[CheckResult]:
    """Graduates call the number that a page shows."""
    left = ", ".join(step.key for step in installed.mini_app.steps if step.has_example)
    if left:
        yield _note(
            f"phone numbers or addresses of {left} are examples: put the departments' own in its manifest"
        )


def _check_waivers(installed: InstalledMiniApp) -> Iterator[CheckResult]:
    """Whether each waiver of this period would be granted today; the database is looked at before."""
    if not _has_table(Waiver.__tablename__):
        return
    faulty = list_faulty_waivers(installed)
    for step, count in Counter(waiver.step for waiver, slip in faulty if slip is None).items():
        words = f"{count} waiver(s) of {step} are without effect, for what they give as reason or person"
        yield _fault(f"{words}: see `flask waivers list`; grant them anew or withdraw them")
    for waiver, slip in faulty:
        if slip is not None:
            words = f"slip {slip} was given beside a waiver of {waiver.step} that would be refused today"
            yield _note(f"{words}: compare, and revoke it if need be")
    if not faulty:
        yield _good("every waiver has a reason and a person")


def _check_signing(installation: Installation) -> Iterator[CheckResult]:
    """Whether slips can be signed now. What signs was read before, and goes on signing while its files are gone: this
    host may be the last that can.
    """
    moment = installation.get_local_time(get_now())
    try:
        kid, _ = installation.slip_keys.current().get_signer(moment)
    except NoSigningKey:
        yield _fault("no key signs now, and nobody can submit: `flask slip-keys new`")
        return
    except SlipKeyError:
        yield _fault(
            "the folder of the signing keys, or a file in it, cannot be used: `flask doctor` names it and says why"
        )
        return
    yield _good(f"key {kid} signs")
    try:
        load_slip_keys(installation.settings.slip.keys)
    except SlipKeyError as error:
        log.warning("keys sign from memory only", exc_info=error)
        yield _note(
            "warning: it signs from memory alone, the key files cannot be used any more and the next start will fail: "
            "bring them back from the backup (`flask doctor` names what is wrong)"
        )


def _check_keys(installation: Installation) -> Iterator[CheckResult]:
    try:
        ring = load_slip_keys(installation.settings.slip.keys).ring
    except SlipKeyError as error:
        yield _fault(str(error))
        return
    yield _good(f"{len(ring.keys)} key(s), each private one its owner's alone")
    moment = installation.get_local_time(get_now())
    for key in ring.keys:
        if key.signs_from and key.signs_from > moment:
            begins = installation.get_local_time(key.signs_from)
            yield _good(f"key {key.kid} is published and signs from {begins:%Y-%m-%d %H:%M}")
    yield from _check_signing(installation)
    with suppress(NoSigningKey):
        signing = ring.get_key(ring.get_signing_kid(moment))
        days = (signing.not_after - moment.date()).days if signing else 0
        words = f"it may sign for {days} more day(s)"
        yield _note(words) if days < FEW_DAYS else _good(words)


def _check_issued_keys(installation: Installation) -> Iterator[CheckResult]:
    """Whether this host has every key that signed; keys and database are looked at by themselves."""
    if not _has_table(IssuedCode.__tablename__):
        return
    try:
        ring = installation.slip_keys.current().ring
    except SlipKeyError:
        return
    today = installation.get_local_time(get_now()).date()
    with db.engine.connect() as connection:
        faults = list(find_key_faults(connection, ring, installation.settings.service.host, today))
    yield from map(_fault, faults) if faults else (_good("every key that signed slips is here"),)


def _check_certificate(installation: Installation) -> Iterator[CheckResult]:
    if installation.settings.slip.p12_file is None:
        return
    try:
        _ = installation.file_signer
    except UnusableCertificate as error:
        yield _fault(str(error))


def _check_fonts(installation: Installation) -> Iterator[CheckResult]:
    try:
        load_fonts(installation.settings.slip.fonts)
    except (UnusableFont, FileNotFoundError) as error:
        yield _fault(f"slip.fonts: {error}")
        return
    yield from _check_characters()


def _check_characters() -> Iterator[CheckResult]:
    missing = find_missing_characters(RARE)
    yield _fault(f"lack {missing}") if missing else _good("rare characters are there")


def _check_seals() -> Iterator[CheckResult]:
    """Whether slips are still drawn with the seals that they bear."""
    if not _has_table(Slip.__tablename__):
        return
    with db.engine.connect() as connection:
        for digest, count in count_missing_seals(connection).items():
            yield _fault(
                f"{count} slips bear one that is not here: put the file of SHA-256 {digest} into slip.former_seals"
            )


def _check_disk(installation: Installation) -> Iterator[CheckResult]:
    database = _get_database_file()
    places = {"slip keys": installation.settings.slip.keys, "temporary files": Path(tempfile.gettempdir())}
    places |= {"database": database.parent} if database else {}
    for name, folder in sorted(places.items()):
        free = shutil.disk_usage(folder).free
        fit = Severity.FAULT if free < LEAST_FREE else Severity.NOTE if free < LITTLE_FREE else Severity.FITS
        yield CheckResult(fit, f"{free / 2**30:.1f} GiB free for {name}")


def _check_files() -> Iterator[CheckResult]:
    """Files that hold personal data. Those of secrets and keys are looked at at every start."""
    database = _get_database_file()
    for path in sorted(database.parent.glob(f"{database.name}*")) if database else ():
        if describe_openness(path) and describe_openness(path.parent):
            yield _fault(f"{path.name} can be reached by other users: chmod 700 its folder")
        else:
            yield _good(f"{path.name} is its owner's alone")


def _check_desk(desk: Desk) -> Iterator[CheckResult]:
    database = _get_database_file()
    if database is not None and not database.is_file():
        return  # told already, and not to be made here
    state = read_state(desk.name)
    yield _good(f"{state.entries} entries")
    if desk.config.no_record is NoEntry.EMPTY and not state.is_complete(desk.config.complete_days, get_now()):
        words = "its list is not declared complete, or too long ago: whoever has no entry is unknown"
        yield _fault(f"{words} (`flask desk complete {desk.name}`)")
    if state.refusals:
        words = f"{len(state.refusals)} student(s) unknown by rows that could not be read"
        yield _note(f"{words} (`flask desk status {desk.name}`)")


def _check_department(
    step: Step, connector: Connector, canaries: Canaries | None, deadline: float
) -> Iterator[CheckResult]:
    if canaries is None:
        yield _ask_about_nobody(connector, deadline)
        return
    answers = start_survey(connector, canaries.numbers, deadline).result()
    outcome, wrong = judge_canaries(step, canaries, answers)
    faults = {str(answer.fault) for answer in answers.values() if isinstance(answer, DepartmentUnavailable)}
    if outcome is Outcome.WRONG:
        about = ", ".join(wrong).strip(", ")
        words = f"answers wrongly about its canary students{f' ({about})' if about else ''}"
        yield _fault(f"{connector.name} {words}: such a step is suspended for all")
    elif faults:
        yield _fault(f"{connector.name} does not answer: {', '.join(sorted(faults))}")
    else:
        yield _good(f"{connector.name} lets the right canary students pass, and not the others")
    unwatched = list_unwatched_facts(step, canaries)
    if unwatched:
        yield _note(f"no failing canary student shows {', '.join(unwatched)}")


def _ask_about_nobody(connector: Connector, deadline: float) -> CheckResult:
    answer = start_query(connector, NOBODY, deadline).result()
    failure = answer.fault if isinstance(answer, DepartmentUnavailable) else ""
    serious = (
        *TRANSPORT_FAILURES,
        FailureCode.CREDENTIAL_REFUSED,
        FailureCode.REDIRECT,
        FailureCode.INTERNAL,
    )
    words = f"of a student that nobody is, {connector.name} says: {failure or 'an answer'}"
    return (_fault if failure in serious else _note)(f"{words} (no canary students are set)")
