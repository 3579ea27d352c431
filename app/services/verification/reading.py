"""The reading of one uploaded file, and how it is told from one process to another.

A reading is told in lines of ASCII: `code <digits>`, `desk <digits>` and `foreign` for what was read, `looked` after each
look at a picture or page, at last one of the outcomes. A process that was ended midway has told what it had read until
then. Nothing in the lines is trusted: whoever takes a decoder over can tell of a file what another file might have held,
and no more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

MAX_TOLD_BYTES = 16 * 1024
MAX_TOLD_CODES = 2
"""Of a look: two are too many already."""
_CODE = re.compile(r"code ([0-9]{1,400})")
_DESK = re.compile(r"desk ([0-9]{1,400})")
_FOREIGN, _LOOKED = "foreign", "looked"


class Outcome(StrEnum):
    """How a reading ended."""

    WHOLE = "whole"
    TOO_LARGE = "too large"
    LOCKED = "locked"
    NOT_DRAWN = "not drawn"


@dataclass(frozen=True, slots=True)
class Found:
    """The slip codes that were read, and whether another QR was seen; `desk_codes` are students' desk codes 办理码,
    which are foreign to verification.
    """

    codes: frozenset[str] = frozenset()
    has_foreign: bool = False
    desk_codes: frozenset[str] = frozenset()

    @property
    def has_own(self) -> bool:
        """Whether a code of this service was read."""
        return bool(self.codes or self.desk_codes)


@dataclass(frozen=True, slots=True)
class Reading:
    """What was found, in how many looks at pictures, and how it ended: None where it was ended midway."""

    found: Found
    looks: int
    outcome: Outcome | None


def tell_look(found: Found) -> str:
    """The lines of one look."""
    codes = [f"code {digits}" for digits in sorted(found.codes)[:MAX_TOLD_CODES]]
    codes += [f"desk {digits}" for digits in sorted(found.desk_codes)[:MAX_TOLD_CODES]]
    return "\n".join([*codes, *([_FOREIGN] if found.has_foreign else []), _LOOKED, ""])


def parse_reading(told: bytes) -> Reading:
    """The reading that these lines tell; what is no whole line of a reading is left out."""
    lines = told[: told.rfind(b"\n") + 1].decode("ascii", "replace").splitlines()
    codes = frozenset(found[1] for line in lines if (found := _CODE.fullmatch(line)))
    desk_codes = frozenset(found[1] for line in lines if (found := _DESK.fullmatch(line)))
    outcome = Outcome(lines[-1]) if lines and lines[-1] in list(Outcome) else None
    return Reading(Found(codes, _FOREIGN in lines, desk_codes), lines.count(_LOOKED), outcome)
