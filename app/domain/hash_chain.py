"""Hash chains 哈希链: entries that are only ever added, each with a hash that covers the one before it.

Who keeps one old hash sees that the past was changed (the idea is RFC 9162's). The audit events and the issued log
are such chains; `app.models.chain` keeps them.

Canonical JSON: sorted keys, no spaces, UTF-8 text as it is, moments in ISO 8601 and UTC.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

START = "0" * 64
"""What the first entry follows."""


def get_hash(content: Mapping[str, Any], previous: str = "") -> str:
    """SHA-256, in hex, of the canonical JSON of `content`, behind the previous hash where the content does not hold it.

    Raises TypeError on a value that is neither JSON nor a moment.
    """
    return hashlib.sha256(previous.encode() + encode_canonically(content)).hexdigest()


def encode_canonically(content: Mapping[str, Any]) -> bytes:
    """The canonical JSON of `content`. Raises TypeError on a value that is neither JSON nor a moment."""
    text = json.dumps(
        content, default=datetime.isoformat, ensure_ascii=False, sort_keys=True, separators=(",", ":")
    )
    return text.encode()
