"""When an answer's data was brought up to date, by the department's own word, and how old it may be."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.connectors.base import Fault, StaleView, UntrustedAnswer
from app.tables import Table

MAX_AHEAD = timedelta(minutes=5)
"""How far two machines' clocks may be apart."""
MOST_MINUTES = 60 * 24 * 366

_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class AgeLimit:
    """How old data may be, and the zone of moments without one of their own (None: such a moment is refused)."""

    limit: timedelta
    zone: ZoneInfo | None

    def require_fresh(self, system: str, as_of: datetime, now: datetime) -> None:
        """Raise StaleView for data that are too old to be believed; both moments in UTC."""
        if now - as_of > self.limit:
            raise StaleView(system, as_of)


def read_age_limit(table: Table, most_minutes: float = MOST_MINUTES) -> AgeLimit:
    """`fresh_for_minutes` and `time_zone`."""
    minutes = table.number("fresh_for_minutes", least=0.01, most=most_minutes)
    return AgeLimit(timedelta(minutes=minutes), _read_zone(table))


def parse_moment(value: object, zone: tzinfo | None, now: datetime) -> datetime:
    """A moment of an answer in UTC; one without a zone is in `zone`, and without that it is refused, and so is
    one that is still to come. Raises UntrustedAnswer.
    """
    if isinstance(value, str) and _MOMENT.fullmatch(value):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            raise UntrustedAnswer(Fault.ODD_DAY) from None
    if not isinstance(value, datetime):
        raise UntrustedAnswer(Fault.ODD_DAY)
    if value.tzinfo is None:
        if zone is None:
            raise UntrustedAnswer(Fault.ODD_DAY)
        value = value.replace(tzinfo=zone)
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise UntrustedAnswer(Fault.ODD_DAY) from None
    if moment > now + MAX_AHEAD:
        raise UntrustedAnswer(Fault.ODD_DAY)
    return moment


def _read_zone(table: Table) -> ZoneInfo | None:
    name = table.text("time_zone", "", pattern=r"[A-Za-z0-9_+\-/]+")
    if not name or not re.fullmatch(r"[A-Za-z0-9_+\-/]+", name):
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        table.fault("time_zone", "is not a known time zone")
        return None
