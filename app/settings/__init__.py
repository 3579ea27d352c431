"""Settings: frozen, typed, read once at start from config/*.toml and then the environment.

`config/default.toml` comes first, then the files named by `LIXIAO_CONFIG` (joined like a PATH, a later one
over an earlier one), then variables `LIXIAO_<SECTION>__<KEY>` (one `__` per level). Mistakes are collected, so that
one message tells them all; the tables of connectors and sign-in providers are read by their own modules, which add
to the same list.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from app.config_model import EnvironmentText, Section, read
from app.domain.conventions import Conventions
from app.domain.person import STUDENT_NUMBER, NumberForm, Role
from app.settings.campus import AnswerSettings, NumberSettings, PersonKeySettings, RoleSettings, list_examples
from app.settings.mini_apps import ANY_FACT, Canaries, MiniAppSettings
from app.settings.seal import Seal
from app.settings.sections import (
    ROOT,
    CheckpointSettings,
    ConsoleSettings,
    DatabaseSettings,
    PrivacySettings,
    RateLimitSettings,
    RetentionSettings,
    RoundSettings,
    ServiceSettings,
    SessionSettings,
    SlipSettings,
    UploadSettings,
)

PREFIX = "LIXIAO_"
FILES = "LIXIAO_CONFIG"
NAMED = ("mini_apps", "sign_in", "connectors", "person_keys")
"""What is in these sections are sections, by their names."""
__all__ = [
    "ANY_FACT",
    "ROOT",
    "Canaries",
    "CheckpointSettings",
    "DatabaseSettings",
    "MiniAppSettings",
    "PersonKeySettings",
    "RetentionSettings",
    "RoundSettings",
    "Settings",
    "SettingsError",
    "UploadSettings",
    "load_settings",
    "read_settings",
]
M = TypeVar("M", bound=Section)


def read_toml(path: Path, unreadable: list[str]) -> dict[str, Any]:
    """What a file holds; one that cannot be read is added to `unreadable`."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        unreadable.append(f"{path.name} cannot be read: {reason}")
        return {}


def read_environment(environ: Mapping[str, str], faults: list[str]) -> dict[str, Any]:
    """The variables `LIXIAO_<SECTION>__<KEY>`, as a file would hold them; odd names are added to `faults`."""
    found: dict[str, Any] = {}
    for name in sorted(environ):
        if not name.startswith(PREFIX) or name == FILES:
            continue
        *sections, key = name.removeprefix(PREFIX).lower().split("__")
        level = found
        for section in sections:
            level = level.setdefault(section, {}) if isinstance(level, dict) else level
        if sections and isinstance(level, dict):
            level[key] = EnvironmentText(environ[name])
        else:
            faults.append(f"{name} is no variable of this service: they are {PREFIX}<SECTION>__<KEY>")
    return found


def merge(base: dict[str, Any], over: Mapping[str, Any], place: tuple[str, ...] = ()) -> None:
    """Lay one configuration over another, section by section. Anything else where a section belongs is not hidden by
    one: it is a mistake, and told.
    """
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(base.get(key), dict):
            merge(base[key], value, (*place, key))
        elif not (isinstance(value, dict) and key in base and _is_section((*place, key))):
            base[key] = value


def _is_section(place: tuple[str, ...]) -> bool:
    return len(place) == 1 or (len(place) == 2 and place[0] in NAMED)


class SettingsError(Exception):
    """The configuration cannot be used; the message lists every fault and names keys, never secrets."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("the configuration is not usable:\n" + "\n".join(f"  - {fault}" for fault in faults))
        self.faults = tuple(faults)


class NamedTables(Section):
    """The sections whose keys are names."""

    mini_apps: dict[str, dict[str, Any]] = Field({})
    sign_in: dict[str, dict[str, Any]] = Field({})
    connectors: dict[str, Any] = Field({})
    person_keys: dict[str, dict[str, Any]] = Field({})
    english: dict[str, str] = Field({})


@dataclass(frozen=True)
class Settings:
    """Everything that an operator can set, by section. `roles` are by number; `english` puts English for names and
    words that are configured here or come from departments. `sign_in` and `connectors` are tables still to be read.

    While there are `faults`, sections are the stand-ins of `read`, good for finding more faults only.
    """

    service: ServiceSettings
    database: DatabaseSettings
    session: SessionSettings
    slip: SlipSettings
    checkpoints: CheckpointSettings
    rate_limit: RateLimitSettings
    uploads: UploadSettings
    mini_apps: Mapping[str, MiniAppSettings]
    sign_in: Mapping[str, Mapping[str, Any]]
    connectors: Mapping[str, Mapping[str, Any]]
    person_keys: Mapping[str, PersonKeySettings]
    round: RoundSettings
    retention: RetentionSettings
    privacy: PrivacySettings
    console: ConsoleSettings
    numbers: NumberForm
    answers: AnswerSettings
    roles: Mapping[str, Role]
    english: Mapping[str, str]
    faults: list[str] = field(repr=False)

    @cached_property
    def conventions(self) -> Conventions:
        """What the answers of departments are read by."""
        return self.answers.make_conventions(self.service.time_zone, self.numbers)

    @property
    def seals(self) -> list[Seal]:
        """The pictures of all seals, of today and before."""
        own = (mini_app.seal for mini_app in self.mini_apps.values())
        return [*self.slip.former_seals, *(seal for seal in own if seal is not None)]

    def raise_faults(self) -> None:
        """Raise SettingsError with everything that was found wrong so far, if anything was."""
        if self.faults:
            raise SettingsError(self.faults)


SECTIONS = [section.name for section in fields(Settings) if section.name != "faults"]


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
        merge(data, read_toml(path, unreadable))
    if unreadable:  # their keys would all be missing
        raise SettingsError(unreadable)
    faults: list[str] = []
    merge(data, read_environment(environ, faults))
    return read_settings(data, faults)


def read_settings(data: Mapping[str, Any], faults: list[str]) -> Settings:
    """Turn configuration data into Settings, adding whatever is wrong to `faults`."""

    def section(model: type[M], name: str, **context: object) -> M:
        return read(model, data.get(name, {}), name, faults, None, **context)

    numbers = section(NumberSettings, "numbers", examples=list_examples(data)).form
    service = section(ServiceSettings, "service")
    named = read(NamedTables, {key: data[key] for key in NamedTables.model_fields if key in data}, "", faults)
    settings = Settings(
        service=service,
        database=section(DatabaseSettings, "database"),
        session=section(SessionSettings, "session"),
        slip=section(SlipSettings, "slip"),
        checkpoints=section(CheckpointSettings, "checkpoints"),
        rate_limit=section(RateLimitSettings, "rate_limit"),
        uploads=section(UploadSettings, "uploads"),
        mini_apps=_read_mini_apps(named.mini_apps, numbers, faults),
        sign_in=named.sign_in,
        connectors=named.connectors,
        person_keys=_read_person_keys(named.person_keys, faults),
        round=section(RoundSettings, "round"),
        retention=section(RetentionSettings, "retention"),
        privacy=section(PrivacySettings, "privacy"),
        console=section(ConsoleSettings, "console"),
        numbers=numbers,
        answers=section(AnswerSettings, "answers", zone=service.time_zone),
        roles=section(RoleSettings, "roles", numbers=numbers).by_number,
        english=named.english,
        faults=faults,
    )
    faults.extend(f"{name} is not a known key" for name in data if name not in SECTIONS)
    _check_connections(settings)
    return settings


def _read_mini_apps(
    tables: Mapping[str, dict[str, Any]], numbers: NumberForm, faults: list[str]
) -> dict[str, MiniAppSettings]:
    found = {}
    for slug, table in tables.items():
        where = f"mini_apps.{slug}"
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", slug):
            faults.append(f"{where} is not a slug: small letters, digits and _")
        whole = {"folder": f"miniapp_templates/{slug}", "canaries": {}, **table}
        found[slug] = read(MiniAppSettings, whole, where, faults, {"slug": slug}, numbers=numbers)
    return found


def _read_person_keys(
    tables: Mapping[str, dict[str, Any]], faults: list[str]
) -> dict[str, PersonKeySettings]:
    found = {}
    for name, table in tables.items():
        where = f"person_keys.{name}"
        if name == STUDENT_NUMBER or not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            faults.append(
                f"{where} is not a name for a key: small letters, digits and _, not {STUDENT_NUMBER}"
            )
        found[name] = read(PersonKeySettings, table, where, faults, {"name": name})
    return found


def _check_connections(settings: Settings) -> None:
    for slug, mini_app in settings.mini_apps.items():
        for step, connector in mini_app.steps.items():
            if connector not in settings.connectors:
                settings.faults.append(f"mini_apps.{slug}.steps.{step} names no connector: {connector}")
    for section in ("mini_apps", "sign_in"):
        if not getattr(settings, section):
            settings.faults.append(f"{section} is empty: at least one is needed")
