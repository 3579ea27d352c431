"""Reads a mini-app's manifest, schema version 1; `miniapp_templates/README.md` describes it for authors.

No expressions, no defaults that could pass somebody: unknown keys, rules, facts and words are faults.
"""

from __future__ import annotations

from app.domain.clearance import Status
from app.domain.mini_app import (
    FACT_TYPES,
    PERSON_FIELDS,
    ActionSpec,
    FactSpec,
    FieldSpec,
    Help,
    MiniApp,
    PrivacyNotice,
    ReasonSpec,
    SlipLayout,
    Step,
)
from app.domain.rules import RULE_NAMES, AllSettled, read_rule
from app.domain.slip import COMPARED
from app.tables import Table

SCHEMA_VERSION = 1
KEY = r"[a-z][a-z0-9_]{0,39}"
ACTION_KEY = r"[a-z][a-z0-9-]{0,39}"
VERSION = r"[0-9A-Za-z.-]{1,20}"
PURPOSE = "查询您的各项事项是否办结，并在您提交后出具可以核验的凭证。"
NO_RECORD = (Status.CLEARED, Status.OUTSTANDING, Status.UNAVAILABLE)


def read_manifest(table: Table, slug: str) -> MiniApp:
    """The mini-app that the manifest describes; faults are noted in the table, and then the result is
    not to be used.
    """
    if table.integer("schema_version") != SCHEMA_VERSION:
        table.fault("schema_version", f"must be {SCHEMA_VERSION}")
    if table.text("slug") != slug:
        table.fault("slug", f"must be the folder's name, {slug}")
    submission = table.table("submission")
    submission.text("once_per", choices=("period",))
    submission.close()
    mini_app = MiniApp(
        slug=slug,
        title=table.text("title"),
        summary=table.text("summary"),
        audience=table.text("audience"),
        fields=_read_fields(table),
        steps=tuple(_read_step(step) for step in table.tables("steps")),
        slip=_read_slip(table.table("slip")),
        privacy=_read_privacy(table.table("privacy")),
        faq=tuple(_read_help(item) for item in table.tables("faq")),
    )
    _check_steps(table, mini_app)
    table.close()
    return mini_app


def _check_steps(table: Table, mini_app: MiniApp) -> None:
    if not mini_app.steps:
        table.fault("steps", "is empty: at least one step is needed")
    for key in {key for key in mini_app.step_keys if mini_app.step_keys.count(key) > 1}:
        table.fault("steps", f"has the key {key} twice")


def _read_fields(table: Table) -> tuple[FieldSpec, ...]:
    fields = []
    for item in table.tables("fields"):
        fields.append(FieldSpec(item.text("key", choices=tuple(PERSON_FIELDS)), item.text("label")))
        item.close()
    if not fields:
        table.fault("fields", "is empty: at least one field is needed")
    return tuple(fields)


def _read_slip(table: Table) -> SlipLayout:
    layout = SlipLayout(table.text("title"), table.text("statement"), _read_fields(table))
    printed = {field.key for field in layout.fields}
    for key in COMPARED:
        if key not in printed:
            table.fault("fields", f"lacks {key}, which verification compares")
    table.close()
    return layout


def _read_privacy(table: Table) -> PrivacyNotice:
    notice = PrivacyNotice(table.text("version", "1", pattern=VERSION), table.text("purpose", PURPOSE))
    table.close()
    return notice


def _read_help(table: Table) -> Help:
    entry = Help(table.text("question"), table.text("answer"))
    table.close()
    return entry


def _read_step(table: Table) -> Step:
    rule_name = table.text("rule", choices=RULE_NAMES)
    rule = read_rule(rule_name, table.table("parameters")) or AllSettled((), {})
    step = Step(
        key=table.text("key", pattern=KEY),
        title=table.text("title"),
        department=table.text("department"),
        rule=rule,
        no_record=_read_no_record(table),
        no_record_says=table.text("no_record_says", ""),
        next_step=table.text("next_step"),
        place=table.text("place"),
        hours=table.text("hours", ""),
        contact=table.text("contact"),
        facts=tuple(_read_fact(fact) for fact in table.tables("facts")),
        reasons={name: _read_reason(reason) for name, reason in table.named_tables("reasons").items()},
        actions=tuple(_read_action(action) for action in table.tables("actions")),
    )
    _check_step(table, step)
    table.close()
    return step


def _read_no_record(table: Table) -> Status:
    chosen = table.text("no_record", choices=NO_RECORD)
    return Status(chosen) if chosen in NO_RECORD else Status.UNAVAILABLE


def _check_step(table: Table, step: Step) -> None:
    shown = {fact.key: fact.type for fact in step.facts}
    for use in step.rule.uses:
        if use.key not in shown:
            table.fault("facts", f"lacks {use.key}, which the rule reads")
        elif shown[use.key] in FACT_TYPES and shown[use.key] not in use.types:
            table.fault(
                "facts", f"has {use.key} as {shown[use.key]}: the rule reads {' or '.join(use.types)}"
            )
    for key in set(step.reasons) - set(shown):
        table.fault("reasons", f"has {key}, which is no fact of the step")
    if step.no_record is not Status.UNAVAILABLE and not step.no_record_says:
        table.fault("no_record_says", "is missing: say what it means to have no record")
    for action in step.actions:
        for key in set(action.offered_for) - set(step.rule.fact_keys):
            table.fault("actions", f"has {action.key} offered for {key}, which the rule does not read")


def _read_fact(table: Table) -> FactSpec:
    words = {key: str(word) for key, word in table.values("words", {}).items()}
    fact = FactSpec(
        key=table.text("key", pattern=KEY),
        label=table.text("label"),
        type=table.text("type", choices=FACT_TYPES),
        unit=table.text("unit", ""),
        words=words,
        empty=table.text("empty", "空"),
    )
    table.close()
    return fact


def _read_reason(table: Table) -> ReasonSpec:
    reason = ReasonSpec(table.text("says"), table.text("next_step", ""))
    table.close()
    return reason


def _read_action(table: Table) -> ActionSpec:
    action = ActionSpec(
        key=table.text("key", pattern=ACTION_KEY),
        title=table.text("title"),
        question=table.text("question"),
        warning=table.text("warning"),
        done=table.text("done"),
        refused=table.text("refused"),
        unknown=table.text("unknown"),
        offered_for=table.texts("offered_for"),
    )
    if not action.offered_for:
        table.fault("offered_for", "is empty: the action would be offered to everybody")
    table.close()
    return action
