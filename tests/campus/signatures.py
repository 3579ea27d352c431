"""The two signatures that department systems ask for, and the freshness both of them need."""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Mapping

WINDOW_SECONDS = 300
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def sign_md5(fields: Mapping[str, str], secret: str) -> str:
    """Return the upper-case hex MD5 of all fields sorted by name as `a=1&b=2`, followed by `&key=<secret>`."""
    text = "&".join(f"{name}={fields[name]}" for name in sorted(fields)) + f"&key={secret}"
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest().upper()


def sign_hmac(app_id: str, timestamp: str, nonce: str, student: str, secret: str) -> str:
    """Return the lower-case hex HMAC-SHA256 of the four values joined by newlines."""
    message = f"{app_id}\n{timestamp}\n{nonce}\n{student}"
    return hmac.new(secret.encode(), message.encode(), hashlib.sha256).hexdigest()


def is_fresh(timestamp: str) -> bool:
    """Tell whether unix seconds in a string lie within 300 s of now."""
    return _TIMESTAMP.fullmatch(timestamp) is not None and abs(time.time() - int(timestamp)) <= WINDOW_SECONDS


def is_same(given: str, expected: str) -> bool:
    """Compare two secrets in constant time."""
    return hmac.compare_digest(given.encode(), expected.encode())
