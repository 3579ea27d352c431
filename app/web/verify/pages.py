"""The blueprint that the views of verification share."""

from __future__ import annotations

from flask import Blueprint

verify_pages = Blueprint("verify", __name__)
