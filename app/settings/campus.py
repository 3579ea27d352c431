"""The sections that describe a campus: its numbers, what its answers mean, who has a role, and its mini-apps."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from app.config_model import (
    SHOWN_DEFAULT,
    Choice,
    Day,
    Flag,
    Mistakes,
    Pattern,
    Section,
    Text,
    Texts,
    read_one_or_more,
)
from app.domain.conventions import FIRST_DAY, USUAL_NOTHING, Conventions, make_nothing
from app.domain.person import USUAL_PATTERN, LetterCase, MalformedNumber, NumberForm, Role
from app.domain.texts import ControlCharacter


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


PersonNumbers = Annotated[Texts, BeforeValidator(read_one_or_more), AfterValidator(fold_numbers)]


PersonKeyTexts = Annotated[Texts, BeforeValidator(read_one_or_more)]


class NumberSettings(Section):
    """`[numbers]`: what the numbers of students and staff look like."""

    pattern: Pattern = Field(
        USUAL_PATTERN,
        description="a regular expression that every folded number of a student or a member of staff matches (1 to 32 "
        "letters and digits); those of `[roles]` and the canary students show that it fits",
    )
    case: Choice[LetterCase] = Field(
        LetterCase.UPPER,
        description="how the campus writes letters in numbers: `upper`, `lower`, or `kept` where `ts1` and `TS1` are two "
        "people. `pattern`, and a desk's `number_pattern`, must name letters so",
    )

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


class PersonKeySettings(Section):
    """`[person_keys.<name>]`: a key by which some systems know people, and who tells it."""

    name: str
    label: Text = Field(description="what students read, e.g. 一卡通号; its English stands in `[english]`")
    contact: Text = Field(
        description="whom a student asks whose key is not known, with room and telephone: the item is unavailable until then"
    )
    connector: str = Field(
        "",
        json_schema_extra={SHOWN_DEFAULT: "the sign-in"},
        description="the connector whose fact it is, asked by the student number or by another key; none: the sign-in tells "
        "it, `[sign_in.<name>.keys]`. It answers for no step: what steps learn is stored, and a key is not",
    )
    fact: str = Field("", description="with `connector`: the fact, a text")
    pattern: Pattern = Field(
        USUAL_PATTERN,
        description="a regular expression that every key matches (1 to 32 letters and digits); another one makes the item "
        "unavailable",
    )
    case: Choice[LetterCase] = Field(
        LetterCase.UPPER, description="how letters are written in it: `upper`, `lower` or `kept`"
    )
    several: Flag = Field(
        False,
        description="true: a person may have several, as earlier numbers; each is asked about, and all must pass. Otherwise "
        "a second one makes the item unavailable",
    )
    optional: Flag = Field(
        False,
        description="true: a person may have none, and is then asked about by the other keys of `asked_by` alone, which it "
        "needs. What it costs: a mapping that lost a row, or a sign-in that left it out, hides what stands under it",
    )
    holder: str = Field(
        "",
        description="needed where `connector` tells an `optional` key: a student number that is known to have one. Whenever a "
        "student has none, the connector is asked about this one too, and then about the student again; unless it tells "
        "a key of the holder, and again none of the student, the item is unavailable (`key_unproven`). So an emptied "
        "mapping hides nothing; the calls count within the deadline of the round",
    )
    canaries: Mapping[str, PersonKeyTexts] = Field(
        {},
        description="for a key that the sign-in tells: canary student = key, as canary students never sign in",
    )

    @model_validator(mode="after")
    def check_source(self) -> PersonKeySettings:
        """Refuse half a source."""
        wrong = []
        if bool(self.connector) != bool(self.fact):
            wrong.append(("fact" if self.connector else "connector", "is missing"))
        if self.connector and self.canaries:
            wrong.append(
                ("canaries", "are for a key that the sign-in tells: the connector is asked about them too")
            )
        if self.connector and self.optional and not self.holder:
            wrong.append(("holder", "is missing: a connector that lost its rows would tell of nobody's key"))
        if self.holder and not (self.connector and self.optional):
            wrong.append(("holder", "is for an optional key that a connector tells"))
        if self.form.contradicts(self.pattern):
            wrong.append(("pattern", f'has no letter as case = "{self.case}" writes them: nothing can match'))
        if wrong:
            raise Mistakes(*wrong)
        return self

    @property
    def form(self) -> NumberForm:
        """What folds a key and knows one."""
        return NumberForm(self.pattern, self.case)


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
