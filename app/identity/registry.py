"""The configured providers, by the kind that each section names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from app.domain.person import NumberForm
from app.identity.base import IdentityProvider
from app.identity.cas import read_cas
from app.identity.oauth2 import read_oauth2
from app.identity.oidc import read_oidc
from app.tables import Table

KINDS: dict[str, Callable[[str, Table, NumberForm], IdentityProvider]] = {
    "oidc": read_oidc,
    "oauth2": read_oauth2,
    "cas": read_cas,
}
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def read_browsers(tables: Mapping[str, Table]) -> dict[str, re.Pattern[str]]:
    """For whom a provider is chosen without asking: `browsers`, a regular expression that is searched in the
    browser's User-Agent, by the provider's name. To be read before the providers are built.
    """
    patterns = {}
    for name, table in tables.items():
        try:
            pattern = re.compile(table.text("browsers", ""))
        except re.error as error:
            table.fault("browsers", f"is no regular expression: {error}")
            continue
        if pattern.pattern:
            patterns[name] = pattern
    return patterns


def build_providers(tables: Mapping[str, Table], numbers: NumberForm) -> dict[str, IdentityProvider]:
    """Build the providers of `[sign_in]`, in the file's order, for a campus whose numbers have this form. What is
    wrong goes to the tables' faults.
    """
    providers = {}
    for name, table in tables.items():
        if not NAME.fullmatch(name):
            table.faults.append(f"{table.where} must be named by small letters, digits, _ and -")
        kind = table.text("kind", choices=tuple(KINDS))
        if kind in KINDS:
            providers[name] = KINDS[kind](name, table, numbers)
    return providers
