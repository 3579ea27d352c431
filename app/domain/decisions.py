"""Decisions 决定 about a student: who may take one, and the reason as it is kept, shown and printed."""

from __future__ import annotations

from collections.abc import Collection

from app.domain.conventions import Conventions
from app.domain.errors import OwnDecision
from app.domain.person import MalformedNumber
from app.domain.texts import ControlCharacter, clean_text

MAX_REASON = 200


class MalformedReason(ValueError):
    """The text is no reason: it is blank, says nothing, is too long, or holds a control character."""


class NobodysNumber(MalformedNumber):
    """A number as `[numbers]` has it that is nobody's: a word for nobody, or only zeros."""


def read_reason(text: str, conventions: Conventions) -> str:
    """A reason as it is kept: 1 to 200 characters that can be seen, in one line, and that say something.
    Raises MalformedReason.
    """
    try:
        reason = clean_text(text)
    except ControlCharacter as error:
        raise MalformedReason("holds a control character") from error
    if not 0 < len(reason) <= MAX_REASON:
        raise MalformedReason(f"needs 1 to {MAX_REASON} characters that can be seen")
    if conventions.says_nothing(reason):
        raise MalformedReason("stands for nothing: say why, in words")
    return reason


def read_note(text: str) -> str:
    """A note as it is kept: at most 200 characters in one line, or "". Raises MalformedReason."""
    try:
        note = clean_text(text)
    except ControlCharacter as error:
        raise MalformedReason("holds a control character") from error
    if len(note) > MAX_REASON:
        raise MalformedReason(f"has more than {MAX_REASON} characters")
    return note


def read_decider(text: str, conventions: Conventions) -> str:
    """The staff number of who decides, folded. Raises MalformedNumber, and NobodysNumber for what is nobody's: 0, none."""
    number = conventions.numbers.fold(text)
    if conventions.says_nothing(number) or not number.strip("0"):
        raise NobodysNumber("stands for nobody")
    return number


def require_other(decided_by: str, subjects: Collection[str]) -> None:
    """Raise OwnDecision where somebody would decide about oneself; both are folded numbers."""
    if decided_by in subjects:
        raise OwnDecision


def find_fault(student_number: str, reason: str, decided_by: str, conventions: Conventions) -> str:
    """Why a decision that was stored before would be refused today; "" where it would not."""
    try:
        read_reason(reason, conventions)
    except MalformedReason as error:
        return f"its reason {error}"
    try:
        require_other(read_decider(decided_by, conventions), (student_number,))
    except MalformedNumber:
        return "who granted it is no staff number"
    except OwnDecision:
        return "the student granted it"
    return ""
