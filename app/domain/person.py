"""People 人员: who signed in, what pages and slips say of them, and the one form of their numbers 学号、工号, however
somebody typed it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from app.domain.texts import ControlCharacter, clean_text


class Role(StrEnum):
    """What a person is to this service."""

    STUDENT = "student"
    POSTDOC = "postdoc"
    TEACHER = "teacher"
    CLERK = "clerk"
    GUARD = "guard"
    ADMINISTRATOR = "administrator"


STUDENT_NUMBER = "student_number"
"""The key that every student has."""

Keys = Mapping[str, tuple[str, ...]]
"""What else a person is known by, by the names of `[person_keys]`: such as a card number. Personal data."""

STAFF = frozenset({Role.GUARD, Role.CLERK, Role.ADMINISTRATOR})
"""Who verifies slips, and may see all of them."""
LEAVERS = (Role.STUDENT, Role.POSTDOC, Role.TEACHER)
"""Who may clear, where a mini-app is for them. Whoever decides of others never does so by a mini-app's word."""
TOLD_BY_NAME = ("college", "major", "level")
"""What the claims of a sign-in tell of a person and conditions may name, beside its attributes."""


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person. `number` is the student or staff number, a text that keeps its zeros;
    `graduation_period` is None where the sign-in does not tell it; `language` is a tag such as `en-GB`.
    `attributes` are what else the sign-in tells, by the names of `[sign_in.<name>.attributes]`: such as `kind` 全日制.
    What it does not tell of a person is not among them. `keys` are what other systems know the person by, as the sign-in
    tells them; they are in no copy that is stored.
    """

    number: str
    name: str
    role: Role
    college: str = ""
    major: str = ""
    level: str = ""
    graduation_period: str | None = None
    language: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict, hash=False)
    keys: Keys = field(default_factory=dict, hash=False, repr=False, compare=False)

    @property
    def reads_english(self) -> bool:
        """Whether the slip is to be in English as well."""
        return self.language.lower().partition("-")[0].partition("_")[0] == "en"

    def get_told(self, name: str) -> str:
        """What the sign-in tells under this name, one of TOLD_BY_NAME or of an attribute; "" where it tells nothing."""
        return getattr(self, name) if name in TOLD_BY_NAME else self.attributes.get(name, "")

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready copy without the keys; `parse_person` reads it back."""
        data = asdict(self)
        del data["keys"]
        return data


def parse_person(data: dict[str, Any]) -> Person:
    """Read back what `Person.to_json` wrote, perhaps with keys beside. Raises KeyError, TypeError or ValueError on
    anything else.
    """
    keys = {name: tuple(values) for name, values in data.get("keys", {}).items()}
    return Person(**{**data, "role": Role(data["role"]), "keys": keys})


MAX_LENGTH = 32
USUAL_PATTERN = r"[0-9A-Za-z]{1,32}"
_NO_LETTERS = re.compile(r"\\.|\(\?(P?<\w+>|P=\w+|[a-z-]+:)")
"""What has letters in a regular expression and means others, or none."""
_EITHER_CASE = re.compile(r"\(\?[a-z]*i|\[\^")
_LETTERS_AND_DIGITS = re.compile(USUAL_PATTERN)
_PLAIN_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}


class MalformedNumber(ValueError):
    """The text is no number of a person. The message never holds the text."""


class LetterCase(StrEnum):
    """How a campus writes the letters of its numbers; KEPT where `ts1` and `TS1` are two people."""

    UPPER = "upper"
    LOWER = "lower"
    KEPT = "kept"


@dataclass(frozen=True, slots=True)
class NumberForm:
    """`[numbers]`: what the campus's numbers look like once they are folded."""

    pattern: str = USUAL_PATTERN
    case: LetterCase = LetterCase.UPPER

    def fold(self, text: str) -> str:
        """The one form of a number: no spaces around it, plain width (Ａ is A), the campus's case. Leading zeros stay.

        Raises MalformedNumber unless the outcome is of letters and digits and matches the pattern.
        """
        number = self._apply_case(_strip(text))
        if not _LETTERS_AND_DIGITS.fullmatch(number) or not re.fullmatch(self.pattern, number):
            raise MalformedNumber("not a number of a person")
        return number

    def fold_part(self, text: str) -> str:
        """The same for a part of a number, such as its last digits: without any spaces. "" for what is no part of one."""
        try:
            part = self._apply_case(_strip(text).replace(" ", ""))
        except MalformedNumber:
            return ""
        return part if _LETTERS_AND_DIGITS.fullmatch(part) else ""

    def is_same(self, text: str, number: str) -> bool:
        """Whether a text from outside means this folded number."""
        try:
            return self.fold(text) == number
        except MalformedNumber:
            return False

    def is_folded(self, text: str) -> bool:
        """Whether a text is a number in its one form already."""
        is_plain = text.isascii() and text.isalnum() and len(text) <= MAX_LENGTH
        return is_plain and self._apply_case(text) == text and re.fullmatch(self.pattern, text) is not None

    def contradicts(self, pattern: str) -> bool:
        """Whether a pattern of numbers names letters of the other case alone: they are in no folded number."""
        if _EITHER_CASE.search(pattern):
            return False
        letters = {sign for sign in _NO_LETTERS.sub("", pattern) if sign.isascii() and sign.isalpha()}
        return bool(letters) and not any(self._apply_case(sign) == sign for sign in letters)

    def _apply_case(self, text: str) -> str:
        if self.case is LetterCase.KEPT:
            return text
        return text.upper() if self.case is LetterCase.UPPER else text.lower()


def _strip(text: str) -> str:
    try:
        return clean_text(text).translate(_PLAIN_WIDTH)
    except ControlCharacter:
        raise MalformedNumber("a control character") from None
