"""How characters that no font holds are shown to the student."""

from __future__ import annotations

from app.domain.slip import PrintedField
from app.web.language import put


def describe_unprintable(field: PrintedField) -> str:
    """A field with its characters and their code points, which a person can read out to the support."""
    signs = (f"{character} (U+{ord(character):04X})" for character in field.value)
    return f"{put(field.label)}: {', '.join(signs)}"
