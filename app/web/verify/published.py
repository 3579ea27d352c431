"""What anybody may fetch to verify slips without asking this service: public keys and status list."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

from flask import Response, abort, jsonify, request
from flask.typing import ResponseReturnValue

from app.domain.keys import NoSigningKey
from app.services.slips.signing_keys import SlipKeyError
from app.services.verification.status_list import get_status_list
from app.web.page_context import get_installation
from app.web.verify.pages import verify_pages

KEPT_SECONDS = 60

log = logging.getLogger(__name__)


@verify_pages.get("/.well-known/slip-keys.json")
def slip_keys() -> ResponseReturnValue:
    """The public keys as a JSON Web Key Set."""
    return _publish(lambda: get_installation().slip_keys.current().ring.to_jwks())


@verify_pages.get("/.well-known/slip-status")
def slip_status() -> ResponseReturnValue:
    """The signed status list: which codes were issued, and which of them no longer count."""
    return _publish(lambda: get_status_list(get_installation()))


def _publish(make: Callable[[], Any]) -> Response:
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
