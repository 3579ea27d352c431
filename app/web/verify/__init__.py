"""Verification 核验 for anyone: the page that a slip's QR opens, and the public keys."""

from __future__ import annotations

from dataclasses import asdict

from flask import Blueprint, jsonify, render_template, request
from flask.typing import ResponseReturnValue

from app.domain.slip_code import Verdict
from app.extensions import limiter
from app.services.verification import Verification, verify_code
from app.web.shell import get_installation
from app.web.verify.verdicts import describe_verdict

verify_pages = Blueprint("verify", __name__)

STATUSES = {Verdict.STATUS_UNKNOWN: 503, Verdict.RATE_LIMITED: 429}


def _get_limit() -> str:
    return get_installation().settings.rate_limit.verification


@verify_pages.get("/v/<path:code>")
@limiter.limit(_get_limit)
def verify(code: str) -> ResponseReturnValue:
    """The verdict on a code, as a page, or as JSON for `Accept: application/json`."""
    return show_verification(verify_code(get_installation(), code))


def show_verification(verification: Verification) -> ResponseReturnValue:
    """A verification as the page or the JSON that the client prefers."""
    status = STATUSES.get(verification.verdict, 200)
    slip = verification.slip
    if request.accept_mimetypes.best_match(("text/html", "application/json")) == "application/json":
        return jsonify({"verdict": verification.verdict, **(asdict(slip) if slip else {})}), status
    text = describe_verdict(verification.verdict)
    page = render_template("verify/verdict.html", verdict=verification.verdict, text=text, slip=slip)
    return page, status, {"Vary": "Accept"}


@verify_pages.get("/.well-known/slip-keys.json")
def slip_keys() -> ResponseReturnValue:
    """The public keys as a JSON Web Key Set."""
    return jsonify(get_installation().slip_keys.current().ring.to_jwks())
