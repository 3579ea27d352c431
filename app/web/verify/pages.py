"""The blueprint that the views of verification share, and who is looking: a stranger, or a signed-in gate guard or clerk
of the school (an administrator counts as a clerk).
"""

from __future__ import annotations

from flask import Blueprint

from app.domain.person import Person, Role
from app.web.auth.access import find_person

verify_pages = Blueprint("verify", __name__)


STAFF = frozenset({Role.GUARD, Role.CLERK, Role.ADMINISTRATOR})


def get_staff() -> Person | None:
    """The signed-in guard, clerk or administrator, or None for everybody else."""
    person = find_person()
    return person if person is not None and person.role in STAFF else None
