"""What a check of the installation finds, and how it is run."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from functools import partial

from app.identity.base import CheckResult, Severity
from app.services.operations.faults import describe_fault

log = logging.getLogger(__name__)

Check = Callable[[], Iterable[CheckResult]]
good, note, fault = (
    partial(CheckResult, severity) for severity in (Severity.FITS, Severity.NOTE, Severity.FAULT)
)


def run_check(area: str, check: Check) -> list[CheckResult]:
    """What a check finds, or why it could not look. The text of an error that nobody foresaw may hold a secret."""
    try:
        return list(check())
    except Exception as error:
        words = describe_fault(error)
        if not words:
            log.error("check failed", extra={"check": area}, exc_info=error)
        return [fault(f"cannot be looked at: {words or 'see the log'}")]
