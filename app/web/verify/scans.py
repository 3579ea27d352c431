"""A stranger's scan, answered before Flask begins a request.

Flask's contexts, routing, session and the hooks of its extensions take 75 to 180 µs; the verification itself
takes 50 when the code was seen before. So a GET of `/v/<digits>` without a session's cookie is answered
here, by the same steps as in `show` and with the same page. Everything else goes Flask's way, and so does
what fails here.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import fields
from functools import lru_cache
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

from flask import Flask, g
from markupsafe import escape
from werkzeug.exceptions import SecurityError
from werkzeug.sansio.utils import get_host

from app.domain.slip_code import Verdict
from app.services.clock import get_now
from app.services.verification.issued_codes import PublicSlip, Verification
from app.services.verification.verification import REMEMBERED_SLIPS
from app.web.compression import accepts_gzip
from app.web.headers import CONTENT_SECURITY_POLICY, list_fixed_headers
from app.web.language import ARGUMENT, Language, find_language, show_moment
from app.web.limits import get_retry_after
from app.web.page_context import get_installation, make_request_id
from app.web.session import DatabaseSessionInterface
from app.web.verify.mould import Mould, make_mould
from app.web.verify.show import (
    STATUSES,
    check_code,
    describe_verification,
    log_scan,
    prefers_json,
    render_verification,
)

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

PREFIX = "/v/"
Moulds = dict[tuple[Language, Verdict, bool], Mould]
SLIP_FIELDS = tuple(field.name for field in fields(PublicSlip))


def answer_scans(app: Flask) -> WSGIApplication:
    """The application, with strangers' scans answered here. Goes inside whatever corrects the address."""
    interface = cast("DatabaseSessionInterface", app.session_interface)
    others = app.wsgi_app
    moulds: Moulds = {}

    def answered(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not _is_scan(environ, interface.cookie_name, app.config["TRUSTED_HOSTS"]):
            return others(environ, start_response)
        try:
            with app.app_context():
                status, headers, body = _answer(app, environ, moulds)
        except Exception:  # Flask's way meets it again, and has a page for it
            log.exception("a scan could not be answered by itself")
            return others(environ, start_response)
        start_response(f"{status} {HTTPStatus(status).phrase}", headers)
        return [body]

    return answered


def _is_scan(environ: WSGIEnvironment, cookie_name: str, trusted_hosts: list[str]) -> bool:
    """Whether this is a stranger's GET of a code's digits, at our own host."""
    path: str = environ["PATH_INFO"]
    return (
        environ["REQUEST_METHOD"] == "GET"
        and path.startswith(PREFIX)
        and path.isascii()
        and path[len(PREFIX) :].isdigit()
        and not environ.get("SCRIPT_NAME")
        and ARGUMENT not in environ.get("QUERY_STRING", "")
        and cookie_name not in environ.get("HTTP_COOKIE", "")
        and _is_trusted(environ["wsgi.url_scheme"], environ.get("HTTP_HOST", ""), tuple(trusted_hosts))
    )


@lru_cache(maxsize=256)
def _is_trusted(scheme: str, host: str, trusted_hosts: tuple[str, ...]) -> bool:
    """By the same rule as Flask's requests."""
    try:
        return bool(get_host(scheme, host, None, trusted_hosts))
    except SecurityError:
        return False


def _answer(app: Flask, environ: WSGIEnvironment, moulds: Moulds) -> tuple[int, list[tuple[str, str]], bytes]:
    """Status, headers and body of the verification, which is counted and logged."""
    request_id = g.request_id = make_request_id()
    g.language = find_language(environ)
    address = environ.get("REMOTE_ADDR") or ""
    verification = check_code(environ["PATH_INFO"][len(PREFIX) :], address)
    status = STATUSES.get(verification.verdict, 200)
    headers = [*_list_headers(get_installation().settings.service.is_https), ("X-Request-ID", request_id)]
    if prefers_json(environ.get("HTTP_ACCEPT", "")):
        body = app.json.dumps(describe_verification(verification), separators=(",", ":")).encode() + b"\n"
        headers.append(("Content-Type", "application/json"))
    else:
        is_gzip = accepts_gzip(environ.get("HTTP_ACCEPT_ENCODING", ""))
        body = _get_mould(app, environ, moulds, verification).fill(
            _list_values(verification), is_gzip=is_gzip
        )
        headers.append(("Content-Type", "text/html; charset=utf-8"))
        if is_gzip:
            headers.append(("Content-Encoding", "gzip"))
    headers.append(("Content-Length", str(len(body))))
    if status != HTTPStatus.OK:
        headers.append(("Retry-After", str(get_retry_after())))
    log_scan(verification, None, address)
    return status, headers, body


@lru_cache(maxsize=2)
def _list_headers(is_https: bool) -> list[tuple[str, str]]:
    return [
        ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
        *list_fixed_headers(is_https),
        ("Cache-Control", "no-store"),
        ("Vary", "Accept, Accept-Language, Cookie, Accept-Encoding"),
    ]


def _get_mould(
    app: Flask,
    environ: WSGIEnvironment,
    moulds: Moulds,
    verification: Verification,
) -> Mould:
    """The page of this verdict, with a slip's fields or without, in the language of the request."""
    key = (g.language, verification.verdict, verification.slip is not None)
    if key not in moulds:
        names = [*SLIP_FIELDS, "check_count", "checked_at"] if verification.slip else []
        # The page is for others too, whatever else this address asked for.
        with app.request_context({**environ, "QUERY_STRING": ""}):
            moulds[key] = make_mould(names, lambda marks: _render(verification.verdict, marks))
    return moulds[key]


def _render(verdict: Verdict, marks: Mapping[str, str]) -> str:
    if not marks:
        return render_verification(Verification(verdict), "")
    slip = PublicSlip(**{name: marks[name] for name in SLIP_FIELDS})
    verification = Verification(verdict, slip, check_count=int(marks["check_count"]))
    return render_verification(verification, marks["checked_at"])


def _list_values(verification: Verification) -> dict[str, str]:
    if verification.slip is None:
        return {}
    return {
        **_list_fields(verification.slip),
        "check_count": str(verification.check_count),
        "checked_at": show_moment(get_now()),
    }


@lru_cache(maxsize=REMEMBERED_SLIPS)
def _list_fields(slip: PublicSlip) -> dict[str, str]:
    return {name: escape(getattr(slip, name)) for name in SLIP_FIELDS}
