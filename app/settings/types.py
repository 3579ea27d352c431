"""What an operator can set, section by section: frozen and typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from app.domain.colours import Colours
from app.domain.conventions import Conventions
from app.domain.person import NumberForm, Role
from app.tables import Table


class SettingsError(Exception):
    """The configuration cannot be used; the message lists every fault and names keys, never secrets."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("the configuration is not usable:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """`[service]`: where the service is reached and whom people ask for help."""

    base_url: str
    host: str
    is_https: bool
    time_zone: ZoneInfo
    university: str
    support: str
    colours: Colours
    trusted_hosts: tuple[str, ...]
    proxy_count: int
    secret_key: str
    log_level: str
    metrics_token: str
    commit: str


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """`[session]`: how long a sign-in lasts unused, and at most."""

    idle: timedelta
    absolute: timedelta


@dataclass(frozen=True, slots=True)
class SlipSettings:
    """`[slip]`: the folder of the signing keys, for how many days a slip is valid (0: for ever), and for how
    many hours a gate without a network may rely on a status list. `fonts` are asked for
    characters that the first font lacks. PDF files are PDF/A with `pdf_a`, and signed with the certificate in
    `p12_file` if there is one.
    """

    keys: Path
    validity_days: int
    status_list_hours: int
    fonts: tuple[Path, ...]
    pdf_a: bool
    p12_file: Path | None
    p12_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """`[rate_limit]`: where counts are kept, and the limits in the notation of the library `limits`.

    An address may be a whole campus. `verification` counts looks at one true code from one address,
    `unproven` an address's codes that prove nothing, `typed` an address's wrong short codes and
    `typed_everywhere` everybody's, `comparison` names compared with one code (by one address, and ten times
    as many by all), `upload` an address's pictures and files. Of signed-in guards and clerks all these are counted by
    person alone. `refresh` counts the times that one person has departments asked, by whatever page: looking, acting
    and submitting apart.
    """

    storage_url: str
    verification: str
    unproven: str
    typed: str
    typed_everywhere: str
    comparison: str
    upload: str
    refresh: str


@dataclass(frozen=True, slots=True)
class RoundSettings:
    """`[round]`: seconds that a round of all departments may take in all, that a page waits before it
    shows what it has, for which an answer counts as fresh on a page, for which a pass may rest on a look at
    the canary students, and for which looks must be right after a wrong one.
    """

    deadline: float
    page_wait: float
    fresh: float
    canaries_fresh: float
    canaries_suspend: float


ANY_FACT = ""
"""Stands for the fact where a failing canary student is named for none."""


@dataclass(frozen=True, slots=True)
class Canaries:
    """Canary students of a step: those known to pass, and by fact those whom this very fact keeps from passing."""

    passes: tuple[str, ...]
    fails: Mapping[str, tuple[str, ...]]

    @property
    def numbers(self) -> tuple[str, ...]:
        """All of them, each once."""
        failing = (number for numbers in self.fails.values() for number in numbers)
        return tuple(dict.fromkeys((*self.passes, *failing)))


@dataclass(frozen=True, slots=True)
class MiniAppSettings:
    """`[mini_apps.<slug>]`: when a mini-app is open, for which period and levels of study (none: all of them),
    who answers for each step, and the canary students by step.
    """

    slug: str
    folder: Path
    period: str
    period_title: str
    levels: tuple[str, ...]
    opens_on: date
    closes_on: date
    steps: Mapping[str, str]
    canaries: Mapping[str, Canaries]


@dataclass(frozen=True, slots=True)
class RetentionSettings:
    """`[retention]`: for how many days `flask purge` leaves personal data that is of no more use: sessions after
    their end, answers and checks after their day, `closed_cases` (desk entries, actions and waivers) after the
    student's submission, and audit events with the consents that they tell of, which the law wants for 180 days at least.
    """

    sessions: int
    known_answers: int
    slip_checks: int
    closed_cases: int
    audit: int


@dataclass(frozen=True, slots=True)
class PrivacySettings:
    """`[privacy]`: whether a student agrees to the notice before any department is asked."""

    consent: bool


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that an operator can set. `roles` are given to numbers, whatever the sign-in says of them;
    `english` puts English for names and words that are configured here or come from departments.
    """

    service: ServiceSettings
    database_url: str
    database_connections: int
    session: SessionSettings
    slip: SlipSettings
    rate_limit: RateLimitSettings
    mini_apps: Mapping[str, MiniAppSettings]
    sign_in: Mapping[str, Table]
    connectors: Mapping[str, Table]
    round: RoundSettings
    retention: RetentionSettings
    privacy: PrivacySettings
    numbers: NumberForm
    conventions: Conventions
    roles: Mapping[str, Role]
    english: Mapping[str, str]
    faults: list[str] = field(repr=False)

    def raise_faults(self) -> None:
        """Raise SettingsError with everything that was found wrong so far, if anything was."""
        if self.faults:
            raise SettingsError(self.faults)
