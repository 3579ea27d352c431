"""For operators: liveness, readiness and metrics."""

from __future__ import annotations

from hmac import compare_digest

from flask import Blueprint, Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from app.metrics import CONTENT_TYPE, export_metrics
from app.services.installation import describe_departments
from app.services.operations.readiness import check_readiness
from app.services.operations.state_metrics import describe_state
from app.version import VERSION
from app.web.page_context import get_installation

ops = Blueprint("ops", __name__)


@ops.get("/healthz")
def healthz() -> ResponseReturnValue:
    """The process answers."""
    return jsonify(status="ok")


@ops.get("/readyz")
def readyz() -> ResponseReturnValue:
    """Everything that a submission needs is there: 200, or 503 with what is not; beside it, for
    information, which version and commit run and how the departments do.
    """
    installation = get_installation()
    checks = check_readiness(installation)
    is_ready = all(check.is_good for check in checks)
    body = {
        "status": "ready" if is_ready else "not ready",
        "version": VERSION,
        "commit": installation.settings.service.commit or "unknown",
        "checks": {check.name: check.message for check in checks},
        **describe_departments(installation),
    }
    return jsonify(body), 200 if is_ready else 503


@ops.get("/metrics")
def metrics() -> ResponseReturnValue:
    """Prometheus, for who sends `Authorization: Bearer <[service] metrics_token>`; without a token set there
    is no such page.
    """
    token = get_installation().settings.service.metrics_token
    if not token:
        abort(404)
    shown = request.headers.get("Authorization", "").removeprefix("Bearer ")
    if not compare_digest(shown.encode(), token.encode()):
        return Response(status=401, headers={"WWW-Authenticate": "Bearer"})
    return Response(export_metrics(describe_state(get_installation())), content_type=CONTENT_TYPE)
