"""Whether connectors and mini-apps fit: what could never work, or would pass by mistake, is told at start."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.connectors.config import ConnectorConfig
from app.connectors.fields import Field, FieldType
from app.domain.mini_app import MiniApp, Step
from app.domain.person import Role
from app.domain.rules import FactUse


def check_steps(mini_app: MiniApp, connectors: Mapping[str, ConnectorConfig]) -> list[str]:
    """What is wrong between each step of a mini-app and the connector that answers for it, by step key; named by
    the connector's keys.
    """
    return [
        f"connectors.{connector.name}.{fault} (step {step.key} of {mini_app.slug})"
        for step in mini_app.steps
        if (connector := connectors.get(step.key)) is not None  # else told already
        for fault in (
            *(f"fields{fault}" for fault in _check_step(step, connector)),
            *_check_offered(step, connector),
        )
    ]


def check_actions(asked: Iterable[tuple[Step, ConnectorConfig]]) -> list[str]:
    """The actions of connectors that none of their steps offers: a mistyped name, or a forgotten part. `asked` is
    every step with the connector that answers for it.
    """
    unoffered: dict[str, set[str]] = {}
    for step, connector in asked:
        unoffered.setdefault(connector.name, set(connector.actions)).difference_update(
            action.key for action in step.actions
        )
    return [
        f"connectors.{name}.actions.{key} is offered by no step that the connector answers for"
        for name, keys in unoffered.items()
        for key in sorted(keys)
    ]


def list_shown(mini_apps: Iterable[tuple[MiniApp, Mapping[str, str]]]) -> dict[str, frozenset[str]]:
    """The facts of each connector that a step shows and no step's rule reads, of mini-apps with their connectors by
    step. What neither is shown nor read is in the configuration to be proven, and stays so.
    """
    shown: defaultdict[str, set[str]] = defaultdict(set)
    read: defaultdict[str, set[str]] = defaultdict(set)
    for mini_app, connectors in mini_apps:
        for step in mini_app.steps:
            connector = connectors.get(step.key, "")
            shown[connector].update(fact.key for fact in step.facts)
            read[connector].update(step.rule.fact_keys)
    return {connector: frozenset(facts - read[connector]) for connector, facts in shown.items()}


def check_levels(
    levels: Mapping[str, tuple[str, ...]], sign_in: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """The mini-apps that are for named levels of study where no sign-in tells a person's level: nobody gets in."""
    claims = [table.get("claims") for table in sign_in.values()]
    tells = any(isinstance(paths, dict) and "level" in paths for paths in claims)
    if tells or not sign_in:
        return []
    return [
        f"mini_apps.{slug}.levels lets nobody in: no [sign_in.<name>.claims] names a level"
        for slug, named in levels.items()
        if named
    ]


def check_students(sign_in: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The roles of sign-ins of which none has a word for students: nobody could clear anything."""
    named = {name: table.get("roles") for name, table in sign_in.items()}
    roles = [table for table in named.values() if isinstance(table, dict) and table]
    if len(roles) < len(named) or any(Role.STUDENT in table.values() for table in roles):
        return []
    return [
        f"sign_in.{name}.roles has no word for {Role.STUDENT}: nobody could clear anything" for name in named
    ]


def _check_step(step: Step, connector: ConnectorConfig) -> Iterator[str]:
    fields = connector.get_facts()
    uses = {use.key: use for use in step.rule.uses}
    for key in uses.keys() - fields.keys():
        yield f" lack {key}, which the rule reads"
    for fact in step.facts:
        field, use = fields.get(fact.key), uses.get(fact.key)
        if field is None:
            continue
        is_shown_flag = use is None and field.type is FieldType.FLAG and fact.type == "text"
        if field.type != fact.type and not is_shown_flag:
            yield f".{fact.key}.type is {field.type}, and the manifest has {fact.type}"
        elif use is not None:
            yield from _check_use(use, field, connector.get_weakness(fact.key))


def _check_offered(step: Step, connector: ConnectorConfig) -> Iterator[str]:
    """The actions that the step offers and nobody can take."""
    for action in step.actions:
        if action.key not in connector.actions:
            there = ", ".join(sorted(connector.actions)) or "none"
            yield (
                f"actions lack {action.key}, which the manifest offers (there is {there}): name it, or point the "
                "mini-app's folder to a copy whose manifest does not offer it"
            )


def _check_use(use: FactUse, field: Field, weakness: str) -> Iterator[str]:
    if use.is_presence:
        yield from _check_presence(use, field)
    if not use.passing:
        return
    reachable = [text for text in use.passing if _can_yield(field, text)]
    if not reachable:
        yield f".{use.key} never yields {' or '.join(use.passing)}, by which alone the rule passes"
    elif weakness:
        yield f".{use.key} {weakness}"


def _check_presence(use: FactUse, field: Field) -> Iterator[str]:
    """A text that stands for nothing must not count as something because it is known."""
    for meaning in (field.values or {}).values():
        if field.conventions.says_nothing(meaning):
            yield f".{use.key} knows {meaning}, which stands for nothing: the rule would take it for something"


def _can_yield(field: Field, text: str) -> bool:
    if field.values is not None:
        return text in field.values.values()
    return re.fullmatch(field.pattern, text) is not None and not field.conventions.says_nothing(text)
