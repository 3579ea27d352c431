"""A mini-app 微应用 as its manifest describes it: steps, facts, actions, guidance, slip. Data, no code."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from app.domain.clearance import FactValue, Reason, RuleResult, Status
from app.domain.person import Person
from app.domain.rules import Rule

FACT_TYPES = ("text", "count", "money", "day")


@dataclass(frozen=True, slots=True)
class FactSpec:
    """How a fact is shown: `words` puts a word for a code, `unit` follows a count, `empty` stands for
    nothing.
    """

    key: str
    label: str
    type: str
    unit: str
    words: Mapping[str, str]
    empty: str

    def format(self, value: FactValue) -> str:
        """The fact as text: money as ¥12.50, a day as ISO 8601."""
        if value is None or value == "":
            return self.empty
        if self.type == "money" and isinstance(value, Decimal | int):
            return f"¥{value:,.2f}"
        if isinstance(value, date):
            return value.isoformat()
        return f"{self.words.get(str(value), str(value))}{self.unit}"


@dataclass(frozen=True, slots=True)
class ReasonSpec:
    """What is said of a reason (`{value}` is the fact as shown) and what to do about it."""

    message: str
    next_step: str


@dataclass(frozen=True, slots=True)
class ActionSpec:
    """An action 操作 of a step, offered when the step's reasons are all among `offered_for`."""

    key: str
    title: str
    question: str
    warning: str
    done: str
    refused: str
    unknown: str
    offered_for: tuple[str, ...]

    def is_offered(self, finding: RuleResult) -> bool:
        """Whether the finding leaves exactly what this action settles."""
        return finding.status is Status.OUTSTANDING and all(
            reason.key in self.offered_for for reason in finding.reasons
        )


@dataclass(frozen=True, slots=True)
class Step:
    """A step 环节: one item that a department answers for."""

    key: str
    title: str
    department: str
    rule: Rule
    no_record: Status
    no_record_says: str
    next_step: str
    place: str
    hours: str
    contact: str
    facts: tuple[FactSpec, ...]
    reasons: Mapping[str, ReasonSpec]
    actions: tuple[ActionSpec, ...]

    def get_fact(self, key: str) -> FactSpec:
        """The fact of this key. Raises KeyError."""
        return next(fact for fact in self.facts if fact.key == key)

    def get_action(self, key: str) -> ActionSpec | None:
        """The action of this key, or None."""
        return next((action for action in self.actions if action.key == key), None)

    def explain(self, reason: Reason) -> tuple[str, str]:
        """A reason in words: what is wrong, and what to do next."""
        if reason.key not in self.reasons:
            return self.no_record_says, self.next_step
        spec = self.reasons[reason.key]
        shown = self.get_fact(reason.key).format(reason.value)
        return spec.message.replace("{value}", shown), spec.next_step or self.next_step


PERSON_FIELDS: Mapping[str, Callable[[Person, str], str]] = {
    "name": lambda person, _: person.name,
    "student_number": lambda person, _: person.number,
    "college": lambda person, _: person.college,
    "major": lambda person, _: person.major,
    "level": lambda person, _: person.level,
    "period": lambda _, period: period,
}
"""Every field that a manifest may name, and its value for a person and the printed name of the period."""


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """A field of the basic information 基本信息, shown and printed; `key` is one of PERSON_FIELDS."""

    key: str
    label: str

    def get_value(self, person: Person, period: str) -> str:
        """What stands in the field of a person who clears in this period; a dash where the sign-in told nothing."""
        return PERSON_FIELDS[self.key](person, period) or "—"


@dataclass(frozen=True, slots=True)
class SlipLayout:
    """What the slip says beside the student's fields and steps."""

    title: str
    statement: str
    fields: tuple[FieldSpec, ...]


@dataclass(frozen=True, slots=True)
class PrivacyNotice:
    """What the notice 隐私说明 adds to what the manifest says anyway: a new `version` asks everybody again."""

    version: str
    purpose: str


@dataclass(frozen=True, slots=True)
class Help:
    """A frequently asked question and its answer."""

    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class MiniApp:
    """A mini-app. `slug` names its folder and tables, `path` its address; `translations` holds it in other
    languages by their codes, and `texts` what its own pages say in this one.
    """

    slug: str
    title: str
    summary: str
    audience: str
    fields: tuple[FieldSpec, ...]
    steps: tuple[Step, ...]
    slip: SlipLayout
    privacy: PrivacyNotice
    faq: tuple[Help, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    translations: Mapping[str, MiniApp] = field(default_factory=dict)

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
