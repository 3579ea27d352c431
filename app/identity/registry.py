"""The configured providers, by the kind that each section names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.config_model import read_kind
from app.domain.person import NumberForm
from app.identity.base import IdentityProvider
from app.identity.cas import CasSettings
from app.identity.oauth2 import OAuth2Settings
from app.identity.oidc import OidcSettings

KINDS: dict[str, type[OidcSettings | OAuth2Settings | CasSettings]] = {
    "oidc": OidcSettings,
    "oauth2": OAuth2Settings,
    "cas": CasSettings,
}
NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}")


def build_providers(
    tables: Mapping[str, Mapping[str, Any]], numbers: NumberForm, faults: list[str]
) -> dict[str, IdentityProvider]:
    """The providers of `[sign_in]` that can be built, in the file's order, for a campus whose numbers have this form.
    What is wrong with the others goes to `faults`.
    """
    providers: dict[str, IdentityProvider] = {}
    for name, table in tables.items():
        where, told = f"sign_in.{name}", len(faults)
        if not NAME.fullmatch(name):
            faults.append(f"{where} must be named by small letters, digits, _ and -")
        settings = read_kind(KINDS, table, where, faults, {"name": name, "numbers": numbers})
        if settings is not None and len(faults) == told:
            providers[name] = settings.make_provider()
    return providers
