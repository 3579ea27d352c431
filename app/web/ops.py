"""For operators: liveness and readiness."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.services.readiness import check_readiness
from app.web.shell import get_installation

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@ops.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Everything that a submission needs is there: 200, or 503 with what is not."""
    checks = check_readiness(get_installation())
    is_ready = all(check.is_good for check in checks)
    body = {"status": "ready" if is_ready else "not ready", "checks": {c.name: c.says for c in checks}}
    return jsonify(body), 200 if is_ready else 503
