"""Who signed in: what a kind of sign-in yields, and what the pages and the slip say of a person."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a person is to this service."""

    STUDENT = "student"
    TEACHER = "teacher"
    CLERK = "clerk"
    GUARD = "guard"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True, slots=True)
class Person:
    """A signed-in person. `number` is the student or staff number, a text that keeps its zeros;
    `graduation_period` is None where the sign-in does not tell it; `language` is a tag such as `en-GB`.
    """

    number: str
    name: str
    role: Role
    college: str = ""
    major: str = ""
    level: str = ""
    graduation_period: str | None = None
    language: str = ""

    @property
    def reads_english(self) -> bool:
        """Whether the slip is to be in English as well."""
        return self.language.lower().partition("-")[0].partition("_")[0] == "en"

    def to_json(self) -> dict[str, str | None]:
        """A JSON-ready copy; `parse_person` reads it back."""
        return asdict(self)


def parse_person(data: dict[str, str]) -> Person:
    """Read back what `Person.to_json` wrote. Raises KeyError, TypeError or ValueError on anything else."""
    return Person(**{**data, "role": Role(data["role"])})  # type: ignore[arg-type]
