"""What every page shares: the request's id, and the names that the layouts use."""

from __future__ import annotations

import random
from typing import Any, cast
from urllib.parse import quote

from flask import Flask, current_app, g, request
from flask_wtf.csrf import generate_csrf
from werkzeug.routing import BaseConverter, ValidationError

from app.services.installation import Installation
from app.web.addresses import url_for
from app.web.static_files import get_static_url, register_stylesheets

MAX_FORM_BYTES = 64 * 1024
MAX_FORM_MEMORY_BYTES = 4 * MAX_FORM_BYTES
"""Of one text in a form with files. Werkzeug counts what it holds of a file, too: more than the 64 KiB that it reads at once."""


class PlainConverter(BaseConverter):
    """A part of an address without control characters: no address of ours has any, and PostgreSQL takes no
    NUL in a text.
    """

    regex = r"[^/\x00-\x1f\x7f]+"


class AnyTextConverter(BaseConverter):
    """All that is left of an address, whatever it holds: what is no slip's code gets a verdict like every code."""

    part_isolating = False
    regex = r"[\s\S]+"


class MiniAppConverter(PlainConverter):
    """The part of an address that names an installed mini-app."""

    def to_python(self, value: str) -> str:
        """The name itself. Raises ValidationError, which means that there is no such page."""
        if value not in get_installation().mini_apps:
            raise ValidationError
        return value


def get_installation() -> Installation:
    """The installation that this application serves."""
    return cast("Installation", current_app.extensions["installation"])


def register_shell(app: Flask) -> None:
    """Give each request an id and each template the shell's names."""
    app.url_map.converters |= {
        "any_text": AnyTextConverter,
        "default": PlainConverter,
        "mini_app": MiniAppConverter,
    }
    # Flask would lead to the merged address with the host that the client named.
    app.url_map.merge_slashes = False
    register_stylesheets(app, app.extensions["installation"].settings.service.colours)
    app.before_request(_start_request)
    app.context_processor(_describe_shell)
    app.jinja_env.globals |= {"static_url": get_static_url, "url_for": url_for}


def find_page_above(path: str) -> str:
    """The nearest address at or above a path that answers GET: where the form came from that was sent there."""
    addresses = current_app.create_url_adapter(request)
    while addresses is not None and path not in ("", "/") and not addresses.test(path, "GET"):
        path = path.rstrip("/").rpartition("/")[0]
    return quote(path or "/")


def get_csrf_token() -> str:
    """The token of this request's forms."""
    token: str = g.get("csrf_token") or generate_csrf()
    return token


def make_request_id() -> str:
    """What a request is called in its answer and in the log: 16 hexadecimal digits. A name and no secret, so that
    it need not cost a call of the system.
    """
    return f"{random.getrandbits(64):016x}"


def _start_request() -> None:
    g.request_id = make_request_id()
    if request.mimetype == "application/x-www-form-urlencoded":
        request.max_content_length = MAX_FORM_BYTES


def _describe_shell() -> dict[str, Any]:
    installation = get_installation()
    service = installation.settings.service
    return {
        "help_path": _find_help_path(installation),
        "head_colour": service.colours.head,
        "host": service.host,
        "request_id": g.get("request_id", ""),
    }


def _find_help_path(installation: Installation) -> str:
    """The mini-app whose questions and notice a page leads to: its own, or else the only one that there is."""
    own = (request.view_args or {}).get("app_path", "")
    return own or (next(iter(installation.mini_apps)) if len(installation.mini_apps) == 1 else "")
