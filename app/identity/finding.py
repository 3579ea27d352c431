"""What a look at a provider found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Fit(StrEnum):
    """What a finding means: it fits, works but should be known, or will not work."""

    FITS = "fits"
    NOTE = "note"
    FAULT = "FAULT"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    fit: Fit
    says: str
