"""A step 事项 of a mini-app as its manifest describes it: its facts, rule, reasons, actions, guidance, and whom it is for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, PlainValidator, ValidationInfo

from app.config_model import (
    SHOWN_DEFAULT,
    Choice,
    Section,
    Tables,
    Text,
    Texts,
    matching,
    one_of,
    read_texts,
    require,
)
from app.domain.applies import Condition, PersonField, decide
from app.domain.clearance import FactValue, Reading, Reason, RuleResult, Status
from app.domain.composed_rules import RULES
from app.domain.office import COLLEGE, Contact, Link, Office, OfficeChanges, SpecialOffice
from app.domain.rules import Rule

EVERY_OTHER = "*"
"""Stands for all other steps in `after`."""


Key = Annotated[Text, matching(r"[a-z][a-z0-9_]{0,39}")]
DESK_REASON = "desk_reason"
"""The fact of a desk's record that is the key of the reason for which its clerk decided that it is not done."""
VALUE = "{value}"
"""Stands in a reason for the fact as shown."""
_PLACEHOLDER = re.compile(r"[{｛][^{}｛｝]*[}｝]")
FactType = Literal["text", "count", "money", "day", "flag"]


class FactSpec(Section):
    """`[[steps.facts]]`: what the department tells, and how it is shown."""

    key: Key = Field(description="the fact's name in the connector's `[.fields]`")
    label: Text = Field(description="as shown")
    type: FactType = Field(
        description='`"text"`, `"count"`, `"money"` (shown as ¥12.50), `"day"` (2026-06-10) or `"flag"`, whose `words` say '
        "what is shown for `true` and for `false`"
    )
    unit: str = Field("", description='follows the value, e.g. `" 本"`')
    words: dict[str, Annotated[str, BeforeValidator(str)]] = Field(
        {}, description="table of codes and the words that are shown for them"
    )
    empty: Text = Field("空", description="shown for nothing")

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        if self.type == "flag" and set(self.words) != {"true", "false"}:
            yield "words", "must say what is shown for true and for false"

    def format(self, value: FactValue) -> str:
        """The fact as text: money as ¥12.50, a day as ISO 8601."""
        if value is None or value == "":
            return self.empty
        if self.type == "money" and isinstance(value, Decimal | int):
            return f"¥{value:,.2f}"
        if isinstance(value, date):
            return value.isoformat()
        if self.type == "flag" and isinstance(value, bool):
            return self.words["true" if value else "false"]
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
    message_of_pending: str = Field(
        "",
        alias="says_pending",
        description="the same where the rule says that the fact is pending 待审核; required there",
    )
    next_step_of_pending: str = Field(
        "",
        alias="next_step_pending",
        description="what happens next then, and who acts; required there",
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        for name, field in type(self).model_fields.items():
            takes_value = name.startswith("message")
            for found in _PLACEHOLDER.findall(getattr(self, name)):
                if not takes_value:
                    yield field.alias or name, f"has {found}: nothing is put into it"
                elif found != VALUE:
                    yield field.alias or name, f"has {found}: {VALUE} alone is replaced"


class DeskReason(Section):
    """`[[steps.desk_reasons]]`: why a clerk of the step's desk says that it is not done 未办结."""

    key: Key = Field(description="its name in forms and decisions: small letters, digits, `_`")
    message: Text = Field(
        alias="says", description="what is wrong, as the clerk chooses it and the student reads it"
    )
    next_step: str = Field(
        "",
        json_schema_extra={SHOWN_DEFAULT: "the step's own"},
        description="what the student is to do about it",
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


class Guidance(Condition):
    """`[[steps.guidance]]`: what else some people are told to do; the first that surely holds is theirs."""

    needs_values: ClassVar[bool] = False
    """These are words alone: who reads others by mistake passes nothing by it."""

    next_step: str = Field(
        "",
        json_schema_extra={SHOWN_DEFAULT: "the step's own"},
        description="what to do when it does not pass, on the guide and with every reason that has no next step of its own",
    )
    reasons: dict[str, Text] = Field(
        {}, description="table of fact = what to do about it, instead of `next_step` of the fact's reason"
    )
    office: OfficeChanges | None = Field(
        None, description="what differs of the step's `office`: where to go, when, and whom to ask"
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if not (self.next_step or self.reasons or self.office):
            yield "", "says nothing else to anybody: give it a next_step, reasons or an office"

    def change(self, step: Step) -> Step:
        """The step as these people read it."""
        reasons = {
            key: spec.model_copy(update={"next_step": self.reasons[key]}) if key in self.reasons else spec
            for key, spec in step.reasons.items()
        }
        changes = {
            "next_step": self.next_step or step.next_step,
            "reasons": reasons,
            "office": self.office.complete(step.office) if self.office else step.office,
            "guidance": (),
        }
        return step.model_copy(update=changes)


def _read_rule(parameters: object, info: ValidationInfo) -> Rule:
    """The rule that the step names, with its parameters."""
    kind = RULES.get(info.data.get("rule_name", ""), Rule)  # else told already
    return (
        kind.model_validate(parameters, context=info.context) if kind is not Rule else Rule.model_construct()
    )


def _read_after(value: object) -> object:
    return (EVERY_OTHER,) if value == "all" else read_texts(value)


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
    guidance: Tables[Guidance] = Field(
        (),
        description="what differs of the step's texts and contacts for some people, by fields of the person; the first that "
        "surely holds is theirs, and of whom nobody can tell reads the step's own",
    )
    links: Tables[Link] = Field((), description="online systems that the step's texts name")
    applies: Tables[Condition] = Field(
        (),
        description="whom the step is for, by fields of the person: one of these tables must hold. Without any it is for "
        "everybody. Whom it is not for is not asked about, and passes it as 无需办理; of whom the sign-in does not tell what "
        "is asked for, the step cannot be decided, and does not pass",
    )
    not_required_says: str = Field(
        "",
        description="why somebody need not do it, as a sentence, e.g. `非全日制研究生无需办理`; required with `applies`",
    )
    after: Annotated[tuple[str, ...], BeforeValidator(_read_after)] = Field(
        (),
        description='list of steps that must pass before the department is asked, or `"all"` for all others. Until then the '
        "step is shown as 待前项办结",
    )
    facts: Tables[FactSpec] = Field((), description="what the department tells, in the order shown")
    reasons: dict[str, ReasonSpec] = Field({}, description="what to say of a fact that does not pass")
    desk_reasons: Tables[DeskReason] = Field(
        (), description="why a clerk says that it is not done, where a desk with buttons answers for the step"
    )
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
        yield from self._list_unsaid()
        if self.no_record is not Status.UNAVAILABLE and not self.no_record_says:
            yield "no_record_says", "is missing: say what it means to have no record"
        if bool(self.applies) != bool(self.not_required_says):
            lacking = "not_required_says" if self.applies else "applies"
            yield lacking, "is missing: say whom the step is for, and why it is not for the others"
        yield from self._list_useless_contacts(shown)
        keys = [reason.key for reason in self.desk_reasons]
        for key in sorted({key for key in keys if keys.count(key) > 1}):
            yield "desk_reasons", f"has {key} twice"
        for action in self.actions:
            for key in set(action.offered_for) - set(self.rule.fact_keys):
                yield "actions", f"has {action.key} offered for {key}, which the rule does not read"

    def _list_unsaid(self) -> Iterator[tuple[str, str]]:
        """The words of pending facts that lack, and those that are never said."""
        pending = {use.key for use in self.rule.uses if use.pending}
        for key in pending:
            spec = self.reasons.get(key)
            if spec is None or not (spec.message_of_pending and spec.next_step_of_pending):
                yield f"reasons.{key}", "lacks says_pending and next_step_pending: the rule has it pending"
        for key, spec in self.reasons.items():
            if key not in pending and (spec.message_of_pending or spec.next_step_of_pending):
                yield f"reasons.{key}", "has words for pending: the rule never has it so"
        for place, guidance in enumerate(self.guidance):
            for key in guidance.reasons.keys() - self.reasons.keys():
                yield f"guidance[{place}].reasons", f"has {key}, of which the step has no reason"

    def _list_useless_contacts(self, shown: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for office in self.offices:
            if office.by != COLLEGE and shown.get(office.by) != "text":
                yield "offices", f"has one by {office.by}, which is neither a text of the step nor {COLLEGE}"
        for name in self.list_unnamed_links():
            yield "links", f"has {name}, which no text of the step names"

    def list_unnamed_links(self) -> list[str]:
        """The online systems with an address that neither a next step nor a place names."""
        places = [self.office.place, *(office.place for office in self.offices)]
        texts = [self.next_step]
        for guidance in self.guidance:
            texts += [guidance.next_step, *guidance.reasons.values()]
            places.append(guidance.office.place if guidance.office else "")
        for reason in self.reasons.values():
            texts += [reason.next_step, reason.next_step_of_pending]
        texts += [*places, *(action.next_step for action in self.actions)]
        texts += [reason.next_step for reason in self.desk_reasons]
        return [link.name for link in self.links if not any(link.name in text for text in texts)]

    @property
    def has_example(self) -> bool:
        """Whether a phone number or an address of the step is left from an example."""
        own = (guidance.office for guidance in self.guidance if guidance.office)
        offices: tuple[Contact, ...] = (self.office, *self.offices, *own)
        return any(each.is_example for each in offices) or any(link.is_example for link in self.links)

    def adapt(self, told: Mapping[str, str], fields: Mapping[str, PersonField]) -> Step:
        """The step as it is read by whom the sign-in told this of. Guidance of which nobody can tell stays open."""
        open_ones = []
        for guidance in self.guidance:
            holds = decide((guidance,), told, fields).applies
            if holds:
                return guidance.change(self)
            if holds is None:
                open_ones.append(guidance)
        return self.model_copy(update={"guidance": tuple(open_ones)}) if self.guidance else self

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

    def get_desk_reason(self, key: str) -> DeskReason | None:
        """The reason of this key for which a desk may say that it is not done, or None."""
        return next((reason for reason in self.desk_reasons if reason.key == key), None)

    def list_offered(self, finding: RuleResult) -> tuple[ActionSpec, ...]:
        """The actions that settle exactly what the finding leaves."""
        return tuple(action for action in self.actions if action.is_offered(finding))

    def explain(self, finding: RuleResult, reading: Reading | None = None) -> tuple[tuple[str, str], ...]:
        """The reasons in words, each once: what is wrong, and what to do next. What a clerk chose says it best."""
        chosen = self._find_chosen(reading) if finding.status is Status.OUTSTANDING else None
        if chosen is not None:
            return ((chosen.message, chosen.next_step or self.next_step),)
        offered = (action.next_step for action in self.list_offered(finding) if action.next_step)
        instead = next(offered, "")
        told = ((message, instead or step) for message, step in map(self._explain, finding.reasons))
        return tuple(dict.fromkeys(told))

    def _find_chosen(self, reading: Reading | None) -> DeskReason | None:
        keys = [
            str(record[DESK_REASON])
            for record in (reading.records if reading else ())
            if DESK_REASON in record
        ]
        return self.get_desk_reason(keys[0]) if len(keys) == 1 else None

    def _explain(self, reason: Reason) -> tuple[str, str]:
        if reason.key not in self.reasons:
            return self.no_record_says, self.next_step
        spec = self.reasons[reason.key]
        message, next_step = spec.message, spec.next_step or self.next_step
        if reason.is_pending:
            message, next_step = spec.message_of_pending, spec.next_step_of_pending
        elif reason.value in (None, "") and spec.message_of_nothing:
            message = spec.message_of_nothing
        shown = self.get_fact(reason.key).format(reason.value)
        return message.replace(VALUE, shown), next_step

    def explain_without_facts(
        self, finding: RuleResult, reading: Reading | None = None
    ) -> tuple[tuple[str, str], ...]:
        """The same for who may not know what the department holds: of a reason that tells it, the fact's name alone."""
        if finding.status is Status.OUTSTANDING and self._find_chosen(reading) is not None:
            return self.explain(finding, reading)
        told = []
        for reason in finding.reasons:
            message, next_step = self._explain(reason)
            spec = self.reasons.get(reason.key)
            texts = (spec.message, spec.message_of_nothing, spec.message_of_pending) if spec else ()
            tells = any(VALUE in text for text in texts)
            told.append((self.get_fact(reason.key).label if tells else message, next_step))
        return tuple(dict.fromkeys(told))
