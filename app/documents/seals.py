"""The seals that slips may bear, by the SHA-256 of their files: a slip's record names its seal by nothing else.

A slip whose seal is not here is drawn with an empty place for one; its file of before stays proven by its own digest.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.settings.seal import Seal

_seals: dict[str, Seal] = {}
"""What a digest names never changes, so that seals are only added."""


def load_seals(seals: Iterable[Seal]) -> None:
    """Let slips bear these seals, too; called at start."""
    _seals.update((seal.digest, seal) for seal in seals)


def find_seal(digest: str) -> Seal | None:
    """The seal of this digest, or None: it is not here, or the digest is ""."""
    return _seals.get(digest)
