"""Whether a submission finds what it needs: the checks of `/readyz`. They are quick and ask nobody else, and their
words are public.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from functools import partial

from app.identity.base import Severity
from app.services.installation import Installation
from app.services.operations.checkpoint_checks import check_checkpoints
from app.services.operations.database_checks import check_migration
from app.services.operations.findings import Check, run_check
from app.services.operations.row_checks import check_rows
from app.services.operations.slip_checks import check_characters, check_issued_keys, check_signing

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Readiness:
    """What a submission needs, by one name; `message` is all that was found."""

    name: str
    is_good: bool
    message: str


def check_readiness(installation: Installation) -> list[Readiness]:
    """Look at the database and its migration head, the signing key, the codes of rows that decide, the fonts, the keys that signed, and the
    checkpoints. Raises nothing.
    """
    checks: dict[str, Check] = {
        "database": check_migration,
        "slip_key": partial(check_signing, installation),
        "rows": partial(check_rows, installation),
        "fonts": check_characters,
        "issued_keys": partial(check_issued_keys, installation),
        "checkpoints": partial(check_checkpoints, installation),
    }
    return [sum_up for name, check in checks.items() if (sum_up := _sum_up(name, check)) is not None]


def _sum_up(name: str, check: Check) -> Readiness | None:
    findings = run_check(name, check)
    if not findings:
        return None
    is_good = all(finding.fit is not Severity.FAULT for finding in findings)
    readiness = Readiness(name, is_good, "; ".join(finding.message for finding in findings))
    if not is_good:
        log.error("not ready", extra={"check": name, "reason": readiness.message})
    return readiness
