"""What the browser's session adds to a request, on SQLite: the same small page with and without it."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from flask import Flask, session
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Response

from app.extensions import db
from app.services.clock import get_now
from app.services.sign_in.sessions import replace_session
from app.settings import read_settings
from app.web.session import DatabaseSessionInterface

REQUESTS = 2000
IDENTIFIER = "A" * 43
PERSON = {"number": "TS23000002", "name": "李文静", "role": "student", "college": "计算机科学与技术学院"}
SETTINGS = {
    "service": {"base_url": "http://127.0.0.1:1", "time_zone": "UTC"},
    "session": {"idle_minutes": 30, "absolute_minutes": 480},
}


def run() -> list[tuple[str, str, str]]:
    """Rows of what was measured, the figure, and what was asked of it."""
    with tempfile.TemporaryDirectory() as folder:
        app = _make_app(Path(folder))
        unread, personal = (_measure_difference(app, path) for path in ("/unread", "/personal"))
        with app.app_context():
            db.engine.dispose()
    return [
        ("session: CPU on a page that does not use it, with its cookie", f"{unread:.0f} µs", "0"),
        ("session: CPU on a page that reads it", f"{personal:.0f} µs", "at most 200 µs"),
    ]


def _make_app(folder: Path) -> Flask:
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = f"sqlite:///{folder}/sessions.sqlite3"
    settings = read_settings(SETTINGS, [])
    db.init_app(app)
    with app.app_context():
        db.create_all()
        replace_session(
            None, IDENTIFIER, "TS23000002", {"person": PERSON}, "-", get_now(), settings.session.absolute
        )
    app.session_interface = DatabaseSessionInterface(settings)
    app.add_url_rule("/public", view_func=lambda: "page", endpoint="public")
    app.add_url_rule("/unread", view_func=lambda: "page", endpoint="unread")
    app.add_url_rule("/personal", view_func=lambda: session["person"]["number"], endpoint="personal")
    return app


def _measure_difference(app: Flask, path: str) -> float:
    """What a request with the cookie costs more than the same small page without it: the median of pairs
    that follow each other, in microseconds of this thread's CPU.
    """
    bare = EnvironBuilder("/public").get_environ()
    signed_in = EnvironBuilder(path, headers={"Cookie": f"lixiao_session={IDENTIFIER}"}).get_environ()
    pairs = [(_ask(app, bare), _ask(app, signed_in)) for _ in range(REQUESTS)]
    return median(longer - shorter for shorter, longer in pairs) / 1000


def _ask(app: Flask, environment: dict[str, Any]) -> int:
    begun = time.thread_time_ns()
    Response.from_app(app, dict(environment))
    return time.thread_time_ns() - begun
