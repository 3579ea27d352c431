"""What can be set for a plain OAuth 2.0 platform."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from app.domain.student_number import NumberForm
from app.identity.addresses import is_provider_address
from app.identity.answers import AnswerFormat
from app.identity.claims import PATH_PATTERN, ClaimPaths, read_claim_paths
from app.identity.exchange import CLIENT_AUTH, DEADLINE_SECONDS
from app.tables import Table

NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_.-]{0,39}"

Choice = TypeVar("Choice", bound=StrEnum)


class TokenPlacement(StrEnum):
    """Where userinfo expects the access token."""

    HEADER = "header"
    QUERY = "query"
    BODY = "body"


@dataclass(frozen=True, slots=True)
class OAuth2Settings:
    """`[sign_in.<name>]` with kind = "oauth2". Paths are dotted; `success_field` "" means that there is none;
    `entry` is "" or "code".
    """

    name: str
    label: str
    authorize_url: str
    token_url: str
    userinfo_url: str
    client_id: str
    client_id_name: str
    client_secret: str = field(repr=False)
    client_secret_name: str
    client_auth: str
    scope: str
    pkce: bool
    token_method: str
    token_format: AnswerFormat
    token_path: str
    token_placement: TokenPlacement
    token_name: str
    userinfo_format: AnswerFormat
    userinfo_path: str
    success_field: str
    success_value: str
    entry: str
    deadline_seconds: float
    claims: ClaimPaths


def read_oauth2_settings(name: str, table: Table, numbers: NumberForm) -> OAuth2Settings:
    """Read the section of a provider, noting what is wrong."""
    settings = OAuth2Settings(
        name=name,
        label=table.text("label"),
        authorize_url=_read_address(table, "authorize_url"),
        token_url=_read_address(table, "token_url"),
        userinfo_url=_read_address(table, "userinfo_url"),
        client_id=table.text("client_id"),
        client_id_name=table.text("client_id_name", "client_id", pattern=NAME_PATTERN),
        client_secret=table.secret("client_secret"),
        client_secret_name=table.text("client_secret_name", "client_secret", pattern=NAME_PATTERN),
        client_auth=table.text("client_auth", CLIENT_AUTH[0], choices=CLIENT_AUTH),
        scope=table.text("scope", ""),
        pkce=table.flag("pkce", True),
        token_method=table.text("token_method", "POST", choices=("POST", "GET")),
        token_format=_read_choice(table, "token_format", AnswerFormat.JSON),
        token_path=table.text("token_path", "access_token", pattern=PATH_PATTERN),
        token_placement=_read_choice(table, "token_placement", TokenPlacement.HEADER),
        token_name=table.text("token_name", "access_token", pattern=NAME_PATTERN),
        userinfo_format=_read_choice(table, "userinfo_format", AnswerFormat.JSON),
        userinfo_path=table.text("userinfo_path", "", pattern=PATH_PATTERN),
        success_field=table.text("success_field", ""),
        success_value=table.text("success_value", ""),
        entry=table.text("entry", "", choices=("code",)),
        deadline_seconds=table.number("deadline_seconds", DEADLINE_SECONDS, least=0.1, most=30),
        claims=read_claim_paths(table, numbers),
    )
    if "openid" in settings.scope.split():
        table.fault("scope", 'asks for openid: use kind = "oidc", which checks the id_token')
    if bool(settings.success_field) != bool(settings.success_value):
        table.fault("success_field", "and success_value need each other")
    table.close()
    return settings


def _read_address(table: Table, key: str) -> str:
    address = table.text(key)
    if address and not is_provider_address(address):
        table.fault(key, "must be an https address (http only on this machine)")
    return address


def _read_choice(table: Table, key: str, default: Choice) -> Choice:
    kind = type(default)
    text = table.text(key, default, choices=tuple(kind))
    return kind(text) if text in tuple(kind) else default
