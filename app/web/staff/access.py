"""Who may open a page of staff: looked up at each request by one statement, never kept in the session."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from functools import wraps
from typing import Any, TypeVar, cast

from flask import g, request
from flask.typing import ResponseReturnValue

from app.domain.errors import GrantEnded, NoGrant, NotFound
from app.domain.staff import ALL, EndedGrant, Grant, Grants, Right, Scope
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.services.staff.grants import load_grants
from app.services.staff.views import log_views
from app.web.auth.access import current_person, list_typed, signed_in_required
from app.web.page_context import get_installation

View = TypeVar("View", bound=Callable[..., ResponseReturnValue])


def staff_required(view: View) -> View:
    """Let only people in who hold a grant, whichever; what it lets them do is for the view to `require`."""

    @wraps(view)
    def guarded(*arguments: Any, **options: Any) -> ResponseReturnValue:
        if not get_grants():
            raise _explain_ended(get_grants().ended) or NoGrant
        return view(*arguments, **options)

    return signed_in_required(cast("View", guarded))


def get_grants() -> Grants:
    """What the signed-in person may do, as it was when the request came."""
    if "grants" not in g:
        person = current_person()
        g.grants = load_grants(get_installation(), person.number, get_now(), person.role)
    return cast("Grants", g.grants)


def require(right: Right, scope: Scope) -> Grant:
    """The grant by which the person may do this here. Raises NotFound where there is none: outside a scope nothing exists;
    GrantEnded for a form that was sent after the grant's end.
    """
    grants = get_grants()
    found = grants.find(right, scope)
    if found is None:
        fitting = tuple(
            one for one in grants.ended if one.grant.allows(right) and one.grant.scope.covers(scope)
        )
        raise _explain_ended(fitting) or NotFound
    return found


def list_colleges(
    grants: Grants, right: Right, installed: InstalledMiniApp, step_key: str
) -> tuple[str, ...] | None:
    """The colleges of whose students these grants bring a right at a step: none are named where it is all, and None where
    it is nobody's.
    """
    scope = get_scope(installed, step_key)
    held = [one.scope.college for one in grants.list(right) if fits_for_some(one.scope, scope)]
    if not held:
        return None
    return () if ALL in held else tuple(dict.fromkeys(held))


def get_scope(installed: InstalledMiniApp, step_key: str) -> Scope:
    """A step of a mini-app in its period, for all colleges."""
    return Scope(installed.mini_app.slug, step_key, period=installed.settings.period)


def fits_for_some(held: Scope, scope: Scope) -> bool:
    """Whether a scope holds here for one college at least."""
    return replace(held, college=ALL).covers(scope)


def require_somewhere(right: Right) -> tuple[Scope, ...]:
    """Where the person has this right. Raises as `require` does where that is nowhere."""
    grants = get_grants()
    found = tuple(grant.scope for grant in grants.list(right))
    if not found:
        raise _explain_ended(tuple(one for one in grants.ended if one.grant.allows(right))) or NotFound
    return found


def note_view(student_number: str, page: str) -> None:
    """Log that the signed-in person is shown this student (a folded number) on this page, before it is shown. Raises
    SQLAlchemyError, which answers 503, where that cannot be written.
    """
    note_views([student_number], page)


def note_views(student_numbers: Collection[str], page: str) -> None:
    """The same of several students whom one page shows."""
    installation = get_installation()
    log_views(current_person().number, student_numbers, page, installation.get_local_time(get_now()))


def _explain_ended(ended: tuple[EndedGrant, ...]) -> GrantEnded | None:
    """What to say to a form, whose text must not be lost."""
    if request.method in ("GET", "HEAD") or not ended:
        return None
    newest = max(ended, key=lambda one: one.ended_at)
    return GrantEnded(newest.ended_at, newest.ended_by, list_typed())
