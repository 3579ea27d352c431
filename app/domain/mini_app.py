"""A mini-app 微应用 as its manifest describes it: steps, facts, actions, guidance, slip. Data, no code."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from app.config_model import (
    Section,
    Tables,
    Text,
    Whole,
    matching,
    of_context,
    require,
)
from app.domain.applies import Applicability, Condition, FieldName, PersonField, decide, list_told
from app.domain.person import Person
from app.domain.slip import COMPARED
from app.domain.step import EVERY_OTHER, Key, Step

NO_TEXTS: Mapping[str, Any] = {}
SCHEMA_VERSION = 1
PURPOSE = "查询您的各项事项是否办结，并在您提交后出具可以核验的凭证。"


PERSON_FIELDS: Mapping[str, Callable[[Person, str], str]] = {
    "name": lambda person, _: person.name,
    "student_number": lambda person, _: person.number,
    "college": lambda person, _: person.college,
    "major": lambda person, _: person.major,
    "level": lambda person, _: person.level,
    "period": lambda _, period: period,
}
"""Every field that a manifest may name beside attributes, and its value for a person and the printed name of the period."""
NUMBER = "student_number"


class FieldSpec(Section):
    """`[[fields]]`: a field of the basic information 基本信息, shown and printed."""

    key: Key = Field(
        description=f"one of `{'`, `'.join(PERSON_FIELDS)}`, or the name of an attribute in `[sign_in.<name>.attributes]`, "
        "e.g. `supervisor`; one that no sign-in names is told at start"
    )
    label: Text = Field(
        description="as shown; of `student_number` what the number is called, e.g. 学号 or 工号"
    )

    def get_value(self, person: Person, period: str) -> str:
        """What stands in the field of a person who clears in this period; a dash where the sign-in told nothing."""
        told = (
            PERSON_FIELDS[self.key](person, period)
            if self.key in PERSON_FIELDS
            else person.get_told(self.key)
        )
        return told or "—"


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
        description="for whom, in words. Who is let in is settled by `period`, `roles`, `levels` and `only` in the "
        "configuration"
    )
    submission: Submission = Field(description="how often a student submits")
    fields: Fields = Field(description="the basic information, in order")
    person: dict[FieldName, PersonField] = Field(
        {},
        description="the fields of a person that conditions ask for: `level`, `college`, `major`, `role`, or a name of "
        "`[sign_in.<name>.attributes]` in the configuration",
    )
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
        for place, key in enumerate(self.step_keys):
            if key in self.step_keys[:place]:
                yield f"steps[{place}].key", f"is {key}, as an earlier step's is"
        for place, step in enumerate(self.steps):
            asked: dict[str, Sequence[Condition]] = {"applies": step.applies, "guidance": step.guidance}
            for name, conditions in asked.items():
                for number, condition in enumerate(conditions):
                    for key, fault in condition.list_misfits(self.person):
                        yield f"steps[{place}].{name}[{number}].{key}", fault
        yield from self._list_faults_of_order()

    def _list_faults_of_order(self) -> Iterator[tuple[str, str]]:
        for place, step in enumerate(self.steps):
            for key in step.after:
                if key == step.key:
                    yield f"steps[{place}].after", f"has {key}, the step itself"
                elif key != EVERY_OTHER and key not in self.step_keys:
                    yield f"steps[{place}].after", f"has {key}, which is no step"
            if step.key not in step.after and step.key in self._list_all_before(step.key):
                yield f"steps[{place}].after", f"goes round in a circle: {step.key} comes after itself"

    def _list_all_before(self, step_key: str) -> set[str]:
        """The steps before a step, those before them, and so on."""
        found: set[str] = set()
        ahead = [step_key]
        while ahead:
            new = set(self.list_before(ahead.pop())) - found
            found |= new
            ahead += new
        return found

    def list_before(self, step_key: str) -> tuple[str, ...]:
        """The steps that must pass before this one is asked, in order."""
        step = self.get_step(step_key)
        if step is None or not step.after:
            return ()
        is_last = EVERY_OTHER in step.after
        return tuple(key for key in self.step_keys if (is_last and key != step_key) or key in step.after)

    def decide(self, person: Person) -> dict[str, Applicability]:
        """Which steps are for this person, by key."""
        told = list_told(person)
        return {step.key: decide(step.applies, told, self.person) for step in self.steps}

    @property
    def told_labels(self) -> tuple[str, ...]:
        """What is used of what the sign-in tells: the basic information, what the slip prints, and what conditions ask
        for; each once.
        """
        labels = {name: declared.label for name, declared in self.person.items()}
        labels |= {field.key: field.label for field in reversed((*self.fields, *self.slip.fields))}
        shown = (field.key for field in (*self.fields, *self.slip.fields))
        return tuple(dict.fromkeys(labels[key] for key in (*shown, *self.person)))

    def adapt(self, person: Person) -> MiniApp:
        """The mini-app as this person reads it, see `Step.adapt`."""
        if not any(step.guidance for step in self.steps):
            return self
        told = list_told(person)
        return self.model_copy(update={"steps": tuple(step.adapt(told, self.person) for step in self.steps)})

    def label_field(self, name: str) -> str:
        """What people call a field of the person that a condition asks for."""
        return self.person[name].label if name in self.person else name

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
    def number_label(self) -> str:
        """What the numbers of those whom it is for are called: 学号, or 工号."""
        return self.label_printed(NUMBER)

    def label_printed(self, key: str) -> str:
        """What the slip calls one of the fields that verification compares."""
        return next(field.label for field in self.slip.fields if field.key == key)

    @property
    def names_period(self) -> bool:
        """Whether a page or the slip says in which period a person leaves."""
        return any(field.key == "period" for field in (*self.fields, *self.slip.fields))

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes that its fields name, each once."""
        keys = (field.key for field in (*self.fields, *self.slip.fields))
        return tuple(dict.fromkeys(key for key in keys if key not in PERSON_FIELDS))

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
