"""What a browser keeps for the service while nobody is signed in: each value sealed in a cookie of its own, so that tabs
that begin at the same time do not overwrite each other's, and nothing is stored here for strangers.

Attempts to sign in share five numbered cookies, of whose free ones each takes one by chance: however many begin at the
same moment, a browser sends no more than that. Cookies with an age outlive the moment in which a phone puts its web
view away, which those of a session may not.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from flask import Response

from app.services.sign_in.seal import Seal, Sealed
from app.services.sign_in.sign_in import ARRIVED, MAX_PENDING, PENDING
from app.services.sign_in.used_once import use_once, use_vouched, vouch

KEPT_SECONDS = 30 * 60
"""An attempt is good for ten minutes; who comes back later is told so, and led to the page that was asked for."""
MAX_TOTAL = 3_800
"""Characters of all values together, beyond which the oldest attempts go: servers take 8 KB of cookies at least."""
_ATTEMPTS = tuple(f"sign_in_{number}" for number in range(1, MAX_PENDING + 1))
FORM = "form"
"""The name of what a form needs before the sign-in: the session of a browser that has none."""
_COOKIES = (*_ATTEMPTS, ARRIVED, FORM)


class SealedCookies:
    """The values of one browser by name, JSON-ready; read when first looked into."""

    def __init__(
        self, cookies: Mapping[str, str], seal: Seal, clock: Callable[[], datetime], *, is_https: bool
    ) -> None:
        self._cookies, self._seal, self._clock, self._is_https = cookies, seal, clock, is_https
        self._prefix = "__Host-lixiao-" if is_https else "lixiao_"
        self.was_read = False
        self._held: dict[str, tuple[str, Sealed]] = {}
        self._changed: set[str] = set()

    def __contains__(self, name: object) -> bool:
        return self._find(name) is not None

    def items(self) -> list[tuple[str, Any]]:
        """Names with their values."""
        return [(sealed.name, sealed.value) for _, sealed in self._read().values()]

    def get(self, name: str) -> Any | None:
        """The value, or None."""
        cookie = self._find(name)
        return None if cookie is None else self._held[cookie][1].value

    def __setitem__(self, name: str, value: Any) -> None:
        """Raises TooMuchToSeal."""
        text, sealed = self._seal.close(name, value, self._clock())
        if name == ARRIVED:
            vouch(sealed.mark)
        cookie = self._find(name) or self._choose(name)
        self._held[cookie] = text, sealed
        self._changed.add(cookie)
        self._shrink(cookie)

    def __delitem__(self, name: str) -> None:
        cookie = self._find(name)
        if cookie is None:
            raise KeyError(name)
        self._drop(cookie)

    def take(self, name: str) -> Any | None:
        """Remove a value and return it: of several requests that bring the same cookie, one gets it."""
        cookie = self._find(name)
        if cookie is None:
            return None
        _, sealed = self._held[cookie]
        is_first = (use_vouched if name == ARRIVED else use_once)(sealed.mark)
        self._drop(cookie)
        return sealed.value if is_first else None

    def save(self, response: Response) -> None:
        """Send what changed."""
        for cookie in sorted(self._changed):
            text, _ = self._held.get(cookie, ("", None))
            response.set_cookie(
                self._prefix + cookie,
                text,
                max_age=KEPT_SECONDS if text else 0,
                path="/",
                secure=self._is_https,
                httponly=True,
                samesite="Lax",
            )

    def _read(self) -> dict[str, tuple[str, Sealed]]:
        if not self.was_read:
            self.was_read = True
            now = self._clock()
            for cookie in _COOKIES:
                text = self._cookies.get(self._prefix + cookie, "")
                sealed = self._seal.open(text, now, KEPT_SECONDS) if text else None
                if sealed is not None:
                    self._held[cookie] = text, sealed
        return self._held

    def _find(self, name: object) -> str | None:
        return next((cookie for cookie, (_, sealed) in self._read().items() if sealed.name == name), None)

    def _choose(self, name: str) -> str:
        if not name.startswith(PENDING):
            return name
        free = [cookie for cookie in _ATTEMPTS if cookie not in self._held]
        return secrets.choice(free) if free else self._list_attempts()[0]

    def _list_attempts(self) -> list[str]:
        """The cookies of attempts, the oldest first."""
        attempts = [cookie for cookie in _ATTEMPTS if cookie in self._held]
        return sorted(attempts, key=lambda cookie: self._held[cookie][1].sealed_at)

    def _shrink(self, newest: str) -> None:
        for cookie in self._list_attempts():
            if cookie != newest and sum(len(text) for text, _ in self._held.values()) > MAX_TOTAL:
                self._drop(cookie)

    def _drop(self, cookie: str) -> None:
        del self._held[cookie]
        self._changed.add(cookie)
