"""A mini-app 微应用 as its manifest describes it: steps, facts, actions, guidance, slip. Data, no code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo, field_validator

from app.config_model import (
    SHOWN_DEFAULT,
    Choice,
    Section,
    Tables,
    Text,
    Texts,
    Whole,
    matching,
    of_context,
    one_of,
    require,
)
from app.domain.clearance import FactValue, Reading, Reason, RuleResult, Status
from app.domain.office import COLLEGE, Contact, Link, Office, SpecialOffice
from app.domain.person import Person
from app.domain.rules import RULES, Rule
from app.domain.slip import COMPARED

NO_TEXTS: Mapping[str, Any] = {}
SCHEMA_VERSION = 1
PURPOSE = "查询您的各项事项是否办结，并在您提交后出具可以核验的凭证。"
Key = Annotated[Text, matching(r"[a-z][a-z0-9_]{0,39}")]


class FactSpec(Section):
    """`[[steps.facts]]`: what the department tells, and how it is shown."""

    key: Key = Field(description="the fact's name in the connector's `[.fields]`")
    label: Text = Field(description="as shown")
    type: Literal["text", "count", "money", "day"] = Field(
        description='`"text"`, `"count"`, `"money"` (shown as ¥12.50) or `"day"` (2026-06-10)'
    )
    unit: str = Field("", description='follows the value, e.g. `" 本"`')
    words: dict[str, Annotated[str, BeforeValidator(str)]] = Field(
        {}, description="table of codes and the words that are shown for them"
    )
    empty: Text = Field("空", description="shown for nothing")

    def format(self, value: FactValue) -> str:
        """The fact as text: money as ¥12.50, a day as ISO 8601."""
        if value is None or value == "":
            return self.empty
        if self.type == "money" and isinstance(value, Decimal | int):
            return f"¥{value:,.2f}"
        if isinstance(value, date):
            return value.isoformat()
        return f"{self.words.get(str(value), str(value))}{self.unit}"


class ReasonSpec(Section):
    """`[steps.reasons.<fact>]`: what to say of a fact that does not pass."""

    message: Text = Field(alias="says", description="what is wrong; `{value}` is the fact as shown")
    message_of_nothing: str = Field(
        "",
        alias="says_of_nothing",
        json_schema_extra={SHOWN_DEFAULT: "as in `says`"},
        description="the same where the department holds nothing. Reasons of one step that say the same are said once",
    )
    next_step: str = Field(
        "", json_schema_extra={SHOWN_DEFAULT: "the step's own"}, description="what to do about it"
    )


class ActionSpec(Section):
    """`[[steps.actions]]`: an action 操作 of a step, offered when the step's reasons are all among `offered_for`."""

    key: Annotated[Text, matching(r"[a-z][a-z0-9-]{0,39}")] = Field(
        description="its name in addresses and in the connector's `[.actions]`: small letters, digits, `-`"
    )
    title: Text = Field(description="the button")
    question: Text = Field(description="asked on the confirmation page")
    warning: Text = Field(description="the consequence, on the same page")
    done: Text = Field(description="what is said after it was done")
    refused: Text = Field(description="what is said after it was refused")
    unknown: Text = Field(description="what is said where nothing is known of it")
    next_step: str = Field(
        "",
        json_schema_extra={SHOWN_DEFAULT: "the reason's own"},
        description="what to do while the action is offered, in the place of the reason's next step",
    )
    offered_for: Annotated[Texts, require("is empty: the action would be offered to everybody")] = Field(
        description="facts; the action is offered exactly when no other fact keeps the step from passing"
    )

    def is_offered(self, finding: RuleResult) -> bool:
        """Whether the finding leaves exactly what this action settles."""
        return finding.status is Status.OUTSTANDING and all(
            reason.key in self.offered_for for reason in finding.reasons
        )


def _read_rule(parameters: object, info: ValidationInfo) -> Rule:
    """The rule that the step names, with its parameters."""
    kind = RULES.get(info.data.get("rule_name", ""), Rule)  # else told already
    return (
        kind.model_validate(parameters, context=info.context) if kind is not Rule else Rule.model_construct()
    )


class Step(Section):
    """`[[steps]]`: a step 事项, one item that a department answers for."""

    key: Key = Field(
        description="its name in addresses, marks and the configuration: small letters, digits, `_`"
    )
    title: Text = Field(description="as shown")
    department: Text = Field(
        description="as shown; steps of one department stand together if they follow each other"
    )
    rule_name: Annotated[str, one_of(*RULES)] = Field(alias="rule", description="when it passes, see below")
    rule: Annotated[Rule, PlainValidator(_read_rule)] = Field(
        default={}, validate_default=True, alias="parameters", description="the rule's own keys, see below"
    )
    no_record: Annotated[Choice[Status], one_of(Status.CLEARED, Status.OUTSTANDING, Status.UNAVAILABLE)] = (
        Field(
            description='what it means that the department has no record of the student: `"cleared"`, `"outstanding"` or '
            '`"unavailable"`. There is no default'
        )
    )
    no_record_says: str = Field("", description='the sentence for that; required unless `"unavailable"`')
    cleared_says: str = Field("", description="a sentence for when it passes by what the department holds")
    next_step: Text = Field(description="what to do when it does not pass")
    office: Office = Field(description="where to go, when, and whom to ask")
    offices: Tables[SpecialOffice] = Field(
        (), description="what differs for some students, by building, college, …"
    )
    links: Tables[Link] = Field((), description="online systems that the step's texts name")
    facts: Tables[FactSpec] = Field((), description="what the department tells, in the order shown")
    reasons: dict[str, ReasonSpec] = Field({}, description="what to say of a fact that does not pass")
    actions: Tables[ActionSpec] = Field((), description="what the student can do here")

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        shown = {fact.key: fact.type for fact in self.facts}
        for use in self.rule.uses:
            if use.key not in shown:
                yield "facts", f"lacks {use.key}, which the rule reads"
            elif shown[use.key] not in use.types:
                types = " or ".join(use.types)
                yield "facts", f"has {use.key} as {shown[use.key]}: the rule reads {types}"
        for key in set(self.reasons) - set(shown):
            yield "reasons", f"has {key}, which is no fact of the step"
        if self.no_record is not Status.UNAVAILABLE and not self.no_record_says:
            yield "no_record_says", "is missing: say what it means to have no record"
        yield from self._list_useless_contacts(shown)
        for action in self.actions:
            for key in set(action.offered_for) - set(self.rule.fact_keys):
                yield "actions", f"has {action.key} offered for {key}, which the rule does not read"

    def _list_useless_contacts(self, shown: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for office in self.offices:
            if office.by != COLLEGE and shown.get(office.by) != "text":
                yield "offices", f"has one by {office.by}, which is neither a text of the step nor {COLLEGE}"
        for name in self.list_unnamed_links():
            yield "links", f"has {name}, which no text of the step names"

    def list_unnamed_links(self) -> list[str]:
        """The online systems with an address that neither a next step nor a place names."""
        places = [self.office.place, *(office.place for office in self.offices)]
        texts = [self.next_step, *(reason.next_step for reason in self.reasons.values())]
        texts += [*places, *(action.next_step for action in self.actions)]
        return [link.name for link in self.links if not any(link.name in text for text in texts)]

    @property
    def has_example(self) -> bool:
        """Whether a phone number or an address of the step is left from an example."""
        offices: tuple[Contact, ...] = (self.office, *self.offices)
        return any(each.is_example for each in offices) or any(link.is_example for link in self.links)

    def get_office(self, reading: Reading | None, college: str) -> Office:
        """The office for a student of this college of whom the department holds this."""
        values: dict[str, list[object]] = {COLLEGE: [college]}
        for record in reading.records if reading else ():
            for key, value in record.items():
                values.setdefault(key, []).append(value)
        special = next((office for office in self.offices if office.fits(values)), None)
        return special.complete(self.office) if special else self.office

    def get_fact(self, key: str) -> FactSpec:
        """The fact of this key. Raises KeyError."""
        return next(fact for fact in self.facts if fact.key == key)

    def get_action(self, key: str) -> ActionSpec | None:
        """The action of this key, or None."""
        return next((action for action in self.actions if action.key == key), None)

    def list_offered(self, finding: RuleResult) -> tuple[ActionSpec, ...]:
        """The actions that settle exactly what the finding leaves."""
        return tuple(action for action in self.actions if action.is_offered(finding))

    def explain(self, finding: RuleResult) -> tuple[tuple[str, str], ...]:
        """The reasons in words, each once: what is wrong, and what to do next."""
        offered = (action.next_step for action in self.list_offered(finding) if action.next_step)
        instead = next(offered, "")
        told = ((message, instead or step) for message, step in map(self._explain, finding.reasons))
        return tuple(dict.fromkeys(told))

    def _explain(self, reason: Reason) -> tuple[str, str]:
        if reason.key not in self.reasons:
            return self.no_record_says, self.next_step
        spec = self.reasons[reason.key]
        next_step = spec.next_step or self.next_step
        if reason.value in (None, "") and spec.message_of_nothing:
            return spec.message_of_nothing, next_step
        shown = self.get_fact(reason.key).format(reason.value)
        return spec.message.replace("{value}", shown), next_step


PERSON_FIELDS: Mapping[str, Callable[[Person, str], str]] = {
    "name": lambda person, _: person.name,
    "student_number": lambda person, _: person.number,
    "college": lambda person, _: person.college,
    "major": lambda person, _: person.major,
    "level": lambda person, _: person.level,
    "period": lambda _, period: period,
}
"""Every field that a manifest may name, and its value for a person and the printed name of the period."""


class FieldSpec(Section):
    """`[[fields]]`: a field of the basic information 基本信息, shown and printed."""

    key: Annotated[str, one_of(*PERSON_FIELDS)] = Field(description=f"one of `{'`, `'.join(PERSON_FIELDS)}`")
    label: Text = Field(description="as shown")

    def get_value(self, person: Person, period: str) -> str:
        """What stands in the field of a person who clears in this period; a dash where the sign-in told nothing."""
        return PERSON_FIELDS[self.key](person, period) or "—"


Fields = Annotated[Tables[FieldSpec], require("is empty: at least one field is needed")]


class SlipLayout(Section):
    """`[slip]`: what the slip prints beside the student and the steps."""

    title: Text = Field(description="heads the paper")
    statement: Text = Field(
        description="the sentence below the steps; `[mini_apps.<slug>] statement` in the configuration replaces it"
    )
    issuing_office: str = Field(
        "",
        description="the office that issues the slip 落款: its name stands below the statement at the right, under it the "
        "day, and over both its seal or the place for it; `[mini_apps.<slug>] issuing_office` in the configuration "
        "replaces it",
    )
    later: str = Field(
        "", description="how a graduate gets the slip once the campus account has ended, as a sentence"
    )
    fields: Fields = Field(
        description=f"like `[[fields]]`; `{'`, `'.join(COMPARED)}` must be among them, since verification compares them",
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        for key in set(COMPARED) - {field.key for field in self.fields}:
            yield "fields", f"lacks {key}, which verification compares"


class PrivacyNotice(Section):
    """`[privacy]`: what the notice 隐私说明 adds to what the manifest says anyway."""

    version: Annotated[Text, matching("[0-9A-Za-z.-]{1,20}")] = Field(
        "1", description="of the notice: a new one asks every student again"
    )
    purpose: Text = Field(PURPOSE, description="what for, as a sentence")


class Help(Section):
    """`[[faq]]`: a frequently asked question 常见问题 and its answer."""

    question: Text = Field(description="the question")
    answer: Text = Field(description="the answer")


class Submission(Section):
    """`[submission]`."""

    once_per: Literal["period"] = Field(description='`"period"`: one submission for each student and period')


class MiniApp(Section):
    """A manifest, schema version 1. No expressions, no defaults that could pass somebody. `translations` holds the
    mini-app in other languages by their codes, and `texts` what its own pages say in this one.
    """

    schema_version: Whole = Field(description=f"`{SCHEMA_VERSION}`")
    slug: Text = Field(description="the folder's name")
    title: Text = Field(description="the service's name: heads the guide, the hall and 已完成事项")
    summary: Text = Field(description="one sentence, in the hall and on the guide")
    audience: Text = Field(
        description="for whom, in words. Who is let in is settled by `period` and `levels` in the configuration"
    )
    submission: Submission = Field(description="how often a student submits")
    fields: Fields = Field(description="the basic information, in order")
    steps: Annotated[Tables[Step], require("is empty: at least one step is needed")] = Field(
        description="the items, in order"
    )
    slip: SlipLayout = Field(description="what the slip prints beside the student and the steps")
    privacy: PrivacyNotice = Field(
        PrivacyNotice(),
        description="of the privacy notice 隐私说明, which is made of the fields and facts above",
    )
    faq: Tables[Help] = Field((), description="常见问题")
    texts: Annotated[Mapping[str, str], *of_context("texts", NO_TEXTS)] = NO_TEXTS
    translations: Annotated[Mapping[str, MiniApp], *of_context("translations", NO_TEXTS)] = NO_TEXTS

    @field_validator("schema_version")
    @classmethod
    def _check_version(cls, version: int) -> int:
        if version != SCHEMA_VERSION:
            raise ValueError(f"must be {SCHEMA_VERSION}")
        return version

    @field_validator("slug")
    @classmethod
    def _check_slug(cls, slug: str, info: ValidationInfo) -> str:
        folder = (info.context or {}).get("folder", slug)
        if slug != folder:
            raise ValueError(f"must be the folder's name, {folder}")
        return slug

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        for key in {key for key in self.step_keys if self.step_keys.count(key) > 1}:
            yield "steps", f"has the key {key} twice"

    def in_language(self, code: str) -> MiniApp:
        """The mini-app as it is shown in a language; as it was written where it has no translation."""
        return self.translations.get(code, self)

    def say(self, text: str) -> str:
        """A text of the mini-app's own pages, in the language of this mini-app."""
        return self.texts.get(text, text)

    @property
    def path(self) -> str:
        """The slug as it stands in addresses."""
        return self.slug.replace("_", "-")

    @property
    def departments(self) -> tuple[str, ...]:
        """The departments in order, each once."""
        return tuple(dict.fromkeys(step.department for step in self.steps))

    @property
    def step_keys(self) -> tuple[str, ...]:
        """The steps' keys in order."""
        return tuple(step.key for step in self.steps)

    def get_step(self, key: str) -> Step | None:
        """The step of this key, or None."""
        return next((step for step in self.steps if step.key == key), None)
