"""The account that every page names, with the way to leave it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import cast

from flask import current_app, request

from app.domain.person import Person
from app.extensions import DATABASE_FAULTS
from app.web.auth.access import get_person
from app.web.session import DatabaseSessionInterface, get_session

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Account:
    """Who is signed in, as the head of a page says it."""

    name: str
    last_four: str


def find_person() -> Person | None:
    """Who is signed in, for a page that anybody may see. Without a session's cookie no session is looked into;
    with one whose row cannot be read nobody is known.
    """
    interface = cast("DatabaseSessionInterface", current_app.session_interface)
    if interface.cookie_name not in request.cookies:
        return None
    try:
        return get_person()
    except DATABASE_FAULTS:
        log.warning("a session could not be read: shown as to a stranger")
        return None


def find_account() -> Account | None:
    """The account of the session that this browser has and will have after this answer, or None."""
    session = get_session()
    # A page that comes instead of a sign-in or sign-out cannot know whether that was stored.
    if session.is_ended or session.new_person is not None:
        return None
    person = find_person()
    return Account(person.name, person.number[-4:]) if person else None
