"""The checks of `flask doctor`, which looks at everything, and names files. Nothing is changed anywhere: departments
are asked about canary students, or about a student that nobody is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from functools import partial

from app.domain.keys import NoSigningKey
from app.extensions import db
from app.identity.base import CheckResult, IdentityProvider
from app.models import Slip
from app.services.clock import get_now
from app.services.desk.desk import get_desk
from app.services.installation import Installation, InstalledMiniApp
from app.services.operations.checkpoint_checks import check_journals
from app.services.operations.database_checks import check_database, has_table
from app.services.operations.department_checks import (
    check_contacts,
    check_department,
    check_desk,
    check_waivers,
)
from app.services.operations.findings import Check, fault, good, note, run_check
from app.services.operations.host_checks import check_clock, check_disk, check_files, check_limits
from app.services.operations.row_checks import check_codes, check_rows
from app.services.operations.slip_checks import check_certificate, check_fonts, check_issued_keys, check_keys
from app.services.slips.files import count_missing_seals
from app.services.slips.signing_keys import SlipKeyError

DAYS_BEFORE = 14
SOON = timedelta(days=DAYS_BEFORE)
LONG = DAYS_BEFORE + 1
"""Days that are left where there is no last one."""


def check_all(
    installation: Installation, providers: Mapping[str, IdentityProvider]
) -> Iterator[tuple[str, CheckResult]]:
    """Look at everything, and tell what was found in which area, such as `database`. Raises nothing: what cannot be
    looked at is a fault.
    """
    for area, check in _list_checks(installation, providers):
        yield from ((area, finding) for finding in run_check(area, check))


def _list_checks(
    installation: Installation, providers: Mapping[str, IdentityProvider]
) -> Iterator[tuple[str, Check]]:
    settings, mini_apps = installation.settings, installation.mini_apps.values()
    yield "database", partial(check_database, installation)
    yield "limits", partial(check_limits, installation)
    for installed in mini_apps:
        yield f"{installed.mini_app.slug} period", partial(_check_period, installation, installed)
        yield f"{installed.mini_app.slug} waivers", partial(check_waivers, installed)
        yield f"{installed.mini_app.slug} contacts", partial(check_contacts, installed)
    yield "slip keys", partial(check_keys, installation)
    yield "rows", partial(check_rows, installation)
    yield "row keys and codes", partial(check_codes, installation)
    yield "slip keys and log", partial(check_issued_keys, installation)
    yield "checkpoints", partial(check_journals, installation)
    yield "slip certificate", partial(check_certificate, installation)
    yield "fonts", partial(check_fonts, installation)
    yield "seals", _check_seals
    yield "disk", partial(check_disk, installation)
    yield "files", check_files
    yield "clock", check_clock
    for name, table in settings.connectors.items():
        if table["kind"] == "desk":
            yield f"desk {name}", partial(check_desk, get_desk(settings, name))
    for name, provider in providers.items():
        callback = f"{settings.service.base_url}/sign-in/{name}/callback"
        yield f"sign-in {name}", partial(provider.check, callback)
    for installed in mini_apps:
        for key, connector in installed.connectors.items():
            of_step = (installed.get_step(key), connector, installed.settings.canaries.get(key))
            ask = partial(check_department, *of_step, settings.round.deadline_seconds)
            yield f"{installed.mini_app.slug} {key}", ask


def _check_period(installation: Installation, installed: InstalledMiniApp) -> Iterator[CheckResult]:
    """Whether students can submit today, and for how long the keys and the calendar let them."""
    moment = installation.get_local_time(get_now())
    today, opens_on, closes_on = moment.date(), installed.settings.opens_on, installed.settings.closes_on
    left = (closes_on - today).days if closes_on else LONG
    if left < 0:
        yield note(
            f"closed since {closes_on}: nobody can submit. For the next batch set period, opens_on, closes_on"
        )
        return
    if today < opens_on:
        yield note(f"opens on {opens_on}, in {(opens_on - today).days} day(s): nobody can submit before")
    elif closes_on is None:
        yield good(f"open since {opens_on}, all year")
    elif left <= DAYS_BEFORE:
        yield note(
            f"closes on {closes_on}, after {left} more day(s): for later ones set closes_on and restart"
        )
    else:
        yield good(f"open until {closes_on}")
    with suppress(NoSigningKey, SlipKeyError):
        last_day = installation.slip_keys.current().ring.find_last_signing_day(moment)
        needed, when = (closes_on, "before it closes") if closes_on else (today + SOON, "and it never closes")
        if last_day < needed:
            yield note(f"slip keys sign until {last_day}, {when}: make the next with `flask slip-keys new`")


def _check_seals() -> Iterator[CheckResult]:
    """Whether slips are still drawn with the seals that they bear."""
    if not has_table(Slip.__tablename__):
        return
    with db.engine.connect() as connection:
        for digest, count in count_missing_seals(connection).items():
            yield fault(
                f"{count} slips bear one that is not here: put the file of SHA-256 {digest} into slip.former_seals"
            )
