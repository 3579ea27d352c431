"""What forms about a student carry besides their fields."""

from __future__ import annotations

from flask import request
from werkzeug.exceptions import BadRequest

from app.services.desk.cases import is_nonce
from app.services.staff.item_versions import Form

ASKED_BEFORE = "asked_before"
"""In the session: the id of a request that somebody asked for before, and the reason that was typed and not kept."""


def read_form() -> Form:
    """The version and nonce of the form that was sent. Raises BadRequest for a form that is none of ours."""
    version, nonce = request.form.get("version"), request.form.get("nonce", "")
    if version is not None and not (version.isascii() and version.isdigit() and len(version) < 10):
        raise BadRequest
    if nonce and not is_nonce(nonce):
        raise BadRequest
    return Form(None if version is None else int(version), nonce)
