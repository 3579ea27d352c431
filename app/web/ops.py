"""For operators: liveness and readiness."""

from __future__ import annotations

from flask import Blueprint, jsonify
from flask.typing import ResponseReturnValue

from app.services.readiness import check_readiness, describe_departments
from app.web.shell import get_installation

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@ops.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Everything that a submission needs is there: 200, or 503 with what is not; beside it, for
    information, how the departments do.
    """
    installation = get_installation()
    checks = check_readiness(installation)
    is_ready = all(check.is_good for check in checks)
    body = {
        "status": "ready" if is_ready else "not ready",
        "checks": {check.name: check.says for check in checks},
        **describe_departments(installation),
    }
    return jsonify(body), 200 if is_ready else 503
