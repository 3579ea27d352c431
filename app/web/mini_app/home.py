"""How a mini-app's pages are opened (which mini-app, for whom, by which template), and what it tells before it asks: the
privacy notice 隐私说明 with the consent to it, and 常见问题.
"""

from __future__ import annotations

from dataclasses import replace

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import ConsentMissing
from app.domain.person import Person, Role
from app.domain.slip import PrintedField
from app.mini_apps.pages import find_page_name
from app.services.installation import Installation, InstalledMiniApp
from app.services.sign_in.consents import find_consent, give_consent, require_consent, withdraw_consent
from app.services.slips.records import describe_person, find_unprintable
from app.web.auth.access import current_person, find_return_page, get_person, student_required
from app.web.language import localized, render_template, show_mini_app, show_moment
from app.web.page_context import get_installation
from app.web.slip_texts import describe_unprintable


def open_mini_app(app_path: str) -> tuple[Installation, InstalledMiniApp]:
    """The mini-app at this address. Raises UnknownMiniApp."""
    installation = get_installation()
    return installation, installation.get_mini_app(app_path)


def open_for_student(app_path: str) -> tuple[Installation, InstalledMiniApp, Person]:
    """The mini-app for the student who is signed in. Raises NotAStudent or NotGraduating."""
    installation, installed = open_mini_app(app_path)
    person = current_person()
    installed.require_graduate(person)
    return installation, installed, person


def open_with_consent(app_path: str) -> tuple[Installation, InstalledMiniApp, Person]:
    """The same for every page that asks departments. Raises ConsentMissing before any is asked."""
    installation, installed, person = open_for_student(app_path)
    require_consent(installation, installed, person.number)
    return installation, installed, person


def render_page(installed: InstalledMiniApp, page: str, **data: object) -> str:
    """The mini-app's own page of this name, or the shared one."""
    name = find_page_name(installed.settings.slug, installed.settings.folder, page)
    shown = show_mini_app(installed).mini_app
    return render_template(name, mini_app=shown, settings=installed.settings, **data)


def describe_student(installed: InstalledMiniApp, person: Person) -> tuple[PrintedField, ...]:
    """The person's fields as the pages show them."""
    shown = show_mini_app(installed)
    fields = describe_person(shown, person, shown.mini_app.fields)
    return tuple(replace(field, value=localized(field.value)) for field in fields)


def list_unprintable(installed: InstalledMiniApp, person: Person) -> tuple[str, ...]:
    """The person's characters that no font holds, field by field."""
    return tuple(map(describe_unprintable, find_unprintable(show_mini_app(installed), person)))


WANTED = "wanted_page"

notices = Blueprint("notices", __name__)


@notices.app_errorhandler(ConsentMissing)
def ask_for_consent(fact: ConsentMissing) -> ResponseReturnValue:
    """To the notice, and from there back to the page that was wanted; a form is never repeated."""
    # Not in the address: a page that holds a token repeats no text of its request (compression.py).
    session[WANTED] = find_return_page()
    return redirect(
        url_for("notices.privacy", app_path=fact.app_path), 302 if request.method in ("GET", "HEAD") else 303
    )


@notices.get("/<mini_app:app_path>/privacy")
def privacy(app_path: str) -> ResponseReturnValue:
    """隐私说明, for everybody; students agree here, or take their consent back."""
    installation, installed = open_mini_app(app_path)
    person = get_person() if installation.settings.privacy.consent else None
    is_student = person is not None and person.role is Role.STUDENT
    given_at = find_consent(installed, person.number) if person and is_student else None
    return render_page(
        installed,
        "privacy",
        is_asked=is_student and given_at is None,
        given_at=show_moment(given_at) if given_at else "",
        retention=installation.settings.retention,
    )


@notices.post("/<mini_app:app_path>/consent")
@student_required(page=lambda app_path: url_for("notices.privacy", app_path=app_path))
def consent(app_path: str) -> ResponseReturnValue:
    """Agree to the notice, and go on to the page that was wanted."""
    _, installed, person = open_for_student(app_path)
    give_consent(installed, person.number)
    return redirect(session.pop(WANTED, None) or url_for("mini_app.clearance", app_path=app_path), 303)


@notices.post("/<mini_app:app_path>/consent/withdrawal")
@student_required(page=lambda app_path: url_for("notices.privacy", app_path=app_path))
def withdraw(app_path: str) -> ResponseReturnValue:
    """Take the consent back."""
    _, installed, person = open_for_student(app_path)
    withdraw_consent(installed, person.number)
    return redirect(url_for("notices.privacy", app_path=app_path), 303)


@notices.get("/<mini_app:app_path>/faq")
def faq(app_path: str) -> ResponseReturnValue:
    """常见问题."""
    _, installed = open_mini_app(app_path)
    return render_page(installed, "faq")
