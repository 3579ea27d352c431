"""Rosters as students come: whoever signs in and may clear has a row at once, by which staff call them. The session
remembers that, so that their pages ask for it no more. Without a row nobody is kept from anything: the next page that
they open tries again.
"""

from __future__ import annotations

from flask import session

from app.domain.errors import NotAStudent, NotGraduating
from app.domain.person import Person
from app.services.installation import InstalledMiniApp
from app.services.staff.roster import try_to_list
from app.web.page_context import get_installation

LISTED = "listed"


def list_at_sign_in(person: Person) -> None:
    """Enter who signs in on the roster of every mini-app that lets them clear, as the sign-in describes them now."""
    listed = [
        _name(installed)
        for installed in get_installation().mini_apps.values()
        if _may_clear(installed, person) and try_to_list(installed, person)
    ]
    if listed:
        session[LISTED] = listed


def list_on_page(installed: InstalledMiniApp, person: Person) -> None:
    """The same on a page of a mini-app, for whose session it was not done yet: one that is older than the roster or its
    period, or where the database had no time for it. The person may clear here.
    """
    listed = session.get(LISTED, [])
    if _name(installed) not in listed and try_to_list(installed, person):
        session[LISTED] = [*listed, _name(installed)]


def _may_clear(installed: InstalledMiniApp, person: Person) -> bool:
    try:
        installed.require_graduate(person)
    except (NotAStudent, NotGraduating):
        return False
    return True


def _name(installed: InstalledMiniApp) -> str:
    return f"{installed.mini_app.slug}/{installed.settings.period}"
