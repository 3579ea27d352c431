"""The sections `[mini_apps.<slug>]`: when a mini-app is open, for whom, who answers for its steps, and its canary students."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from app.config_model import (
    MUST_BE_SET,
    SHOWN_DEFAULT,
    Choice,
    Day,
    Mistakes,
    PathText,
    Section,
    Text,
    Whole,
    between,
    matching,
    read_texts,
)
from app.domain.person import LEAVERS, Role
from app.domain.texts import ControlCharacter, clean_text
from app.settings.campus import PersonNumbers
from app.settings.seal import OptionalSeal
from app.settings.sections import ROOT

ALL_LEVELS = "all"
ROLLING = "rolling"
"""The period of whoever leaves at any time of the year; of a later series with its number."""
_RESERVED = re.compile(rf"{ROLLING}(-[0-9]*)?", re.IGNORECASE)
ANY_FACT = ""
"""Stands for the fact where a failing canary student is named for none."""


def require_somebody(numbers: tuple[str, ...]) -> tuple[str, ...]:
    """Refuse a list of nobody."""
    if not numbers:
        raise ValueError("names nobody")
    return numbers


CanaryNumbers = Annotated[PersonNumbers, AfterValidator(require_somebody)]


class Canaries(Section):
    """Canary students of a step: those known to pass, and by fact those whom this very fact keeps from passing."""

    passes: CanaryNumbers
    fails: Mapping[str, CanaryNumbers]

    @field_validator("fails", mode="before")
    @classmethod
    def name_facts(cls, fails: object) -> object:
        """A number or a list of them stands for ANY_FACT; a table names its facts."""
        if fails == {}:
            raise ValueError("names no fact")
        return fails if isinstance(fails, dict) else {ANY_FACT: fails}

    @model_validator(mode="after")
    def check_both(self) -> Canaries:
        """Refuse a student who is to pass and to fail."""
        if {number for numbers in self.fails.values() for number in numbers} & set(self.passes):
            raise Mistakes(("fails", "and passes name the same canary student"))
        return self

    @property
    def numbers(self) -> tuple[str, ...]:
        """All of them, each once."""
        failing = (number for numbers in self.fails.values() for number in numbers)
        return tuple(dict.fromkeys((*self.passes, *failing)))


def drop_unset(canaries: object) -> object:
    """The canary students without those of steps that are set to nothing."""
    if not isinstance(canaries, dict):
        return canaries
    return {step: named for step, named in canaries.items() if named != ""}


def read_levels(value: object) -> object:
    """The levels that are let in; none for all of them, which must be said: whoever forgets it lets everybody in."""
    if value == ():  # the default; the files have lists
        raise ValueError(f'is missing: list the levels 培养层次 that it is for, or say "{ALL_LEVELS}"')
    levels = read_texts(value)
    if value == ALL_LEVELS or levels == (ALL_LEVELS,):
        return ()
    if not isinstance(levels, tuple):
        return levels
    # From the environment, levels are joined by commas.
    if (isinstance(value, str) and "," not in value) or any(
        not level.strip() or level.strip().lower() == ALL_LEVELS for level in levels
    ):
        raise ValueError(
            f'must be a list of the levels 培养层次 as the sign-in tells them, or "{ALL_LEVELS}"'
        )
    if not levels:
        raise ValueError(f'is empty: list the levels 培养层次, or say "{ALL_LEVELS}"')
    return levels


def read_wanted(value: object) -> object:
    """The texts of which a person is to have one, as what sign-ins tell is compared with them."""
    texts = read_texts([value] if type(value) is str else value)
    if not isinstance(texts, tuple):
        return texts
    try:
        words = tuple(clean_text(text) for text in texts)
    except ControlCharacter:
        raise ValueError("holds a text with a control character") from None
    if not words or not all(words):
        raise ValueError("must be a text or a list of texts, none of them empty: nobody would be let in")
    return words


def check_leavers(roles: tuple[Role, ...]) -> tuple[Role, ...]:
    """Refuse a mini-app of nobody, and one for those who decide of others."""
    if not roles:
        raise ValueError("is empty: the mini-app would be for nobody")
    if not set(roles) <= set(LEAVERS):
        raise ValueError(
            f"must be of {', '.join(LEAVERS)}: whoever else leaves has one of these at the sign-in"
        )
    return roles


Leavers = Annotated[tuple[Choice[Role], ...], BeforeValidator(read_texts), AfterValidator(check_leavers)]


WantedTexts = Annotated[tuple[str, ...], BeforeValidator(read_wanted)]


TellingName = Annotated[str, matching(r"[a-z][a-z0-9_]{0,39}")]


PERIOD_KEYS = ("period", "period_title", "closes_on")


def require_part(value: object) -> object:
    """Refuse what MiniAppSettings.find_missing found missing."""
    if value is None:
        raise ValueError(
            f"is missing: a period has {', '.join(PERIOD_KEYS)}, and what is open all year none of them"
        )
    return value


OF_A_PERIOD = BeforeValidator(require_part)


class MiniAppSettings(Section):
    """`[mini_apps.<slug>]`: when a mini-app is open, for which period, roles, levels of study (none: all of them) and
    attributes, who answers for each step, and the canary students by step.
    """

    slug: str
    opens_on: Day = Field(description="the first day on which it takes submissions")
    closes_on: Annotated[Day | None, OF_A_PERIOD] = Field(
        None,
        json_schema_extra={SHOWN_DEFAULT: "none: open all year"},
        description="the last day on which it takes submissions. A period has `closes_on`, `period` and `period_title`; with "
        "none of the three it is open all year, for one submission a person (see [For whom, and "
        "when](../miniapp_templates/README.md#for-whom-and-when))",
    )
    series: Annotated[Whole, between(1, 1000)] = Field(
        1,
        description="of what is open all year: a higher one lets everybody submit once more, such as who comes back years "
        "later under the same number",
    )
    period: Annotated[Text, matching(r"[0-9A-Za-z-]{1,20}"), OF_A_PERIOD] = Field(
        ROLLING,
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET} with `closes_on`, else `{ROLLING}`"},
        description="the period 批次, e.g. `2026-06`; one submission a person and period",
    )
    period_title: Annotated[Text, OF_A_PERIOD] = Field(
        "",
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET} with `closes_on`, else none"},
        description="how the period is printed",
    )
    slip_valid_days: Annotated[Whole, between(0, 36500)] | None = Field(
        None,
        json_schema_extra={SHOWN_DEFAULT: "`[slip] validity_days`"},
        description="how long its slips are valid, from the day of issue on; 0: for ever",
    )
    levels: Annotated[tuple[str, ...], BeforeValidator(read_levels)] = Field(
        (),
        validate_default=True,
        json_schema_extra={SHOWN_DEFAULT: MUST_BE_SET},
        description='the levels 培养层次 that it is for, as the sign-in writes them: `["硕士", "博士"]`; or `"all"`, in so '
        "many words. With levels named, a sign-in must tell the level (`[.claims] level`), and who comes by one that "
        "does not is not let in: the page says so, with the code `level_missing`, which the log line `request refused` "
        "has as `reason` (others: `other_level`, `period_missing`, `other_period`). Width, case and spaces make no "
        "other level or period",
    )
    roles: Leavers = Field(
        (Role.STUDENT,),
        json_schema_extra={SHOWN_DEFAULT: '`["student"]`'},
        description="the roles of those whom it is for, of `student`, `postdoc` 博士后 and `teacher`: one is enough. Each is a "
        "word of `[sign_in.<name>.roles]`; whoever is no student is asked for by the staff number 工号 where "
        "`[.claims] staff_number` tells it. A role lets somebody clear, and gives no right over others",
    )
    only: Mapping[TellingName, WantedTexts] = Field(
        {},
        description="for whom among them: a table of an attribute of the sign-in, `college` or `major` = the texts of which "
        'a person is to have one, e.g. `{ kind = ["博士后", "访问学者"] }`; all of its lines must hold, and whoever comes by a '
        "sign-in that does not tell one of them is not let in (`attribute_missing`, else `other_attribute`). Width, case "
        "and spaces make no other text",
    )
    folder: PathText = Field(
        description="where the mini-app lies",
        json_schema_extra={SHOWN_DEFAULT: "`miniapp_templates/<slug>`"},
    )
    statement: str = Field(
        "", description="the sentence below the steps of the slip, instead of the manifest's"
    )
    issuing_office: str = Field(
        "",
        description="the office that issues the slip 落款, instead of the manifest's. The English of both stands in `[english]`",
    )
    seal: OptionalSeal = Field(
        None,
        description="the office's seal 公章: a square PNG with a transparent ground, 300 pixels or more a side, at most 1 MB. "
        'It is printed 42 mm wide under the office\'s name and the day; without it, or with `""`, the slip has a place for a stamp. '
        "A relative path starts at the folder in which the service is started",
    )
    steps: Mapping[str, str] = Field(
        {}, description="step = the name of the connector that answers for it; every step needs one"
    )
    not_handled: Mapping[str, Text] = Field(
        {},
        description="step = the sentence for a student of whom its department has no record: such a one does not pass then, "
        "whatever the manifest says. For a desk whose clerks handle everybody: who was not there yet is 未通过. The English "
        "stands in `[english]`",
    )
    canaries: Annotated[Mapping[str, Canaries], BeforeValidator(drop_unset)] = Field(
        {},
        description='step = `{ passes = "…", fails = "…" }`: canary students of the department, some known to pass and '
        'some known not to; see below. `""` takes away those that an earlier file names',
    )

    @property
    def is_rolling(self) -> bool:
        """Whether it is open all year, for one submission a person."""
        return self.closes_on is None

    @property
    def own_words(self) -> dict[str, str]:
        """What slips say in place of the manifest's words, by its keys; "" for what they do not."""
        return {"statement": self.statement, "issuing_office": self.issuing_office}

    @field_validator("only")
    @classmethod
    def check_names(cls, only: Mapping[str, tuple[str, ...]]) -> Mapping[str, tuple[str, ...]]:
        """Refuse a level, which has a key of its own."""
        if "level" in only:
            raise Mistakes(("level", "has a key of its own: levels"))
        return only

    @field_validator("folder")
    @classmethod
    def find_folder(cls, folder: Path) -> Path:
        """A relative one lies below the program's."""
        return ROOT / folder

    @field_validator("canaries")
    @classmethod
    def check_steps(cls, canaries: Mapping[str, Canaries], info: ValidationInfo) -> Mapping[str, Canaries]:
        """Refuse canary students of no step."""
        steps = info.data.get("steps", canaries)  # wrong ones are told already
        unknown = [("", f"has {step}, which is no step") for step in canaries if step not in steps]
        if unknown:
            raise Mistakes(*unknown)
        return canaries

    @model_validator(mode="before")
    @classmethod
    def find_missing(cls, table: object) -> object:
        """With one key of a period the others are missing; else nobody could tell what was forgotten. With none of them
        the period is that of the series.
        """
        if not isinstance(table, dict):
            return table
        if any(key in table for key in PERIOD_KEYS):
            return {**dict.fromkeys(PERIOD_KEYS), **table}
        series = str(table.get("series", ""))
        return (
            {**table, "period": f"{ROLLING}-{series}"} if re.fullmatch("[2-9]|[1-9][0-9]+", series) else table
        )

    @model_validator(mode="after")
    def check_days(self) -> MiniAppSettings:
        """Refuse a mini-app that is never open, and a series of periods, which are told apart by their names."""
        if self.closes_on is None:
            return self
        if self.opens_on > self.closes_on:
            raise Mistakes(("opens_on", "is after closes_on"))
        if _RESERVED.fullmatch(self.period):
            raise Mistakes(("period", "is the name that stands for what is open all year: give it another"))
        if self.series > 1:
            raise Mistakes(("series", "is of what is open all year: each period has a name of its own"))
        return self
