"""Reasons 理由: why somebody decided something, as it is kept, shown and printed."""

from __future__ import annotations

from app.domain.texts import ControlCharacter, clean_text

MAX_REASON = 200


class MalformedReason(ValueError):
    """The text is no reason: it is blank, too long, or holds a control character."""


def read_reason(text: str) -> str:
    """A reason as it is kept: 1 to 200 characters that can be seen, in one line. Raises MalformedReason."""
    try:
        reason = clean_text(text)
    except ControlCharacter as error:
        raise MalformedReason("holds a control character") from error
    if not 0 < len(reason) <= MAX_REASON:
        raise MalformedReason(f"needs 1 to {MAX_REASON} characters that can be seen")
    return reason
