"""The front page: what the departments hold, their faults, and the calls they received."""

from __future__ import annotations

from flask import Blueprint

from tests.campus.state import State


def create_pages(state: State) -> Blueprint:
    """Return the front page and its forms."""
    return Blueprint("pages", __name__)
