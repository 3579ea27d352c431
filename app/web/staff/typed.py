"""What somebody typed into a form of staff that came to nothing, as a page gives it back to be copied."""

from __future__ import annotations

from collections.abc import Mapping

from flask import request

from app.web.auth.access import find_lost_text
from app.web.error_texts import FIELDS
from app.web.language import show_mini_app
from app.web.page_context import get_installation

Typed = tuple[tuple[str, str], ...]


def name_typed(typed: Mapping[str, str]) -> Typed:
    """The texts that people type, under the names that their fields have on the pages."""
    return tuple(
        (str(FIELDS[name]), _name_reason(value) if name == "reason" else value)
        for name, value in typed.items()
        if name in FIELDS and value
    )


def list_lost() -> Typed:
    """The same of the form whose session ended before it was sent, on the page after the sign-in."""
    return name_typed(find_lost_text())


def _name_reason(typed: str) -> str:
    """What a reason says that was chosen at a counter; another as it was typed."""
    places = request.view_args or {}
    installed = get_installation().mini_apps.get(places.get("app", ""))
    step = show_mini_app(installed).mini_app.get_step(places.get("step", "")) if installed else None
    chosen = step.get_desk_reason(typed) if step else None
    return chosen.message if chosen else typed
