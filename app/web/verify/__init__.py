"""Verification 核验: the page that a slip's QR opens, entry by hand, photo or file, the gate's page for places
without a network, and the published keys and status list.
"""

from __future__ import annotations

from app.web.verify import enter, gate, show
from app.web.verify.verdicts import verify_pages

__all__ = ["enter", "gate", "show", "verify_pages"]
