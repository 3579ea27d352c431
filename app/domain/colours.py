"""The university's colours, and whether text on them can be read (WCAG 2.2, success criterion 1.4.3)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from app.config_model import Mistakes, Section, Text, matching

LEAST_CONTRAST = 4.5
WHITE = "#ffffff"
GROUND, GROUND_DARK = "#f3f5f8", "#10151b"
PAPER_DARK = "#1a2129"
ON_ACCENT_DARK = "#0b2039"
SOFTNESS, SOFTNESS_DARK = 0.1, 0.16
FAINT = 0.85
"""How strong the smaller text in the head is."""


Colour = Annotated[Text, matching("#[0-9a-f]{6}")]


class Colours(Section):
    """`[service.colours]`. A colour on which text could not be read is a mistake."""

    head: Colour = Field(
        "#0f3d6b", description="the band on top, with white text on it, as `#rrggbb` in small letters"
    )
    head_dark: Colour = Field("#14304f", description="the same in dark mode")
    accent: Colour = Field("#14569c", description="links and buttons")
    accent_dark: Colour = Field("#8fbdf3", description="the same in dark mode")

    @model_validator(mode="after")
    def check_contrast(self) -> Colours:
        """Refuse what could not be read."""
        faint = [
            (key, f"has a contrast of {contrast:.1f} to {other}, and {LEAST_CONTRAST} is the least")
            for key, other, contrast in self.list_faint()
        ]
        if faint:
            raise Mistakes(*faint)
        return self

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
