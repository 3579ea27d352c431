"""Settings: frozen, typed, read once at start from config/*.toml and then the environment.

`config/default.toml` comes first, then the files named by `LIXIAO_CONFIG` (joined like a PATH, a later one
over an earlier one), then variables `LIXIAO_<SECTION>__<KEY>` (one `__` per level). Faults are collected,
so that one message lists them all; the sections of connectors and sign-in providers are read by their own
modules through the same list.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.colours import Colours, read_colours
from app.domain.person import Role
from app.release import read_commit
from app.tables import Table

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "LIXIAO_"
FILES = "LIXIAO_CONFIG"
MIN_TOKEN_LENGTH = 16
MIN_AUDIT_DAYS = 180
"""中华人民共和国网络安全法, article 21 (3): logs are kept for six months at least."""


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
    many hours a gate without a network may rely on a status list. PDF files are PDF/A with `pdf_a`, and signed
    with the certificate in `p12_file` if there is one.
    """

    keys: Path
    validity_days: int
    status_list_hours: int
    second_font: Path | None
    pdf_a: bool
    p12_file: Path | None
    p12_password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class RateLimitSettings:
    """`[rate_limit]`: where counts are kept, and the limits in Flask-Limiter's notation.

    An address may be a whole campus. `verification` counts looks at one true code from one address,
    `unproven` an address's codes that prove nothing, `typed` an address's wrong short codes and
    `typed_everywhere` everybody's, `comparison` names compared with one code (by one address, and ten times
    as many by all), `upload` an address's pictures and files, `refresh` a student's questions to departments.
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
    shows what it has, and for which an answer counts as fresh on a page.
    """

    deadline: float
    page_wait: float
    fresh: float


@dataclass(frozen=True, slots=True)
class Sentinels:
    """Control students of a step: one known to pass, one known not to."""

    passes: str
    fails: str


@dataclass(frozen=True, slots=True)
class MiniAppSettings:
    """`[mini_apps.<slug>]`: when a mini-app is open, for which period and levels of study (none named: all),
    who answers for each step, and the control students by step.
    """

    slug: str
    folder: Path
    period: str
    period_title: str
    levels: tuple[str, ...]
    opens_on: date
    closes_on: date
    steps: Mapping[str, str]
    sentinels: Mapping[str, Sentinels]


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
    roles: Mapping[str, Role]
    english: Mapping[str, str]
    faults: list[str] = field(repr=False)

    def raise_faults(self) -> None:
        """Raise SettingsError with everything that was found wrong so far, if anything was."""
        if self.faults:
            raise SettingsError(self.faults)


def load_settings(environ: Mapping[str, str] | None = None) -> Settings:
    """Read the files and the environment. Raises SettingsError only where files cannot be read at all; other
    faults wait in `Settings.faults` for `raise_faults`, to be told together with those of the
    sections that other modules read.
    """
    environ = os.environ if environ is None else environ
    names = filter(None, environ.get(FILES, "").split(os.pathsep))
    unreadable: list[str] = []
    data: dict[str, Any] = {}
    for path in (ROOT / "config" / "default.toml", *map(Path, names)):
        _merge(data, _read_toml(path, unreadable))
    if unreadable:  # their keys would all be missing
        raise SettingsError(unreadable)
    faults: list[str] = []
    _merge(data, _read_environment(environ, faults))
    return read_settings(data, faults)


def read_settings(data: Mapping[str, Any], faults: list[str]) -> Settings:
    """Turn configuration data into Settings, adding whatever is wrong to `faults`."""
    root = Table(data, "", faults)
    database = root.table("database")
    settings = Settings(
        service=_read_service(root.table("service")),
        database_url=_read_database_url(database),
        database_connections=database.integer("connections", 15, least=2, most=100),
        session=_read_session(root.table("session")),
        slip=_read_slip(root.table("slip")),
        rate_limit=_read_rate_limit(root.table("rate_limit")),
        mini_apps={
            slug: _read_mini_app(slug, table) for slug, table in root.named_tables("mini_apps").items()
        },
        sign_in=root.named_tables("sign_in"),
        connectors=root.named_tables("connectors"),
        round=_read_round(root.table("round")),
        retention=_read_retention(root.table("retention")),
        privacy=_read_privacy(root.table("privacy")),
        roles=_read_roles(root.table("roles")),
        english=_read_english(root),
        faults=faults,
    )
    for table in (database, root):
        table.close()
    _check_connections(settings)
    return settings


def _read_english(root: Table) -> dict[str, str]:
    texts = root.values("english", {})
    for text, english in texts.items():
        if not isinstance(english, str):
            root.fault(f"english.{text}", "must be a text")
    return texts


def _read_database_url(table: Table) -> str:
    url = table.secret("url")
    if url and not re.match(r"sqlite:///.|postgresql\+psycopg://.", url):
        table.fault("url", "must begin with sqlite:/// or postgresql+psycopg://")
    return url


def _read_service(table: Table) -> ServiceSettings:
    base_url = table.text("base_url", pattern=r"https?://[A-Za-z0-9.\-\[\]:]+").rstrip("/")
    parts = urlsplit(base_url)
    service = ServiceSettings(
        base_url=base_url,
        host=parts.netloc,
        is_https=parts.scheme == "https",
        time_zone=_read_time_zone(table),
        university=table.text("university"),
        support=table.text("support"),
        colours=read_colours(table.table("colours")),
        trusted_hosts=table.texts("trusted_hosts", ()) or (parts.hostname or "",),
        proxy_count=table.integer("proxy_count", 0, most=5),
        secret_key=table.secret("secret_key"),
        log_level=table.text("log_level", "INFO", choices=("DEBUG", "INFO", "WARNING", "ERROR")),
        metrics_token=table.secret("metrics_token", ""),
        commit=table.text("commit", "") or read_commit(ROOT),
    )
    if 0 < len(service.metrics_token) < MIN_TOKEN_LENGTH:
        table.fault("metrics_token", f"must have at least {MIN_TOKEN_LENGTH} characters")
    if service.secret_key and len(service.secret_key) < 32:
        table.fault("secret_key", "must have at least 32 characters")
    table.close()
    return service


def _read_time_zone(table: Table) -> ZoneInfo:
    name = table.text("time_zone")
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError):
        table.fault("time_zone", f"is not a known time zone: {name}")
        return ZoneInfo("UTC")


def _read_session(table: Table) -> SessionSettings:
    session = SessionSettings(
        idle=timedelta(minutes=table.integer("idle_minutes", least=1, most=24 * 60)),
        absolute=timedelta(minutes=table.integer("absolute_minutes", least=1, most=7 * 24 * 60)),
    )
    if session.idle > session.absolute:
        table.fault("idle_minutes", "is longer than absolute_minutes")
    table.close()
    return session


def _read_slip(table: Table) -> SlipSettings:
    second_font = table.text("second_font", "")
    if second_font and not Path(second_font).is_file():
        table.fault("second_font", f"names no file: {second_font}")
    p12_file = table.text("p12_file", "")
    slip = SlipSettings(
        keys=Path(table.text("keys")),
        validity_days=table.integer("validity_days", most=36500),
        status_list_hours=table.integer("status_list_hours", least=1, most=24 * 31),
        second_font=Path(second_font) if second_font else None,
        pdf_a=table.flag("pdf_a", False),
        p12_file=Path(p12_file) if p12_file else None,
        p12_password=table.secret("p12_password", ""),
    )
    if slip.p12_password and not p12_file:
        table.fault("p12_password", "is set without p12_file")
    table.close()
    return slip


def _read_rate_limit(table: Table) -> RateLimitSettings:
    limits = r"\d+ per (second|minute|hour|day)(; ?\d+ per (second|minute|hour|day))*"
    settings = RateLimitSettings(
        storage_url=table.secret("storage_url"),
        verification=table.text("verification", pattern=limits),
        unproven=table.text("unproven", pattern=limits),
        typed=table.text("typed", pattern=limits),
        typed_everywhere=table.text("typed_everywhere", pattern=limits),
        comparison=table.text("comparison", pattern=limits),
        upload=table.text("upload", pattern=limits),
        refresh=table.text("refresh", pattern=limits),
    )
    table.close()
    return settings


def _read_round(table: Table) -> RoundSettings:
    settings = RoundSettings(
        deadline=table.number("deadline_seconds", least=0.1, most=30),
        page_wait=table.number("page_wait_seconds", most=30),
        fresh=table.number("fresh_seconds", most=3600),
    )
    table.close()
    return settings


def _read_retention(table: Table) -> RetentionSettings:
    settings = RetentionSettings(
        sessions=table.integer("sessions_days"),
        known_answers=table.integer("known_answers_days", least=1),
        slip_checks=table.integer("slip_checks_days", least=1),
        closed_cases=table.integer("closed_cases_days", least=30),
        audit=table.integer("audit_days", least=MIN_AUDIT_DAYS),
    )
    table.close()
    return settings


def _read_privacy(table: Table) -> PrivacySettings:
    settings = PrivacySettings(table.flag("consent"))
    table.close()
    return settings


def _read_roles(table: Table) -> dict[str, Role]:
    """`[roles]`: the numbers that have a role whatever the sign-in says, by number."""
    roles: dict[str, Role] = {}
    for role in (Role.ADMINISTRATOR, Role.CLERK, Role.GUARD, Role.TEACHER):
        for number in table.texts(f"{role}s", ()):
            if roles.setdefault(number, role) is not role:
                table.fault(f"{role}s", f"names a number that is in {roles[number]}s too")
    table.close()
    return roles


def _read_sentinels(table: Table) -> Sentinels:
    sentinels = Sentinels(table.text("passes"), table.text("fails"))
    table.close()
    return sentinels


def _read_mini_app(slug: str, table: Table) -> MiniAppSettings:
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", slug):
        table.faults.append(f"{table.where} is not a slug: small letters, digits and _")
    settings = MiniAppSettings(
        slug=slug,
        folder=ROOT / table.text("folder", f"miniapp_templates/{slug}"),
        period=table.text("period", pattern=r"[0-9A-Za-z-]{1,20}"),
        period_title=table.text("period_title"),
        levels=table.texts("levels", ()),
        opens_on=_read_day(table, "opens_on"),
        closes_on=_read_day(table, "closes_on"),
        steps=table.values("steps"),
        sentinels={step: _read_sentinels(item) for step, item in table.named_tables("sentinels").items()},
    )
    for step in set(settings.sentinels) - set(settings.steps):
        table.fault("sentinels", f"has {step}, which is no step")
    if settings.opens_on > settings.closes_on:
        table.fault("opens_on", "is after closes_on")
    table.close()
    return settings


def _read_day(table: Table, key: str) -> date:
    text = table.text(key, pattern=r"\d{4}-\d{2}-\d{2}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            table.fault(key, f"is no day of the calendar: {text}")
        return date.min


def _check_connections(settings: Settings) -> None:
    for slug, mini_app in settings.mini_apps.items():
        for step, connector in mini_app.steps.items():
            if connector not in settings.connectors:
                settings.faults.append(f"mini_apps.{slug}.steps.{step} names no connector: {connector}")
    for section in ("mini_apps", "sign_in"):
        if not getattr(settings, section):
            settings.faults.append(f"{section} is empty: at least one is needed")


def _read_toml(path: Path, unreadable: list[str]) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        unreadable.append(f"{path.name} cannot be read: {error}")
        return {}


def _read_environment(environ: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == FILES:
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        level = found
        for section in sections:
            level = level.setdefault(section, {}) if isinstance(level, dict) else level
        if sections and isinstance(level, dict):
            level[key] = environ[name]
        else:
            faults.append(f"{name} is no variable of this service: they are {PREFIX}<SECTION>__<KEY>")
    return found


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            _merge(base[key], value)
        else:
            base[key] = value
