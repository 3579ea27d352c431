"""The university's colours, and whether text on them can be read (WCAG 2.2, success criterion 1.4.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, fields

from app.tables import Table

LEAST_CONTRAST = 4.5
PATTERN = "#[0-9a-f]{6}"
WHITE = "#ffffff"
GROUND, GROUND_DARK = "#f3f5f8", "#10151b"
PAPER_DARK = "#1a2129"
ON_ACCENT_DARK = "#0b2039"
SOFTNESS, SOFTNESS_DARK = 0.1, 0.16
FAINT = 0.85
"""How strong the smaller text in the head is."""


@dataclass(frozen=True, slots=True)
class Colours:
    """As #rrggbb. `head` is the band on top with white text on it, `accent` links and buttons; the dark ones
    are those of dark mode.
    """

    head: str = "#0f3d6b"
    head_dark: str = "#14304f"
    accent: str = "#14569c"
    accent_dark: str = "#8fbdf3"

    @property
    def accent_soft(self) -> str:
        """The ground of notices."""
        return mix(self.accent, WHITE, SOFTNESS)

    @property
    def accent_soft_dark(self) -> str:
        """The same in dark mode."""
        return mix(self.accent_dark, PAPER_DARK, SOFTNESS_DARK)

    def list_faint(self) -> Iterator[tuple[str, str, float]]:
        """What could not be read: the name of the colour, the other colour, and their contrast."""
        pairs = (
            ("head", self.head, mix(WHITE, self.head, FAINT)),
            ("head_dark", self.head_dark, mix(WHITE, self.head_dark, FAINT)),
            ("accent", self.accent, GROUND),
            ("accent", self.accent, self.accent_soft),
            ("accent_dark", self.accent_dark, PAPER_DARK),
            ("accent_dark", self.accent_dark, self.accent_soft_dark),
            ("accent_dark", self.accent_dark, ON_ACCENT_DARK),
        )
        for name, colour, other in pairs:
            contrast = get_contrast(colour, other)
            if contrast < LEAST_CONTRAST:
                yield name, other, contrast


def read_colours(table: Table) -> Colours:
    """The table's colours, the default where it names none; what could not be read is noted as a fault."""
    default = Colours()
    chosen = {
        field.name: table.text(field.name, getattr(default, field.name), pattern=PATTERN)
        for field in fields(Colours)
    }
    table.close()
    if not all(re.fullmatch(PATTERN, colour) for colour in chosen.values()):
        return default
    colours = Colours(**chosen)
    for key, other, contrast in colours.list_faint():
        table.fault(key, f"has a contrast of {contrast:.1f} to {other}, and {LEAST_CONTRAST} is the least")
    return colours


def get_contrast(first: str, second: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((_get_luminance(first), _get_luminance(second)))
    return (lighter + 0.05) / (darker + 0.05)


def mix(colour: str, other: str, share: float) -> str:
    """A colour of which so much is the first and the rest the other."""
    parts = zip(_read(colour), _read(other), strict=True)
    return "#" + "".join(f"{round(one * share + two * (1 - share)):02x}" for one, two in parts)


def _read(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour.removeprefix("#")))


def _get_luminance(colour: str) -> float:
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in (byte / 255 for byte in _read(colour))
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
