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
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from flask import Response, abort, current_app, jsonify, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from app.domain.errors import BelowCheckpoint
from app.domain.keys import NoSigningKey
from app.domain.slip_code import Verdict, format_short_code
from app.services.slips.signing_keys import SlipKeyError
from app.services.verification.scan_log import OfflineScan, record_offline_scans
from app.services.verification.status_list import SeenList, compare_with_log, get_status_list
from app.web.auth.access import find_account
from app.web.language import ARGUMENT, get_language, gettext, render_template
from app.web.limits import get_address
from app.web.page_context import get_emblem_url, get_installation, get_static_url
from app.web.transport import CONTENT_SECURITY_POLICY
from app.web.verify.verdicts import TEXTS, get_staff, verify_pages

MOST_AT_ONCE = 100
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_SLIP_ID = re.compile(r"[0-9a-f]{20}", re.ASCII)


class MalformedScans(ValueError):
    """The body is not what the gate's page sends."""


@dataclass(frozen=True, slots=True)
class SentScans:
    """What a gate sends: scans that the service has not seen, and the newest status list that it ever saw."""

    scans: tuple[OfflineScan, ...]
    seen: SeenList | None


def parse_scans(body: bytes) -> SentScans:
    """`{"checks": [{id, slip_id, verdict, checked_at}], "seen": {counter, issued_at}}`: 100 checks at most, `slip_id`
    20 hexadecimal digits or null, times in ISO 8601; `seen` may be missing or null. Raises MalformedScans.
    """
    try:
        sent = json.loads(body)
        checks, seen = sent["checks"], sent.get("seen")
        if not isinstance(checks, list) or len(checks) > MOST_AT_ONCE:
            raise MalformedScans("checks")
        scans = tuple(_parse_scan(item) for item in checks)
        return SentScans(scans, None if seen is None else _parse_seen(seen))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedScans(type(error).__name__) from error


def _parse_scan(item: Any) -> OfflineScan:
    slip_id = item["slip_id"]
    if not _ID.fullmatch(item["id"]) or not (slip_id is None or _SLIP_ID.fullmatch(slip_id)):
        raise MalformedScans("id or slip_id")
    code = format_short_code(bytes.fromhex(slip_id)) if slip_id else None
    return OfflineScan(item["id"], code, Verdict(item["verdict"]), _parse_moment(item["checked_at"]))


def _parse_seen(seen: Any) -> SeenList:
    counter = seen["counter"]
    if type(counter) is not int:
        raise MalformedScans("counter")
    return SeenList(counter, _parse_moment(seen["issued_at"]))


def _parse_moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise MalformedScans("a moment without its zone")
    return moment


POLICY = f"{CONTENT_SECURITY_POLICY}; manifest-src 'self'; worker-src 'self'"
MODULES = (
    "gate.js",
    "gate-clock.js",
    "gate-code.js",
    "gate-judge.js",
    "gate-list.js",
    "gate-sender.js",
    "gate-service.js",
    "gate-signature.js",
    "gate-store.js",
    "gate-text.js",
    "gate-view.js",
    "qr-camera.js",
    "qr-reader.js",
    "vendor/noble-ed25519.js",
    "vendor/pako-inflate.js",
)
DECODER = ("qr-decoder.js", "vendor/zxing-wasm-reader.js", "vendor/zxing_reader.wasm")
"""The decoder's own part, its program and its binary; kept apart, since they weigh more than all the rest."""
DECODER_POLICY = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'"
"""WebAssembly is compiled in the decoder's worker alone, which has a policy of its own (CSP Level 3, 4.2.2, 6.1.17)."""
OLD_DECODER_POLICY = DECODER_POLICY.replace("'wasm-unsafe-eval'", "'wasm-unsafe-eval' 'unsafe-eval'")
"""For browsers from before that word (Chromium 97, Safari 16), which take the wider one for it."""
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
    decoder = url_for(".gate_decoder")
    later = [decoder, f"{decoder}?for=old", *map(get_static_url, DECODER)]
    body += f"const LATER = {json.dumps(later)};\nconst LANGUAGE = {json.dumps(ARGUMENT)};\n"
    response = _publish(f'{body}importScripts("{script}");\n', "text/javascript")
    response.headers["Service-Worker-Allowed"] = url_for(".gate")
    return response


@verify_pages.get("/gate/decoder.js")
def gate_decoder() -> ResponseReturnValue:
    """The worker that finds QR codes in pictures, for this page and `/verify`; `?for=old` for older browsers."""
    own, program, binary = map(get_static_url, DECODER)
    body = f"const DECODER = {json.dumps(program)};\nconst WASM = {json.dumps(binary)};\n"
    response = _publish(f'{body}importScripts("{own}");\n', "text/javascript")
    is_old = request.args.get("for") == "old"
    response.headers["Content-Security-Policy"] = OLD_DECODER_POLICY if is_old else DECODER_POLICY
    return response


@verify_pages.get("/gate/session")
def gate_session() -> ResponseReturnValue:
    """Who is signed in in this browser, which is kept and cannot say so itself; whether that person may send scans,
    and the token to send them and to sign out with.
    """
    account = find_account()
    if account is None:
        return jsonify({"may_send": False})
    told = {"account": asdict(account), "csrf_token": generate_csrf(), "may_send": get_staff() is not None}
    return jsonify(told)


@verify_pages.post("/gate/checks")
def gate_scans() -> ResponseReturnValue:
    """Take in scans of a signed-in guard or clerk, each id once, as `parse_scans` reads them. Answers
    `{"known": [ids]}`: those may be forgotten by the gate.
    """
    staff = get_staff()
    if staff is None:
        return jsonify(error="NotStaff"), 403
    try:
        sent = parse_scans(request.get_data())
    except MalformedScans as error:
        return jsonify(error="MalformedChecks", detail=str(error)), 422
    if sent.seen:
        compare_with_log(get_installation(), sent.seen)
    record_offline_scans(get_installation(), sent.scans, address=get_address())
    return jsonify(known=[scan.offline_id for scan in sent.scans])


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
        "enter-url": url_for(".enter"),
        "checks-url": url_for(".gate_scans"),
        "worker": url_for(".gate_worker"),
        "decoder": url_for(".gate_decoder"),
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
    for name in (*MODULES, *DECODER):
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
    except BelowCheckpoint:
        log.error("the issued log has gone back", extra={"endpoint": request.endpoint})
        abort(503)
    response.cache_control.public = True
    response.cache_control.max_age = KEPT_SECONDS
    response.add_etag()
    response.make_conditional(request)
    return response
