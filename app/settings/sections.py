"""Reads the sections of the configuration, each into its own type; what is wrong is added to the tables' faults."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.domain.colours import read_colours
from app.domain.conventions import FIRST_DAY, USUAL_NOTHING, Conventions, make_nothing
from app.domain.person import USUAL_PATTERN, LetterCase, MalformedNumber, NumberForm, Role
from app.domain.texts import ControlCharacter
from app.release import read_commit
from app.settings.types import (
    ANY_FACT,
    Canaries,
    MiniAppSettings,
    PrivacySettings,
    RateLimitSettings,
    RetentionSettings,
    RoundSettings,
    ServiceSettings,
    SessionSettings,
    SlipSettings,
)
from app.tables import Table

ROOT = Path(__file__).resolve().parents[2]
MIN_TOKEN_LENGTH = 16
ALL_LEVELS = "all"
MIN_AUDIT_DAYS = 180
"""中华人民共和国网络安全法, article 21 (3): logs are kept for six months at least."""


def read_database_url(table: Table) -> str:
    """SQLAlchemy URL of the database."""
    url = table.secret("url")
    if url and not re.match(r"sqlite:///.|postgresql\+psycopg://.", url):
        table.fault("url", "must begin with sqlite:/// or postgresql+psycopg://")
    return url


def read_service(table: Table) -> ServiceSettings:
    """`[service]`."""
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


def read_session(table: Table) -> SessionSettings:
    """`[session]`."""
    session = SessionSettings(
        idle=timedelta(minutes=table.integer("idle_minutes", least=1, most=24 * 60)),
        absolute=timedelta(minutes=table.integer("absolute_minutes", least=1, most=7 * 24 * 60)),
    )
    if session.idle > session.absolute:
        table.fault("idle_minutes", "is longer than absolute_minutes")
    table.close()
    return session


def read_slip(table: Table) -> SlipSettings:
    """`[slip]`."""
    fonts = table.texts("fonts", ())
    for font in fonts:
        if not Path(font).is_file():
            table.fault("fonts", f"names no file: {font}")
    p12_file = table.text("p12_file", "")
    slip = SlipSettings(
        keys=Path(table.text("keys")),
        validity_days=table.integer("validity_days", most=36500),
        status_list_hours=table.integer("status_list_hours", least=1, most=24 * 31),
        fonts=tuple(map(Path, fonts)),
        pdf_a=table.flag("pdf_a", False),
        p12_file=Path(p12_file) if p12_file else None,
        p12_password=table.secret("p12_password", ""),
    )
    if slip.p12_password and not p12_file:
        table.fault("p12_password", "is set without p12_file")
    table.close()
    return slip


def read_rate_limit(table: Table) -> RateLimitSettings:
    """`[rate_limit]`."""
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


def read_round(table: Table) -> RoundSettings:
    """`[round]`."""
    settings = RoundSettings(
        deadline=table.number("deadline_seconds", least=0.1, most=30),
        page_wait=table.number("page_wait_seconds", most=30),
        fresh=table.number("fresh_seconds", most=3600),
        canaries_fresh=table.number("canaries_fresh_seconds", 5.0, most=60),
        canaries_suspend=table.number("canaries_suspend_seconds", 60.0, most=3600),
    )
    table.close()
    return settings


def read_retention(table: Table) -> RetentionSettings:
    """`[retention]`."""
    settings = RetentionSettings(
        sessions=table.integer("sessions_days"),
        known_answers=table.integer("known_answers_days", least=1),
        slip_checks=table.integer("slip_checks_days", least=1),
        closed_cases=table.integer("closed_cases_days", least=30),
        audit=table.integer("audit_days", least=MIN_AUDIT_DAYS),
    )
    table.close()
    return settings


def read_privacy(table: Table) -> PrivacySettings:
    """`[privacy]`."""
    settings = PrivacySettings(table.flag("consent"))
    table.close()
    return settings


def read_numbers(table: Table, examples: Collection[str] = ()) -> NumberForm:
    """`[numbers]`: what the numbers of students and staff look like; `examples` are those that the configuration
    names, of which a pattern that fits the campus knows at least one.
    """
    pattern = table.text("pattern", USUAL_PATTERN)
    try:
        re.compile(pattern)
    except re.error:
        table.fault("pattern", "is not a regular expression")
        pattern = USUAL_PATTERN
    case = table.text("case", LetterCase.UPPER, choices=tuple(LetterCase))
    form = NumberForm(pattern, LetterCase(case) if case in tuple(LetterCase) else LetterCase.UPPER)
    table.close()
    usual = NumberForm(case=form.case)
    if form.contradicts(pattern):
        table.fault("pattern", f'has no letter as case = "{form.case}" writes them: nothing can match')
        return usual
    known = [text for text in examples if _is_number(usual, text)]
    if known and not any(_is_number(form, text) for text in known):
        table.fault(
            "pattern", f"knows none of the numbers of [roles] and of canary students, written in {case} case"
        )
        return usual
    return form


def list_examples(data: Mapping[str, Any]) -> list[str]:
    """The numbers of people that the configuration names: in `[roles]` and as canary students."""
    mini_apps = data.get("mini_apps")
    tables = mini_apps.values() if isinstance(mini_apps, dict) else ()
    controls = [table.get("canaries") for table in tables if isinstance(table, dict)]
    places: list[object] = [data.get("roles"), *controls]
    return [text for place in places for text in _list_texts(place)]


def _list_texts(value: object) -> Iterator[str]:
    """Every text below a value."""
    if isinstance(value, str):
        yield from (part.strip() for part in value.split(","))
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _list_texts(item)


def _is_number(form: NumberForm, text: str) -> bool:
    try:
        form.fold(text)
    except MalformedNumber:
        return False
    return True


def read_answers(table: Table, zone: tzinfo, numbers: NumberForm) -> Conventions:
    """`[answers]`: what holds for the answers of every department."""
    texts = table.texts("nothing", USUAL_NOTHING)
    try:
        nothing = make_nothing(texts)
    except ControlCharacter:
        table.fault("nothing", "holds a text with a control character")
        nothing = frozenset()
    first_day = _read_day(table, "not_before") if table.has("not_before") else FIRST_DAY
    if first_day > datetime.now(zone).date():
        table.fault("not_before", "is in the future: every day in an answer would be refused")
    table.close()
    return Conventions(nothing, first_day, zone, numbers)


def read_roles(table: Table, form: NumberForm) -> dict[str, Role]:
    """`[roles]`: the numbers that have a role whatever the sign-in says, by folded number."""
    roles: dict[str, Role] = {}
    for role in (Role.ADMINISTRATOR, Role.CLERK, Role.GUARD, Role.TEACHER):
        for text in table.texts(f"{role}s", ()):
            try:
                number = form.fold(text)
            except MalformedNumber:
                table.fault(f"{role}s", f"names what is no number of a person: {text!r}")
                continue
            if roles.setdefault(number, role) is not role:
                table.fault(f"{role}s", f"names a number that is in {roles[number]}s too")
    table.close()
    return roles


def _read_canaries(table: Table, form: NumberForm) -> Canaries:
    """Canary students of a step: `fails` is a number, a list, or a table of them by fact."""
    passes = _read_numbers(table, "passes", form)
    if isinstance(table.peek("fails"), dict):
        by_fact = table.table("fails")
        facts = by_fact.keys()
        fails = {fact: _read_numbers(by_fact, fact, form) for fact in facts}
        if not fails:
            table.fault("fails", "names no fact")
    else:
        fails = {ANY_FACT: _read_numbers(table, "fails", form)}
    both = set(passes) & {number for numbers in fails.values() for number in numbers}
    if both:
        table.fault("fails", "and passes name the same canary student")
    table.close()
    return Canaries(passes, fails)


def _read_numbers(table: Table, key: str, form: NumberForm) -> tuple[str, ...]:
    texts = table.texts(key)
    numbers = []
    for text in texts:
        try:
            numbers.append(form.fold(text))
        except MalformedNumber:
            table.fault(key, f"names what is no number of a person: {text!r}")
    if not texts and table.has(key):
        table.fault(key, "names nobody")
    return tuple(numbers)


def read_mini_app(slug: str, table: Table, form: NumberForm) -> MiniAppSettings:
    """`[mini_apps.<slug>]`; the canary students' numbers are of this form."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", slug):
        table.faults.append(f"{table.where} is not a slug: small letters, digits and _")
    settings = MiniAppSettings(
        slug=slug,
        folder=ROOT / table.text("folder", f"miniapp_templates/{slug}"),
        period=table.text("period", pattern=r"[0-9A-Za-z-]{1,20}"),
        period_title=table.text("period_title"),
        levels=_read_levels(table),
        opens_on=_read_day(table, "opens_on"),
        closes_on=_read_day(table, "closes_on"),
        steps=table.values("steps"),
        canaries={step: _read_canaries(item, form) for step, item in table.named_tables("canaries").items()},
    )
    for step in set(settings.canaries) - set(settings.steps):
        table.fault("canaries", f"has {step}, which is no step")
    if settings.opens_on > settings.closes_on:
        table.fault("opens_on", "is after closes_on")
    table.close()
    return settings


def _read_levels(table: Table) -> tuple[str, ...]:
    """The levels that are let in; none for all of them, which must be said: whoever forgets it lets everybody in."""
    if not table.has("levels"):
        table.fault("levels", f'is missing: list the levels 培养层次 that it is for, or say "{ALL_LEVELS}"')
        return ()
    told, value = len(table.faults), table.peek("levels")
    levels = table.texts("levels")
    if value == ALL_LEVELS or levels == (ALL_LEVELS,):
        return ()
    # From the environment, levels are joined by commas.
    if (isinstance(value, str) and "," not in value) or any(
        not level.strip() or level.strip().lower() == ALL_LEVELS for level in levels
    ):
        table.fault(
            "levels", f'must be a list of the levels 培养层次 as the sign-in tells them, or "{ALL_LEVELS}"'
        )
        return ()
    if not levels and len(table.faults) == told:
        table.fault("levels", f'is empty: list the levels 培养层次, or say "{ALL_LEVELS}"')
    return levels


def _read_day(table: Table, key: str) -> date:
    text = table.text(key, pattern=r"\d{4}-\d{2}-\d{2}")
    try:
        return date.fromisoformat(text)
    except ValueError:
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            table.fault(key, f"is no day of the calendar: {text}")
        return date.min
