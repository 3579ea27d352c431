"""Settings: frozen, typed, read once at start from config/*.toml and then the environment.

`config/default.toml` comes first, then the files named by `LIXIAO_CONFIG` (joined like a PATH, a later one
over an earlier one), then variables `LIXIAO_<SECTION>__<KEY>` (one `__` per level). Faults are collected,
so that one message lists them all; the sections of connectors and sign-in providers are read by their own
modules through the same list.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.settings import sections
from app.settings.sections import ROOT
from app.settings.sources import FILES, merge, read_environment, read_toml
from app.settings.types import (
    ANY_FACT,
    Canaries,
    MiniAppSettings,
    RetentionSettings,
    RoundSettings,
    Settings,
    SettingsError,
)
from app.tables import Table

__all__ = [
    "ANY_FACT",
    "ROOT",
    "Canaries",
    "MiniAppSettings",
    "RetentionSettings",
    "RoundSettings",
    "Settings",
    "SettingsError",
    "load_settings",
    "read_settings",
]


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
    root = Table(data, "", faults)
    database = root.table("database")
    numbers = sections.read_numbers(root.table("numbers"), sections.list_examples(data))
    service = sections.read_service(root.table("service"))
    settings = Settings(
        service=service,
        database_url=sections.read_database_url(database),
        database_connections=database.integer("connections", 15, least=2, most=100),
        session=sections.read_session(root.table("session")),
        slip=sections.read_slip(root.table("slip")),
        rate_limit=sections.read_rate_limit(root.table("rate_limit")),
        mini_apps={
            slug: sections.read_mini_app(slug, table, numbers)
            for slug, table in root.named_tables("mini_apps").items()
        },
        sign_in=root.named_tables("sign_in"),
        connectors=root.values("connectors", {}),
        round=sections.read_round(root.table("round")),
        retention=sections.read_retention(root.table("retention")),
        privacy=sections.read_privacy(root.table("privacy")),
        numbers=numbers,
        conventions=sections.read_answers(root.table("answers"), service.time_zone, numbers),
        roles=sections.read_roles(root.table("roles"), numbers),
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


def _check_connections(settings: Settings) -> None:
    for slug, mini_app in settings.mini_apps.items():
        for step, connector in mini_app.steps.items():
            if connector not in settings.connectors:
                settings.faults.append(f"mini_apps.{slug}.steps.{step} names no connector: {connector}")
    for section in ("mini_apps", "sign_in"):
        if not getattr(settings, section):
            settings.faults.append(f"{section} is empty: at least one is needed")
