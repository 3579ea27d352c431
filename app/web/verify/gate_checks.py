"""The checks that a gate sends: parsed and bounded."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

from app.domain.slip_code import Verdict
from app.services.offline_checks import OfflineCheck

MOST_AT_ONCE = 100
_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_DIGITS = re.compile(r"[0-9]{1,400}", re.ASCII)


class MalformedChecks(ValueError):
    """The body is not what the gate's page sends."""


def parse_checks(body: bytes) -> list[OfflineCheck]:
    """The checks of `{"checks": [{id, code, verdict, checked_at}]}`, 100 at most. Raises MalformedChecks."""
    try:
        checks = json.loads(body)["checks"]
        if not isinstance(checks, list) or len(checks) > MOST_AT_ONCE:
            raise MalformedChecks("checks")
        return [_parse_check(item) for item in checks]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedChecks(type(error).__name__) from error


def _parse_check(item: Any) -> OfflineCheck:
    if not _ID.fullmatch(item["id"]) or not _DIGITS.fullmatch(item["code"]):
        raise MalformedChecks("id or code")
    checked_at = datetime.fromisoformat(item["checked_at"])
    if checked_at.tzinfo is None:
        raise MalformedChecks("checked_at")
    return OfflineCheck(item["id"], item["code"], Verdict(item["verdict"]), checked_at)
