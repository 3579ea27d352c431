"""Searches of staff, kept in the session under a short key: no address names a student, and Back and the next page keep what
was searched for.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from flask import request, session

ARGUMENT = "s"
KEPT = 20
"""Searches of a session; the oldest goes first."""
SIGNS = "23456789abcdefghjkmnpqrstvwxyz"
KEY_LENGTH = 4
_NAME = "staff_searches"


def keep_search(values: Mapping[str, str]) -> str:
    """Keep what was searched for; returns its key, the same for the same."""
    kept: dict[str, dict[str, str]] = dict(session.get(_NAME, {}))
    wanted = dict(values)
    key = next((key for key, each in kept.items() if each == wanted), "")
    while not key or (key in kept and kept[key] != wanted):
        key = "".join(secrets.choice(SIGNS) for _ in range(KEY_LENGTH))
    kept.pop(key, None)
    kept[key] = wanted
    session[_NAME] = dict(list(kept.items())[-KEPT:])
    return key


def find_search() -> dict[str, str] | None:
    """What was searched for under the key of this address, or None where there is none, or it is not kept any more."""
    found: dict[str, str] | None = session.get(_NAME, {}).get(request.args.get(ARGUMENT, ""))
    return found
