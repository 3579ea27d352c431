"""The codes 办理码 that students show at a counter: made here, and read here from whatever a clerk's scanner types."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

from app.domain.derived_keys import derive_key
from app.domain.desk_code import (
    PURPOSE,
    CodeTooOld,
    MalformedCode,
    OpenedCode,
    list_codes,
    open_code,
    require_fresh,
    seal_code,
)
from app.services.installation import Installation

__all__ = ["CodeTooOld", "MalformedCode", "has_code", "make_address", "make_code", "read_code"]


def make_code(installation: Installation, student_number: str, now: datetime) -> str:
    """A code for this student (a folded number), to be read until five minutes from now."""
    return seal_code(student_number, now, _get_key(installation), installation.settings.service.host)


def make_address(installation: Installation, code: str) -> str:
    """What the QR of a code says: an address, so that any camera opens it."""
    return f"{installation.settings.service.base_url}/c/{code}"


def read_code(installation: Installation, text: str, now: datetime) -> str:
    """The number of the student whose code is in a text, as it was scanned, typed or pasted. Of several codes of one
    student the newest counts.

    Raises MalformedCode where there is none of this host, or there are those of several students; CodeTooOld.
    """
    opened = _open_all(installation, text)
    if len({one.number for one in opened}) != 1:
        raise MalformedCode("no code, or several")
    newest = max(opened, key=lambda one: one.made_at)
    require_fresh(newest.made_at, now)
    return newest.number


def has_code(installation: Installation, text: str) -> bool:
    """Whether a code of this host is in a text, dead or not."""
    return bool(_open_all(installation, text))


def _open_all(installation: Installation, text: str) -> list[OpenedCode]:
    key, host = _get_key(installation), installation.settings.service.host
    opened: list[OpenedCode] = []
    for digits in list_codes(text):
        with suppress(MalformedCode):
            opened.append(open_code(digits, key, host))
    return opened


def _get_key(installation: Installation) -> bytes:
    return derive_key(installation.settings.service.secret_key, PURPOSE)
