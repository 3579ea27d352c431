"""A slip's files as its holder is given them, the digest of each, and whether a file is one of those.

The SHA-256 of exactly the bytes that were handed out is kept, so that a file stays genuine whatever later releases
draw. A file whose digest cannot be kept is handed out all the same: drawing the slip again is a second proof, as it
is for files of before digests were kept.
"""

from __future__ import annotations

import logging
from datetime import datetime
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey
from sqlalchemy import Connection, Row, bindparam, func, select, update
from sqlalchemy.exc import SQLAlchemyError

from app.documents.fonts import MissingCharacters
from app.documents.layout import SlipTooLong
from app.documents.seals import find_seal
from app.documents.slip_pdf import render_slip_pdf
from app.domain.keys import KeyState, NoSigningKey
from app.extensions import db
from app.models import (
    LITTLE_PATIENCE_SECONDS,
    HandedOutFile,
    IssuedCode,
    Slip,
    insert_once,
    write_transaction,
)
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.slips.signing_keys import SlipKeyError
from app.services.slips.slips import SlipView, render_png

log = logging.getLogger(__name__)

REMEMBERED_DIGESTS = 65_536
_DOMAIN = b"lixiao-file/1\0"
_kept: set[str] = set()
"""Digests that this process knows to be kept, so that a repeated download asks no database."""

_FIND = (
    select(HandedOutFile.short_code, HandedOutFile.kid, HandedOutFile.seal, IssuedCode.digits)
    .join(IssuedCode, IssuedCode.short_code == HandedOutFile.short_code)
    .where(HandedOutFile.sha256 == bindparam("sha256"))
)

_SEAL = Slip.record["seal"].as_string()
_COUNT_SEALS = select(_SEAL, func.count()).group_by(_SEAL)


def hand_out_pdf(installation: Installation, slip: SlipView) -> bytes:
    """The slip as a PDF file, for whoever may have it."""
    return _hand_out(installation, slip, make_pdf_file(installation, slip))


def hand_out_png(installation: Installation, slip: SlipView) -> bytes:
    """The slip as a picture, for whoever may have it."""
    return _hand_out(installation, slip, render_png(slip))


def make_pdf_file(installation: Installation, slip: SlipView) -> bytes:
    """The slip as PDF/A and signed, where that is configured."""
    pdf = render_slip_pdf(slip.record, slip.code, installation.settings.slip.pdf_a)
    return _sign(installation, pdf, slip)


def find_handed_out(installation: Installation, data: bytes) -> str | None:
    """The digits of the code of the slip that exactly this file was handed out of, or None.

    Raises SQLAlchemyError or SlipKeyError.
    """
    digest = sha256(data).hexdigest()
    found = _find_row(digest)
    if found is None:
        return None
    if not _is_sealed(installation, digest, found.short_code, found.kid, found.seal):
        log.error("a handed-out file's digest has no true seal", extra={"kid": found.kid})
        return None
    digits: str = found.digits
    return digits


def is_file_of(installation: Installation, slip: SlipView, data: bytes) -> bool | None:
    """Whether a file is, byte for byte, one that this release draws of the slip: as PDF/A or not, signed by the
    present certificate or not. None where the slip cannot be drawn any more, or not with the seal that it bears.
    """
    try:
        for is_archival in (False, True):
            pdf = render_slip_pdf(slip.record, slip.code, is_archival)
            if data.startswith(pdf):
                return data in (pdf, _sign(installation, pdf, slip))
    except (MissingCharacters, SlipTooLong) as error:
        log.error("a slip cannot be drawn again", extra={"error": type(error).__name__})
        return None
    return None if slip.record.seal and find_seal(slip.record.seal) is None else False


def count_missing_seals(connection: Connection) -> dict[str, int]:
    """The seals that slips bear and that are not here, by their SHA-256, each with how many slips."""
    return {
        digest: count
        for digest, count in connection.execute(_COUNT_SEALS)
        if digest and find_seal(digest) is None
    }


def _sign(installation: Installation, pdf: bytes, slip: SlipView) -> bytes:
    signer = installation.file_signer
    return pdf if signer is None else signer.sign_pdf(pdf, slip.submitted_at)


def _hand_out(installation: Installation, slip: SlipView, data: bytes) -> bytes:
    digest = sha256(data).hexdigest()
    if digest in _kept:
        return data
    try:
        _keep(installation, slip, digest)
    except (SQLAlchemyError, SlipKeyError, NoSigningKey) as error:
        log.error("a handed-out file's digest is not kept", extra={"error": type(error).__name__})
        return data
    if len(_kept) >= REMEMBERED_DIGESTS:
        _kept.clear()
    _kept.add(digest)
    return data


def _keep(installation: Installation, slip: SlipView, digest: str) -> None:
    """A row whose seal this host cannot prove is sealed anew: the bytes are handed out now."""
    held = _find_row(digest)
    if held is not None and _is_sealed(installation, digest, held.short_code, held.kid, held.seal):
        return
    now = get_now()
    kid, signer = _choose_signer(installation, slip, now)
    row = {
        "sha256": digest,
        "short_code": slip.code.short_code,
        "kid": kid,
        "seal": signer.sign(_make_message(installation, digest, slip.code.short_code)).hex(),
        "handed_out_at": now,
    }
    with write_transaction(LITTLE_PATIENCE_SECONDS) as session:
        if held is None:
            insert_once(session.connection(), HandedOutFile, row)
        else:
            session.execute(update(HandedOutFile).where(HandedOutFile.sha256 == digest).values(row))


def _choose_signer(
    installation: Installation, slip: SlipView, now: datetime
) -> tuple[int, Ed25519PrivateKey]:
    """The key that signed the slip, whose loss every host notices; where it signs no more, the one that signs now."""
    keys = installation.slip_keys.current()
    query = select(IssuedCode.kid).where(IssuedCode.short_code == slip.code.short_code)
    kid = db.session.scalar(query)
    if kid is not None and kid in keys.signers:
        return kid, keys.signers[kid]
    return keys.get_signer(installation.get_local_time(now))


def _find_row(digest: str) -> Row[str, int, str, str] | None:
    try:
        return db.session.execute(_FIND, {"sha256": digest}).first()
    finally:
        db.session.rollback()  # PostgreSQL takes nothing more after a fault


def _is_sealed(installation: Installation, digest: str, short_code: str, kid: int, seal: str) -> bool:
    key = installation.slip_keys.current().ring.get_key(kid)
    if key is None or key.state is KeyState.COMPROMISED:
        return False
    try:
        VerifyKey(key.public_key).verify(_make_message(installation, digest, short_code), bytes.fromhex(seal))
    except (BadSignatureError, ValueError):
        return False
    return True


def _make_message(installation: Installation, digest: str, short_code: str) -> bytes:
    """What a seal signs: it can be taken neither for a slip's code nor for another slip's file."""
    host = installation.settings.service.host
    return b"".join((_DOMAIN, host.encode(), b"\0", short_code.encode(), b"\0", bytes.fromhex(digest)))
