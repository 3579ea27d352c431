"""The web: parse the request, call one service, render."""

from __future__ import annotations

from flask import Flask

from app.web.desk_codes import desk_codes
from app.web.errors import register_errors
from app.web.language import register_languages, register_templates
from app.web.limits import register_limits
from app.web.mini_app.views import mini_app_pages, notices
from app.web.offices import register_offices
from app.web.ops import ops
from app.web.page_context import register_shell
from app.web.request_metrics import register_request_metrics
from app.web.slips import slip_pages
from app.web.staff import init_staff
from app.web.transport import register_compression, register_headers
from app.web.verify import verify_pages


def init_web(app: Flask) -> None:
    """Bind every page, the shell that they share, their languages, the headers and the error pages."""
    register_request_metrics(app)
    register_shell(app)
    register_languages(app)
    register_offices(app)
    register_templates(app)
    register_limits(app)
    register_headers(app)
    register_compression(app)
    register_errors(app)
    for blueprint in (ops, verify_pages, slip_pages, notices, mini_app_pages, desk_codes):
        app.register_blueprint(blueprint)
    init_staff(app)
