"""How a mini-app's pages are opened: which mini-app, for whom, and by which template."""

from __future__ import annotations

from dataclasses import replace

from flask import render_template

from app.domain.person import Person
from app.domain.slip import PrintedField
from app.miniapps.templating import list_page_names
from app.services.consents import require_consent
from app.services.installation import Installation, InstalledMiniApp
from app.services.slip_records import describe_person, find_unprintable
from app.web.auth.access import current_person
from app.web.language import put, show_mini_app
from app.web.shell import get_installation
from app.web.unprintable import describe_unprintable


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
    names = list_page_names(installed.settings.slug, page)
    shown = show_mini_app(installed).mini_app
    return render_template(names, mini_app=shown, settings=installed.settings, **data)


def describe_student(installed: InstalledMiniApp, person: Person) -> tuple[PrintedField, ...]:
    """The person's fields as the pages show them."""
    shown = show_mini_app(installed)
    fields = describe_person(shown, person, shown.mini_app.fields)
    return tuple(replace(field, value=put(field.value)) for field in fields)


def list_unprintable(installed: InstalledMiniApp, person: Person) -> tuple[str, ...]:
    """The person's characters that no font holds, field by field."""
    return tuple(map(describe_unprintable, find_unprintable(show_mini_app(installed), person)))
