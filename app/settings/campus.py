"""The sections that describe a campus: its numbers, what its answers mean, who has a role, and its mini-apps."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

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
    Texts,
    matching,
    read_texts,
)
from app.domain.conventions import FIRST_DAY, USUAL_NOTHING, Conventions, make_nothing
from app.domain.person import USUAL_PATTERN, LetterCase, MalformedNumber, NumberForm, Role
from app.domain.texts import ControlCharacter
from app.settings.seal import OptionalSeal
from app.settings.sections import ROOT

ALL_LEVELS = "all"
ANY_FACT = ""
"""Stands for the fact where a failing canary student is named for none."""


def fold_numbers(texts: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    """The numbers of people in their one form, that of the context's `numbers`; as they are without a context."""
    if info.context is None:
        return texts
    form: NumberForm = info.context["numbers"]
    numbers, wrong = [], []
    for text in texts:
        try:
            numbers.append(form.fold(text))
        except MalformedNumber:
            wrong.append(("", f"names what is no number of a person: {text!r}"))
    if wrong:
        raise Mistakes(*wrong)
    return tuple(numbers)


def read_one_or_more(value: object) -> object:
    """A number alone as a list of one."""
    found = read_texts(value)
    return (found,) if isinstance(found, str) and found else found


PersonNumbers = Annotated[Texts, BeforeValidator(read_one_or_more), AfterValidator(fold_numbers)]


class NumberSettings(Section):
    """`[numbers]`: what the numbers of students and staff look like."""

    pattern: Text = Field(
        USUAL_PATTERN,
        description="a regular expression that every folded number of a student or a member of staff matches (1 to 32 "
        "letters and digits); those of `[roles]` and the canary students show that it fits",
    )
    case: Choice[LetterCase] = Field(
        LetterCase.UPPER,
        description="how the campus writes letters in numbers: `upper`, `lower`, or `kept` where `ts1` and `TS1` are two "
        "people. `pattern`, and a desk's `number_pattern`, must name letters so",
    )

    @field_validator("pattern")
    @classmethod
    def check_syntax(cls, pattern: str) -> str:
        """Refuse what is no regular expression."""
        try:
            re.compile(pattern)
        except re.error:
            raise ValueError("is not a regular expression") from None
        return pattern

    @model_validator(mode="after")
    def check_fit(self, info: ValidationInfo) -> NumberSettings:
        """A pattern that fits the campus knows at least one of the context's `examples`: of the numbers that the
        configuration names and that are numbers at all.
        """
        examples = info.context["examples"] if info.context else ()
        usual = NumberForm(case=self.case)
        known = [text for text in examples if _is_number(usual, text)]
        if self.form.contradicts(self.pattern):
            raise Mistakes(
                ("pattern", f'has no letter as case = "{self.case}" writes them: nothing can match')
            )
        if known and not any(_is_number(self.form, text) for text in known):
            raise Mistakes(
                (
                    "pattern",
                    f"knows none of the numbers of [roles] and of canary students, written in {self.case} case",
                )
            )
        return self

    @property
    def form(self) -> NumberForm:
        """What folds a number and knows one."""
        return NumberForm(self.pattern, self.case)


def _is_number(form: NumberForm, text: str) -> bool:
    try:
        form.fold(text)
    except MalformedNumber:
        return False
    return True


class AnswerSettings(Section):
    """`[answers]`: what holds for the answers of every department."""

    nothing: Texts = Field(
        USUAL_NOTHING,
        json_schema_extra={SHOWN_DEFAULT: "[the usual list](../app/domain/conventions.py)"},
        description='the texts and days that stand for nothing, e.g. `["无", "未办理", "9999-12-31"]`: where a field has '
        "`empty = true` the fact is empty, and does not pass; elsewhere the answer is not believed. Width, case and "
        "signs around a text do not count, and a text without letter or digit (`-`) always stands for nothing; at a "
        "desk only a stroke does (`-`, `/`), and any other sign alone, such as 〃 or √, is refused. Setting "
        "it replaces the usual list; what a field names in "
        "`known` or `values` is known there",
    )
    not_before: Day = Field(
        FIRST_DAY,
        description="the first day that a day can be; the last is today by `time_zone`. A field may say otherwise: "
        "`not_before`, `may_be_future = true`",
    )

    @field_validator("nothing")
    @classmethod
    def check_texts(cls, texts: tuple[str, ...]) -> tuple[str, ...]:
        """Refuse what no answer can hold."""
        try:
            make_nothing(texts)
        except ControlCharacter:
            raise ValueError("holds a text with a control character") from None
        return texts

    @field_validator("not_before")
    @classmethod
    def check_day(cls, day: date, info: ValidationInfo) -> date:
        """Refuse a day to come on the clock of the context's `zone`."""
        zone: tzinfo = info.context["zone"] if info.context else ZoneInfo("UTC")
        if day > datetime.now(zone).date():
            raise ValueError("is in the future: every day in an answer would be refused")
        return day

    def make_conventions(self, zone: tzinfo, numbers: NumberForm) -> Conventions:
        """What answers are read by, with the campus's time zone and form of numbers."""
        return Conventions(make_nothing(self.nothing), self.not_before, zone, numbers)


class RoleSettings(Section):
    """`[roles]`: the numbers that have a role whatever the sign-in says."""

    administrators: PersonNumbers = Field(
        (),
        description='the staff numbers of administrators, whatever the provider says, e.g. `["00420014"]`. It holds '
        "from the next sign-in on: `flask --app wsgi sessions end NUMBER --by NUMBER` ends those that are open",
    )
    clerks: PersonNumbers = Field((), description="likewise of clerks")
    guards: PersonNumbers = Field((), description="likewise of guards")
    teachers: PersonNumbers = Field((), description="likewise of teachers")

    @field_validator("clerks", "guards", "teachers")
    @classmethod
    def check_others(cls, numbers: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        """Refuse a number that has a role already."""
        twice = [
            ("", f"names a number that is in {key} too")
            for key, others in info.data.items()
            if not set(numbers).isdisjoint(others)
        ]
        if twice:
            raise Mistakes(*twice)
        return numbers

    @property
    def by_number(self) -> dict[str, Role]:
        """The role of each folded number."""
        return {
            number: role
            for role in (Role.ADMINISTRATOR, Role.CLERK, Role.GUARD, Role.TEACHER)
            for number in getattr(self, f"{role}s")
        }


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


class MiniAppSettings(Section):
    """`[mini_apps.<slug>]`: when a mini-app is open, for which period and levels of study (none: all of them),
    who answers for each step, and the canary students by step.
    """

    slug: str
    period: Annotated[Text, matching(r"[0-9A-Za-z-]{1,20}")] = Field(
        description="the period 批次, e.g. `2026-06`; one submission a student and period"
    )
    period_title: Text = Field(description="how the period is printed")
    opens_on: Day = Field(description="the first day on which it takes submissions")
    closes_on: Day = Field(description="the last day on which it takes submissions")
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
    canaries: Mapping[str, Canaries] = Field(
        {},
        description='step = `{ passes = "…", fails = "…" }`: canary students of the department, some known to pass and '
        "some known not to; see below",
    )

    @property
    def own_words(self) -> dict[str, str]:
        """What slips say in place of the manifest's words, by its keys; "" for what they do not."""
        return {"statement": self.statement, "issuing_office": self.issuing_office}

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

    @model_validator(mode="after")
    def check_days(self) -> MiniAppSettings:
        """Refuse a mini-app that is never open."""
        if self.opens_on > self.closes_on:
            raise Mistakes(("opens_on", "is after closes_on"))
        return self


def list_examples(data: Mapping[str, Any]) -> list[str]:
    """The numbers of people that the configuration names: in `[roles]` and as canary students."""
    mini_apps = data.get("mini_apps")
    tables = mini_apps.values() if isinstance(mini_apps, dict) else ()
    canaries = [table.get("canaries") for table in tables if isinstance(table, dict)]
    places: list[object] = [data.get("roles"), *canaries]
    return [text for place in places for text in _list_texts(place)]


def _list_texts(value: object) -> Iterator[str]:
    """Every text below a value."""
    if isinstance(value, str):
        yield from (part.strip() for part in value.split(","))
    elif isinstance(value, (dict, list)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _list_texts(item)
