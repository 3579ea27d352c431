"""What every page shares: the request's id, the names that the layouts use, and the addresses of pages and files.

Addresses are remembered: a page names a dozen, and most of them never change. The colours stand in the stylesheets as
they are by default, as variables and as what old browsers take instead; another university's are put in their places
once, at the start, and so is what one stylesheet imports of another.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

from flask import Flask, Response, current_app, g, request
from flask import url_for as build_url
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from werkzeug.routing import BaseConverter, ValidationError

from app.domain.colours import Colours
from app.services.installation import Installation
from app.settings.emblem import KINDS, Emblem

MOST_READ = 1024
"""Characters of a header that are read: it may be as long as the server takes, and what is remembered by it would be so a
thousand times.
"""


def get_header(name: str) -> str:
    """What the request says in this header, as far as it is read; nothing where it has none."""
    return request.headers.get(name, "")[:MOST_READ]


def url_for(endpoint: str, **values: Any) -> str:
    """As Flask's, which builds the address anew each time. Takes whole endpoints, not those that begin with a dot."""
    return _build_url(request.root_path, endpoint, tuple(values.items()))


@lru_cache(maxsize=512)
def _build_url(_root: str, endpoint: str, values: tuple[tuple[str, Any], ...]) -> str:
    return build_url(endpoint, **dict(values))


_IMPORT = re.compile(r'@import "([a-z]+\.css)";')
"""Resolved at the start: a page loads one stylesheet."""
DEFAULT = Colours()
SOFT, SOFT_DARK = "#e8f0f9", "#1b2d43"
KEPT_FOR_EVER = "public, max-age=31536000, immutable"
"""Of a static file under the hash of its content, and of nothing else: under any other address it is asked for again each
time, since another release, perhaps still running beside this one, has other content there.
"""


def register_static_files(app: Flask, colours: Colours, emblem: Emblem | None) -> None:
    """Serve static files, the stylesheets in these colours, and the university's emblem, where there is one."""
    folder = Path(app.static_folder or "")
    made = {name: (text, "text/css; charset=utf-8") for name, text in _prepare(folder, colours).items()}
    if emblem:
        made[f"emblem{emblem.suffix}"] = (emblem.content, KINDS[emblem.suffix])
    get_version = cache(lambda name: _hash(made[name][0]) if name in made else _hash_file(folder / name))
    app.extensions["static_version"] = get_version

    def serve(filename: str) -> ResponseReturnValue:
        is_made = filename in made
        response = _send_made(*made[filename]) if is_made else app.send_static_file(filename)
        claimed = request.args.get("v")
        is_hashed = claimed and claimed == (
            get_version(filename) if is_made else _hash_file(folder / filename)
        )
        response.headers["Cache-Control"] = KEPT_FOR_EVER if is_hashed else "no-cache"
        return response

    app.view_functions["static"] = serve


def _send_made(body: bytes, content_type: str) -> Response:
    response = Response(body, content_type=content_type)
    response.add_etag()
    response.make_conditional(request)
    return response


def get_static_url(name: str) -> str:
    """The address of a static file, which changes with its content and may be kept for ever."""
    return url_for("static", filename=name, v=current_app.extensions["static_version"](name))


def _prepare(folder: Path, colours: Colours) -> dict[str, bytes]:
    """The stylesheets by name, as they are served."""
    texts = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.css")}
    found = {name: _import(text, texts) for name, text in texts.items()}
    if colours != DEFAULT:
        found = {name: _apply_colours(text, colours) for name, text in found.items()}
    return {name: _minify(text).encode() for name, text in found.items()}


def _import(text: str, texts: Mapping[str, str]) -> str:
    """A stylesheet with those that it imports in their places."""
    return _IMPORT.sub(lambda found: _import(texts[found[1]], texts), text)


def _apply_colours(text: str, colours: Colours) -> str:
    places = {
        DEFAULT.head: colours.head,
        DEFAULT.head_dark: colours.head_dark,
        DEFAULT.accent: colours.accent,
        DEFAULT.accent_dark: colours.accent_dark,
        SOFT: colours.accent_soft,
        SOFT_DARK: colours.accent_soft_dark,
    }
    for old, new in places.items():
        text = text.replace(old, new.upper())  # capital letters: not taken for a place itself
    return text


def _minify(text: str) -> str:
    """A stylesheet without comments, spaces around its marks, and last semicolons: a tenth less to send."""
    without_lines = re.sub(r"/\*.*?\*/|\n\s*", "", text, flags=re.DOTALL)
    tight = re.sub(r" *([{};,]) *|(?<=[a-z]): +", lambda found: found[1] or ":", without_lines)
    return tight.replace(";}", "}")


def _hash_file(path: Path) -> str:
    state = path.stat()
    return _hash_written(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _hash_written(path: Path, _written_at: int, _bytes: int) -> str:
    """Of a file as it was written last: an upgrade may put another in its place while this process runs."""
    return _hash(path.read_bytes())


def _hash(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()[:12]


MAX_FORM_BYTES = 64 * 1024
UPLOADS: dict[str | None, int] = {}
"""The bytes of a file that a form may bring, by its endpoint: set before the form is read for its token."""
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
    service = app.extensions["installation"].settings.service
    register_static_files(app, service.colours, service.emblem_file)
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
    elif request.endpoint in UPLOADS:
        request.max_content_length = UPLOADS[request.endpoint] + MAX_FORM_BYTES


def _describe_shell() -> dict[str, Any]:
    installation = get_installation()
    service = installation.settings.service
    return {
        "emblem_url": get_emblem_url(),
        "help_paths": _list_help_paths(installation),
        "head_colour": service.colours.head,
        "host": service.host,
        "request_id": g.get("request_id", ""),
    }


def get_emblem_url() -> str:
    """The address of the university's emblem; empty where none is configured."""
    emblem = get_installation().settings.service.emblem_file
    return get_static_url(f"emblem{emblem.suffix}") if emblem else ""


def _list_help_paths(installation: Installation) -> tuple[str, ...]:
    """The mini-apps whose questions and notice a page leads to: its own, or else all that there are."""
    own = (request.view_args or {}).get("app_path", "")
    return (own,) if own else tuple(installation.mini_apps)
