"""What comes back in the callback's query (RFC 6749, 4.1.2)."""

from __future__ import annotations

from collections.abc import Mapping
from hmac import compare_digest

from app.identity.base import SignInRefused, SignInUnavailable


def check_state(query: Mapping[str, str], state: str) -> None:
    """Raise SignInRefused unless the callback answers this very sign-in."""
    if not compare_digest(query.get("state", "").encode(), state.encode()):
        raise SignInRefused("wrong_state")


def read_code(query: Mapping[str, str]) -> str:
    """Take the code. Raises SignInRefused or SignInUnavailable when there is an error instead."""
    error = query.get("error")
    if error in ("temporarily_unavailable", "server_error"):
        raise SignInUnavailable(f"callback:{error}")
    if error is not None:
        raise SignInRefused("denied" if error == "access_denied" else "callback:error")
    if not query.get("code"):
        raise SignInRefused("callback:no_code")
    return query["code"]
