"""The tables of keys in the documents, from the declarations. As a program it writes them: each between a mark
`<!-- keys: name -->`, with a name of TABLES, and `<!-- end -->`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, get_args, get_origin
from zoneinfo import ZoneInfo

from pydantic.fields import FieldInfo

from app.config_model import MUST_BE_SET, SHOWN_DEFAULT, Section, is_secret
from app.connectors.config import ConnectorConfig
from app.connectors.desk import DeskConfig
from app.connectors.fields import JsonField
from app.connectors.http.client import HttpAction, HttpConfig
from app.connectors.http.fixed import SecretField
from app.connectors.sip2.connector import BlockShape, Sip2Config
from app.connectors.sql.config import SqlConfig
from app.domain import applies, mini_app, office, opening_hours, step
from app.identity.cas import CasSettings
from app.identity.oauth2 import OAuth2Settings
from app.identity.oidc import OidcSettings
from app.identity.settings import ProviderSettings
from app.settings import campus, mini_apps, sections

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = (
    *(ROOT / "config" / name for name in ("README.md", "CONNECTING.md", "DEPARTMENTS.md")),
    ROOT / "miniapp_templates" / "README.md",
)
TABLES: dict[str, type[Section]] = {
    "service": sections.ServiceSettings,
    "database": sections.DatabaseSettings,
    "numbers": campus.NumberSettings,
    "answers": campus.AnswerSettings,
    "session": sections.SessionSettings,
    "slip": sections.SlipSettings,
    "checkpoints": sections.CheckpointSettings,
    "retention": sections.RetentionSettings,
    "privacy": sections.PrivacySettings,
    "console": sections.ConsoleSettings,
    "rate_limit": sections.RateLimitSettings,
    "uploads": sections.UploadSettings,
    "round": sections.RoundSettings,
    "sign_in": ProviderSettings,
    "sign_in oidc": OidcSettings,
    "sign_in oauth2": OAuth2Settings,
    "sign_in cas": CasSettings,
    "roles": campus.RoleSettings,
    "person_keys": campus.PersonKeySettings,
    "mini_apps": mini_apps.MiniAppSettings,
    "connectors": ConnectorConfig,
    "connectors field": JsonField,
    "connectors http_json": HttpConfig,
    "connectors http_json action": HttpAction,
    "connectors http secret": SecretField,
    "connectors sql": SqlConfig,
    "connectors sip2": Sip2Config,
    "connectors sip2 action": BlockShape,
    "connectors desk": DeskConfig,
    "manifest": mini_app.MiniApp,
    "manifest step": step.Step,
    "manifest condition": applies.Condition,
    "manifest person": applies.PersonField,
    "manifest office": office.Office,
    "manifest special office": office.SpecialOffice,
    "manifest guidance": step.Guidance,
    "manifest hours": opening_hours.Hours,
    "manifest link": office.Link,
    "manifest fact": step.FactSpec,
    "manifest reason": step.ReasonSpec,
    "manifest desk reason": step.DeskReason,
    "manifest action": step.ActionSpec,
}
"""The sections by the names of their marks. A table has the keys of its section but those of a base that has a table."""
MARK = re.compile(r"(<!-- keys: ([a-z0-9_ ]+) -->\n).*?(<!-- end -->)", re.DOTALL)


def fill_tables(text: str) -> str:
    """A document with the tables that it has marks for. Raises KeyError for a mark of no table."""
    return MARK.sub(lambda found: f"{found[1]}{make_table(TABLES[found[2]])}{found[3]}", text)


def make_table(section: type[Section]) -> str:
    """The keys that a section declares itself, a line each."""
    bases = [base for base in TABLES.values() if base in section.__mro__[1:]]
    told = {name for base in bases for name, field in base.model_fields.items() if field.description}
    own = {name: field for name, field in section.model_fields.items() if name not in told}
    lines = ["| key | default | meaning |", "| --- | --- | --- |", *_list_lines(own, "")]
    return "\n".join(lines) + "\n"


def _list_lines(declared: Mapping[str, FieldInfo], within: str) -> Iterator[str]:
    for name, field in declared.items():
        if field.description is None:  # given beside the table, and no key of it
            continue
        key, meaning = field.alias or name, field.description.replace("|", "\\|")
        inner, kind = find_section(field.annotation), get_origin(field.annotation)
        if inner is not None or kind in (dict, Mapping):
            place = f"{within}`[[.{key}]]`" if kind is tuple else f"{within}`[.{key}]`"
            yield f"| {place} | | {meaning} |"
            if inner is not None and not any(issubclass(table, inner) for table in TABLES.values()):
                yield from _list_lines(inner.model_fields, f"{place} ")
        else:
            keys = f"`{key}`, `{key}_file`" if is_secret(field) else f"`{key}`"
            yield f"| {within}{keys} | {show_default(field)} | {meaning} |"


def find_section(kind: object) -> type[Section] | None:
    """The section that a key of this type is or has several of."""
    if isinstance(kind, type) and issubclass(kind, Section):
        return kind
    return next((inner for part in get_args(kind) if (inner := find_section(part))), None)


def show_default(field: FieldInfo) -> str:
    if isinstance(field.json_schema_extra, dict):
        return str(field.json_schema_extra[SHOWN_DEFAULT])
    if field.is_required():
        return MUST_BE_SET
    default = write_default(field)
    if default in (None, "", []):
        return "none"
    shown = str(default).lower() if isinstance(default, bool) else str(default).replace("|", "\\|")
    return f"`{shown}`"


def write_default(field: FieldInfo) -> Any:
    """A default as a file would have it."""
    default = field.default
    if isinstance(default, ZoneInfo):
        return default.key
    if isinstance(default, date):
        return default.isoformat()
    if isinstance(default, float):
        return int(default) if default.is_integer() else default
    return list(map(str, default)) if isinstance(default, tuple) else default


if __name__ == "__main__":
    for document in DOCUMENTS:
        document.write_text(fill_tables(document.read_text(encoding="utf-8")), encoding="utf-8")
