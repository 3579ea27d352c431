"""What was typed or pasted for a code: as it is shown again, to be compared with the paper."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.slip_code import SHORT_CODE_LENGTH, find_strange_signs
from app.domain.typed_text import fold_code, group_code


@dataclass(frozen=True, slots=True)
class TypedCode:
    """`text` as it was typed, `groups` as it would be printed, `count` of its signs, and the `strange` ones, which
    stand in no code.
    """

    text: str
    groups: str
    count: int
    strange: str

    @property
    def can_be_one(self) -> bool:
        """Whether a short code can read so at all."""
        return self.count == SHORT_CODE_LENGTH and not self.strange


def read_typed_code(text: str) -> TypedCode:
    """What was typed, as a short code."""
    code = fold_code(text)
    return TypedCode(text, group_code(code), len(code), find_strange_signs(code))
