"""What a mini-app tells before it asks: the privacy notice 隐私说明 with the consent to it, and 常见问题."""

from __future__ import annotations

from flask import Blueprint, redirect, request, session, url_for
from flask.typing import ResponseReturnValue

from app.domain.errors import ConsentMissing
from app.domain.person import Role
from app.services.consents import find_consent, give_consent, withdraw_consent
from app.web.auth.access import find_return_page, get_person, student_required
from app.web.language import show_moment
from app.web.miniapp.opening import open_for_student, open_mini_app, render_page

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
