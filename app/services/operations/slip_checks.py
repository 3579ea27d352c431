"""Whether slips can be signed and drawn: keys, certificate and fonts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from app.documents.certificate import UnusableCertificate
from app.documents.fonts import UnusableFont, find_missing_characters, load_fonts
from app.domain.keys import KeyRing, NoSigningKey
from app.extensions import db
from app.identity.base import CheckResult
from app.models import IssuedCode
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.database_checks import has_table
from app.services.operations.findings import fault, good, note
from app.services.slips.issued_keys import find_key_faults
from app.services.slips.signing_keys import SlipKeyError, load_slip_keys

log = logging.getLogger(__name__)

FEW_DAYS = 30
OLD_DAYS = 400
RARE = "离校单䶮𠮷𬭎ŞẸ̀Қئไ"


def check_signing(installation: Installation) -> Iterator[CheckResult]:
    """Whether slips can be signed now. What signs was read before, and goes on signing while its files are gone: this
    host may be the last that can.
    """
    moment = installation.get_local_time(get_now())
    try:
        kid, _ = installation.slip_keys.current().get_signer(moment)
    except NoSigningKey:
        yield fault("no key signs now, and nobody can submit: `flask slip-keys new`")
        return
    except SlipKeyError:
        yield fault(
            "the folder of the signing keys, or a file in it, cannot be used: `flask doctor` names it and says why"
        )
        return
    yield good(f"key {kid} signs")
    try:
        load_slip_keys(installation.settings.slip.keys)
    except SlipKeyError as error:
        log.warning("keys sign from memory only", exc_info=error)
        yield note(
            "warning: it signs from memory alone, the key files cannot be used any more and the next start will fail: "
            "bring them back from the backup (`flask doctor` names what is wrong)"
        )


def check_keys(installation: Installation) -> Iterator[CheckResult]:
    try:
        ring = load_slip_keys(installation.settings.slip.keys).ring
    except SlipKeyError as error:
        yield fault(str(error))
        return
    yield good(f"{len(ring.keys)} key(s), each private one its owner's alone")
    moment = installation.get_local_time(get_now())
    for key in ring.keys:
        if key.signs_from and key.signs_from > moment:
            begins = installation.get_local_time(key.signs_from)
            yield good(f"key {key.kid} is published and signs from {begins:%Y-%m-%d %H:%M}")
    yield from check_signing(installation)
    with suppress(NoSigningKey):
        yield from _check_key_age(ring, moment)


def _check_key_age(ring: KeyRing, moment: datetime) -> Iterator[CheckResult]:
    """How old the key is that signs, and how long it and its successors sign. Raises NoSigningKey."""
    days = (ring.find_last_signing_day(moment) - moment.date()).days
    words = f"slips can be signed for {days} more day(s)"
    yield note(f"{words}: make the next key with `flask slip-keys new`") if days < FEW_DAYS else good(words)
    signing = ring.get_key(ring.get_signing_kid(moment))
    age = (moment.date() - signing.not_before).days if signing else 0
    words = f"the key that signs has been valid for {age} day(s)"
    advice = "make another with `flask slip-keys new`, and retire this one"
    yield note(f"{words}: {advice}") if age > OLD_DAYS else good(words)


def check_issued_keys(installation: Installation) -> Iterator[CheckResult]:
    """Whether this host has every key that signed; keys and database are looked at by themselves."""
    if not has_table(IssuedCode.__tablename__):
        return
    try:
        ring = installation.slip_keys.current().ring
    except SlipKeyError:
        return
    today = installation.get_local_time(get_now()).date()
    with db.engine.connect() as connection:
        faults = list(find_key_faults(connection, ring, installation.settings.service.host, today))
    yield from map(fault, faults) if faults else (good("every key that signed slips is here"),)


def check_certificate(installation: Installation) -> Iterator[CheckResult]:
    if installation.settings.slip.p12_file is None:
        return
    try:
        signer = installation.file_signer
    except UnusableCertificate as error:
        yield fault(str(error))
        return
    days = (signer.ends_at - get_now()).days if signer else 0
    words = f"it is valid for {days} more day(s)"
    yield note(f"{words}: renew it, the service does not start without") if days < FEW_DAYS else good(words)


def check_fonts(installation: Installation) -> Iterator[CheckResult]:
    try:
        load_fonts(installation.settings.slip.fonts)
    except (UnusableFont, FileNotFoundError) as error:
        yield fault(f"slip.fonts: {error}")
        return
    yield from check_characters()


def check_characters() -> Iterator[CheckResult]:
    missing = find_missing_characters(RARE)
    if missing:
        yield fault(f"no font has {missing}: name one that does in slip.fonts")
    else:
        yield good("every rare character that was tried is in a font")
