"""What comes back in the callback's query (RFC 6749, 4.1.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hmac import compare_digest

from app.identity.base import ProviderRefused, SignInRefused, SignInUnavailable

ERROR_CODE = re.compile(r"[A-Za-z0-9_.:/ -]{1,60}")
"""Of RFC 6749's characters (4.1.2.1) those that codes are made of: the rest could be anything, a secret as well."""


def check_state(query: Mapping[str, str], state: str) -> None:
    """Raise SignInRefused unless the callback answers this very sign-in."""
    if not compare_digest(query.get("state", "").encode(), state.encode()):
        raise SignInRefused("wrong_state")


def read_code(query: Mapping[str, str]) -> str:
    """Take the code. Where there is an error instead, raises SignInRefused when the person gave up, else
    SignInUnavailable or ProviderRefused with the provider's own word for it.
    """
    error = query.get("error")
    if error in ("temporarily_unavailable", "server_error"):
        raise SignInUnavailable(f"callback:{error}")
    if error == "access_denied":
        raise SignInRefused("denied")
    if error is not None:
        raise ProviderRefused(f"callback:{error}" if ERROR_CODE.fullmatch(error) else "callback:error")
    if not query.get("code"):
        raise SignInRefused("callback:no_code")
    return query["code"]
