"""What every kind of sign-in is configured by: `[sign_in.<name>]`, its `[.claims]` and its `[.roles]`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from app.config_model import Choice, Mistakes, Number, Section, Text, between, matching
from app.domain.json_reading import PATH_PATTERN
from app.domain.person import NumberForm, Role
from app.domain.texts import ControlCharacter, clean_text
from app.identity.http import DEADLINE_SECONDS, is_provider_address


def check_address(address: str) -> str:
    """Refuse an address that codes and secrets may not be sent to."""
    if not is_provider_address(address):
        raise ValueError("must be an https address (http only on this machine)")
    return address


def read_expression(value: object) -> object:
    """A regular expression; none for an empty text."""
    if not isinstance(value, str):
        raise ValueError("must be a text")
    try:
        return re.compile(value) if value else None
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None


Address = Annotated[Text, AfterValidator(check_address)]
Expression = Annotated[re.Pattern[str] | None, BeforeValidator(read_expression)]
OptionalPath = Annotated[str, matching(PATH_PATTERN)]
"""A dotted path through an answer, or "": nowhere. See `claims.find_claim`."""
ClaimPath = Annotated[Text, matching(PATH_PATTERN)]


AttributeName = Annotated[Text, matching(r"[a-z][a-z0-9_]{0,39}")]


class ClaimPaths(Section):
    """`[sign_in.<name>.claims]`: where each fact stands in the provider's answer, as dotted paths such as
    `attributes.cn`, `entities[0].code` or `profiles[kind=graduate].stno`.
    """

    student_number: ClaimPath = Field(description="of the student number")
    staff_number: OptionalPath = Field("", description="of the staff number")
    name: ClaimPath = Field(description="of the person's name")
    college: OptionalPath = Field("", description="of the college")
    major: OptionalPath = Field("", description="of the major")
    level: OptionalPath = Field("", description="of the level 培养层次")
    role: OptionalPath = Field("", description="of the provider's word for the role; needs `[.roles]`")
    graduation_period: OptionalPath = Field("", description="of the period 批次")
    language: OptionalPath = Field("", description="of the language, a tag such as `en-GB`")
    identities: OptionalPath = Field(
        "",
        description="where a list of a person's identities stands; each is called `identity` in the other paths "
        "(`identity.stno`), and with several the person chooses",
    )


class ProviderSettings(Section):
    """`[sign_in.<name>]`, whatever its kind. `numbers` is the form of the campus's numbers."""

    name: str
    numbers: NumberForm
    label: Text = Field(description="what the person reads, e.g. 统一身份认证")
    browsers: Expression = Field(
        None,
        description="with several providers: a regular expression that is searched in the browser's User-Agent, for whom "
        "this one is taken without asking; `/sign-in?choose=1` lets one choose all the same",
    )
    deadline_seconds: Annotated[Number, between(0.1, 30)] = Field(
        DEADLINE_SECONDS, description="the whole conversation with the provider in one sign-in"
    )
    claims: ClaimPaths = Field(
        description="where the facts stand in the provider's answer, as dotted paths: `attributes.cn`, `entities[0].code` or "
        "`profiles[kind=graduate].stno`"
    )
    attributes: Mapping[AttributeName, ClaimPath] = Field(
        {},
        description="what else the provider tells of a person, for conditions, and for the fields of pages and slips: "
        'name = path, e.g. `kind = "identity.pylx"` for 全日制, 非全日制, 定向, 留学生',
    )
    keys: Mapping[AttributeName, ClaimPath] = Field(
        {},
        description="what else systems know a person by: the name of a key in `[person_keys]` = path, e.g. "
        '`card_number = "attributes.ykth"`; one text or a list of them',
    )
    roles: Mapping[str, Choice[Role]] = Field(
        {},
        validate_default=True,
        description="the provider's word for a role = `student`, `postdoc`, `teacher`, `clerk`, `guard` or `administrator`. Of several "
        "words those that stand here count, and of these the first; none of them is refused",
    )

    @field_validator("attributes")
    @classmethod
    def check_attributes(cls, attributes: Mapping[str, str]) -> Mapping[str, str]:
        """Refuse a name that a claim has already."""
        twice = [(name, "is a key of [.claims]") for name in attributes if name in ClaimPaths.model_fields]
        if twice:
            raise Mistakes(*twice)
        return attributes

    @field_validator("roles")
    @classmethod
    def check_roles(cls, roles: Mapping[str, Role], info: ValidationInfo) -> Mapping[str, Role]:
        """The words as answers are compared with them. Refuses words without a claim, and a claim without words."""
        claims = info.data.get("claims")
        if claims is not None and bool(claims.role) != bool(roles):
            raise ValueError("and claims.role need each other")
        try:
            return {clean_text(word): role for word, role in roles.items()}
        except ControlCharacter:
            raise ValueError("hold a word with a control character") from None
