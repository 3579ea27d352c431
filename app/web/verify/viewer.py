"""Who is looking: a stranger, or a signed-in gate guard or clerk of the school (an administrator counts as a clerk)."""

from __future__ import annotations

import logging
from typing import cast

from flask import current_app, request
from sqlalchemy.exc import OperationalError

from app.domain.person import Person, Role
from app.web.auth.access import get_person
from app.web.session import DatabaseSessionInterface

log = logging.getLogger(__name__)

STAFF = frozenset({Role.GUARD, Role.CLERK, Role.ADMINISTRATOR})


def get_staff() -> Person | None:
    """The signed-in guard, clerk or administrator, or None for everybody else. Without a session's cookie no session is
    looked into; with one whose row cannot be read the viewer is a stranger.
    """
    interface = cast("DatabaseSessionInterface", current_app.session_interface)
    if interface.cookie_name not in request.cookies:
        return None
    try:
        person = get_person()
    except OperationalError:
        log.warning("a session could not be read: shown as to a stranger")
        return None
    return person if person is not None and person.role in STAFF else None
