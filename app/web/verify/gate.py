"""The gate's page, an installable page that checks slips without a network and sends its scans afterwards, and what anybody
may fetch to verify slips: public keys and the signed status list.

Anybody may load it: it holds nothing of a person. Its scans are taken from signed-in guards and clerks only.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from app.domain.keys import NoSigningKey
from app.domain.slip_code import Verdict
from app.services.slips.signing_keys import SlipKeyError
from app.services.verification.scan_log import OfflineScan, record_offline_scans
from app.services.verification.status_list import get_status_list
from app.web.auth.access import find_account
from app.web.language import ARGUMENT, get_language, gettext, render_template
from app.web.limits import get_address
from app.web.page_context import get_emblem_url, get_installation, get_static_url
from app.web.transport import CONTENT_SECURITY_POLICY
from app.web.verify.verdicts import TEXTS, get_staff, verify_pages

MOST_AT_ONCE = 100
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,400}", re.ASCII)


class MalformedScans(ValueError):
    """The body is not what the gate's page sends."""


def parse_scans(body: bytes) -> list[OfflineScan]:
    """The checks of `{"checks": [{id, code, verdict, checked_at}]}`, 100 at most. Raises MalformedScans."""
    try:
        checks = json.loads(body)["checks"]
        if not isinstance(checks, list) or len(checks) > MOST_AT_ONCE:
            raise MalformedScans("checks")
        return [_parse_scan(item) for item in checks]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedScans(type(error).__name__) from error


def _parse_scan(item: Any) -> OfflineScan:
    if not _ID.fullmatch(item["id"]) or not _DIGITS.fullmatch(item["code"]):
        raise MalformedScans("id or code")
    checked_at = datetime.fromisoformat(item["checked_at"])
    if checked_at.tzinfo is None:
        raise MalformedScans("checked_at")
    return OfflineScan(item["id"], item["code"], Verdict(item["verdict"]), checked_at)


POLICY = f"{CONTENT_SECURITY_POLICY}; manifest-src 'self'; worker-src 'self'"
MODULES = (
    "gate.js",
    "gate-camera.js",
    "gate-code.js",
    "gate-sender.js",
    "gate-status.js",
    "gate-store.js",
)
STYLES_AND_PICTURES = ("gate.css", "gate-icon.svg")


@verify_pages.get("/gate")
def gate() -> ResponseReturnValue:
    """The page."""
    return _publish(_render_page(), "text/html")


@verify_pages.get("/gate/manifest.webmanifest")
def gate_manifest() -> ResponseReturnValue:
    """What a browser needs to install the page."""
    manifest = {
        "name": gettext("离校单门岗核验"),
        "short_name": gettext("门岗核验"),
        "lang": get_language().code,
        "start_url": url_for(".gate"),
        "scope": url_for(".gate"),
        "display": "standalone",
        "background_color": "#f3f5f8",
        "theme_color": get_installation().settings.service.colours.head,
        "icons": [{"src": get_static_url("gate-icon.svg"), "sizes": "any", "type": "image/svg+xml"}],
    }
    return _publish(json.dumps(manifest, ensure_ascii=False), "application/manifest+json")


@verify_pages.get("/gate/worker.js")
def gate_worker() -> ResponseReturnValue:
    """The service worker: the list of files, whose version changes with any of them, and how they are kept."""
    files = [url_for(".gate"), url_for(".gate_manifest")]
    files += [get_static_url(name) for name in STYLES_AND_PICTURES]
    files += [url for url in (get_emblem_url(),) if url]
    files += [url_for("static", filename=name) for name in MODULES]
    script = get_static_url("gate-worker.js")
    body = f"const VERSION = {json.dumps(_get_version())};\nconst FILES = {json.dumps(files)};\n"
    body += f"const LANGUAGE = {json.dumps(ARGUMENT)};\n"
    response = _publish(f'{body}importScripts("{script}");\n', "text/javascript")
    response.headers["Service-Worker-Allowed"] = url_for(".gate")
    return response


@verify_pages.get("/gate/session")
def gate_session() -> ResponseReturnValue:
    """Whether this browser may send checks, and the token to send them with."""
    staff = get_staff()
    return jsonify({"may_send": True, "csrf_token": generate_csrf()} if staff else {"may_send": False})


@verify_pages.get("/gate/account")
def gate_account() -> ResponseReturnValue:
    """Who is signed in in this browser, and the token to sign out with; empty where nobody is. The page is kept
    by the browser and cannot say so itself.
    """
    account = find_account()
    return jsonify({"account": asdict(account), "csrf_token": generate_csrf()} if account else {})


@verify_pages.post("/gate/checks")
def gate_scans() -> ResponseReturnValue:
    """Take in checks of a signed-in guard or clerk, each id once: `{"checks": [{id, code, verdict,
    checked_at}]}` with times in ISO 8601. Answers `{"known": [ids]}`: those may be forgotten by the gate.
    """
    staff = get_staff()
    if staff is None:
        return jsonify(error="NotStaff"), 403
    try:
        checks = parse_scans(request.get_data())
    except MalformedScans as error:
        return jsonify(error="MalformedChecks", detail=str(error)), 422
    record_offline_scans(get_installation(), checks, address=get_address())
    return jsonify(known=[check.offline_id for check in checks])


def _render_page() -> str:
    settings = get_installation().settings
    data = {
        "host": settings.service.host,
        "base-url": settings.service.base_url,
        "time-zone": settings.service.time_zone.key,
        "list-hours": settings.slip.status_list_hours,
        "keys-url": url_for(".slip_keys"),
        "list-url": url_for(".slip_status"),
        "session-url": url_for(".gate_session"),
        "account-url": url_for(".gate_account"),
        "checks-url": url_for(".gate_scans"),
        "worker": url_for(".gate_worker"),
    }
    return render_template("verify/gate.html", data=data, texts=TEXTS)


def _publish(body: str, mimetype: str) -> Response:
    response = Response(body, mimetype=mimetype)
    response.headers["Cache-Control"] = "no-cache"
    response.headers["Content-Security-Policy"] = POLICY
    response.add_etag()
    response.make_conditional(request)
    return response


def _get_version() -> str:
    digest = hashlib.sha256(_render_page().encode())
    for name in MODULES:
        digest.update((Path(current_app.static_folder or "") / name).read_bytes())
    return digest.hexdigest()[:16]


KEPT_SECONDS = 60

log = logging.getLogger(__name__)


@verify_pages.get("/.well-known/slip-keys.json")
def slip_keys() -> ResponseReturnValue:
    """The public keys as a JSON Web Key Set."""
    return _publish_document(lambda: get_installation().slip_keys.current().ring.to_jwks())


@verify_pages.get("/.well-known/slip-status")
def slip_status() -> ResponseReturnValue:
    """The signed status list: which codes were issued, and which of them no longer count."""
    return _publish_document(lambda: get_status_list(get_installation()))


def _publish_document(make: Callable[[], Any]) -> Response:
    try:
        response = jsonify(make())
    except (SlipKeyError, NoSigningKey):
        log.exception("keys cannot be used", extra={"endpoint": request.endpoint})
        abort(503)
    response.cache_control.public = True
    response.cache_control.max_age = KEPT_SECONDS
    response.add_etag()
    response.make_conditional(request)
    return response
