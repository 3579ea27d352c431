"""Whether connectors and mini-apps fit: what could never work, or would pass by mistake, is told at start."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.connectors.config import ConnectorConfig
from app.connectors.field_keys import FieldType
from app.connectors.fields import Field
from app.domain.applies import CLAIMS
from app.domain.mini_app import MiniApp
from app.domain.person import Role
from app.domain.rules import FactUse, Needs
from app.domain.step import Step

_NEEDED: Mapping[Needs, tuple[str, str]] = {
    Needs.CLEARED_BELOW_ZERO: ("may_be_negative", "the rule could never pass"),
    Needs.LEFT_BELOW_ZERO: ("may_be_negative", "the rule would pass everybody"),
    Needs.CLEARED_BY_DAYS_TO_COME: ("may_be_future", "the rule could pass on one day alone"),
}
"""The keys of a field by which it can have the values that a rule needs, and what would be without."""


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


def check_conditions(mini_app: MiniApp, sign_in: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The conditions of steps that nobody can decide, since no sign-in tells what they ask for."""
    told = _list_told(sign_in) | {"role"}
    return [
        f"mini_apps.{mini_app.slug}: the condition of {step.key} asks for {key}, which no "
        f"[sign_in.<name>{'.claims' if key in CLAIMS else '.attributes'}] tells: nobody could pass the step"
        for step in mini_app.steps
        for key in dict.fromkeys(key for condition in step.applies for key in condition.fields)
        if sign_in and key not in told
    ] + [
        f"mini_apps.{mini_app.slug}: the guidance of {step.key} asks for {key}, which no sign-in tells: nobody could read it"
        for step in mini_app.steps
        for key in dict.fromkeys(key for guidance in step.guidance for key in guidance.fields)
        if sign_in and key not in told
    ]


def _list_told(sign_in: Mapping[str, Mapping[str, Any]]) -> set[str]:
    """The claims and attributes that some sign-in tells."""
    tables = (table.get(part) for table in sign_in.values() for part in ("claims", "attributes"))
    return {name for table in tables if isinstance(table, dict) for name in table}


def check_roles(
    wanted: Mapping[str, tuple[Role, ...]], sign_in: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """The roles that mini-apps are for and no sign-in tells: nobody of them gets in. `wanted` has them by slug."""
    told = {role for table in sign_in.values() for role in _list_roles(table)}
    if not sign_in:
        return []
    return [
        f"mini_apps.{slug}.roles lets nobody in who is a {role}: no [sign_in.<name>.roles] has a word for {role}"
        for slug, roles in wanted.items()
        for role in roles
        if role not in told
    ]


def _list_roles(table: Mapping[str, Any]) -> Iterator[str]:
    """The roles that a sign-in may tell; without a table of them it tells students and teachers apart by their numbers."""
    roles, claims = table.get("roles"), table.get("claims")
    if isinstance(roles, dict) and roles:
        yield from (role for role in roles.values() if isinstance(role, str))
        return
    yield Role.STUDENT
    if isinstance(claims, dict) and claims.get("staff_number"):
        yield Role.TEACHER


def check_attributes(
    named: Mapping[str, Iterable[str]], sign_in: Mapping[str, Mapping[str, Any]]
) -> list[str]:
    """What the keys of `named` need of a sign-in and none tells: claims or attributes."""
    told = _list_told(sign_in)
    if not sign_in:
        return []
    return [
        f"{where} names {name}, which no sign-in tells: it is neither a field nor in [sign_in.<name>.attributes]"
        for where, names in named.items()
        for name in names
        if name not in told
    ]


def _check_step(step: Step, connector: ConnectorConfig) -> Iterator[str]:
    fields = connector.get_facts()
    uses = defaultdict(list)
    for use in step.rule.uses:
        uses[use.key].append(use)
    for key in uses.keys() - fields.keys():
        yield f" lack {key}, which the rule reads"
    for fact in step.facts:
        field = fields.get(fact.key)
        if field is None:
            continue
        is_shown_flag = fact.key not in uses and field.type is FieldType.FLAG and fact.type == "text"
        if field.type != fact.type and not is_shown_flag:
            yield f".{fact.key}.type is {field.type}, and the manifest has {fact.type}"
        else:
            weakness = connector.get_weakness(fact.key)
            # A rule that is made of others may read a fact twice.
            told = (fault for use in uses.get(fact.key, ()) for fault in _check_use(use, field, weakness))
            yield from dict.fromkeys(told)


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
    if field.may_be_negative and not use.takes_negative:
        yield f".{use.key}.may_be_negative is true, and the rule does not know what an amount below 0 means"
    if use.needs is not None:
        key, without = _NEEDED[use.needs]
        if not getattr(field, key):
            yield f".{use.key}.{key} is false: {without}"
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
        if isinstance(meaning, str) and field.conventions.says_nothing(meaning):
            yield f".{use.key} knows {meaning}, which stands for nothing: the rule would take it for something"


def _can_yield(field: Field, text: str) -> bool:
    if field.values is not None:
        return text in field.values.values()
    return re.fullmatch(field.pattern, text) is not None and not field.conventions.says_nothing(text)
