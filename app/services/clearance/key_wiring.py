"""Whether the keys of people fit: who tells each, which systems are asked by it, and the canary students' own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from app.connectors.config import ConnectorConfig
from app.connectors.desk import DeskConfig
from app.connectors.field_keys import FieldType
from app.connectors.sql.config import SqlConfig
from app.domain.person import STUDENT_NUMBER, MalformedNumber
from app.settings import MiniAppSettings, PersonKeySettings, Settings

PersonKeys = Mapping[str, PersonKeySettings]
Connectors = Mapping[str, ConnectorConfig]


def check_person_keys(settings: Settings, connectors: Connectors) -> list[str]:
    """What is wrong with the keys of people, named by the configuration's keys. `connectors` lacks those whose own
    mistakes are told already.
    """
    keys = settings.person_keys
    chosen = [mini_app for mini_app in settings.mini_apps.values() if "steps" in mini_app.model_fields_set]
    faults = [fault for config in connectors.values() for fault in _check_asked_by(config, keys)]
    faults += [fault for config in connectors.values() for fault in _check_keys_statement(config, keys)]
    told = {name: _get_told(table) for name, table in settings.sign_in.items()}
    for name, names in told.items():
        faults += [f"sign_in.{name}.keys {fault}" for fault in _check_told(names, keys)]
    for name, key in keys.items():
        where = f"person_keys.{name}"
        faults += [f"{where}.{fault}" for fault in _check_source(key, settings, connectors)]
        faults += [f"{where}.canaries {fault}" for fault in _check_canaries(key)]
        if key.holder and not settings.conventions.numbers.is_folded(key.holder):
            faults.append(f"{where}.holder is no student number in the form of [numbers]")
        if not key.connector and not any(name in names for names in told.values()):
            faults.append(f"{where} is told by nobody: name a connector, or [sign_in.<name>.keys]")
    if settings.connectors.keys() <= connectors.keys():
        used = {key for config in connectors.values() for key in config.asked_by}
        unused = [name for name in keys if name not in used]
        faults += [f"person_keys.{name} is used by no connector: name it as asked_by" for name in unused]
    circles = [name for name in connectors if _leads_round(name, keys, connectors, ())]
    faults += [
        f"connectors.{name}.asked_by leads round in a circle through [person_keys]" for name in circles
    ]
    if not circles:
        for name, key in keys.items():
            faults += _list_unknown_holders(name, key, keys, connectors)
        for mini_app in chosen:
            faults += _list_unknown_canaries(mini_app, keys, connectors)
    return faults


def _get_told(table: Mapping[str, Any]) -> list[str]:
    """The keys that a sign-in tells; one whose table is wrong is told by its own reader."""
    told = table.get("keys") if isinstance(table, Mapping) else None
    return list(told) if isinstance(told, dict) else []


def _check_told(names: Iterable[str], keys: PersonKeys) -> Iterator[str]:
    for name in names:
        if name not in keys:
            yield f"has {name}, which is no key of [person_keys]"
        elif keys[name].connector:
            yield f"has {name}, which person_keys.{name}.connector tells: one of them alone"


def _check_asked_by(config: ConnectorConfig, keys: PersonKeys) -> Iterator[str]:
    where = f"connectors.{config.name}.asked_by"
    unknown = [name for name in config.asked_by if name != STUDENT_NUMBER and name not in keys]
    yield from (f"{where} names no key of [person_keys]: {name}" for name in unknown)
    named = [keys[name] for name in config.asked_by if name in keys]
    if not named:
        return
    if isinstance(config, DeskConfig):
        yield f"{where} is not for a desk, whose clerks record by student number"
    if all(key.optional for key in named) and STUDENT_NUMBER not in config.asked_by and not unknown:
        yield f"{where} names only keys that a person need not have: nobody would be asked about"
    if len({key.case for key in named}) > 1:
        yield f"{where} names keys of several cases: an answer's number is written in one"


def _check_keys_statement(config: ConnectorConfig, keys: PersonKeys) -> Iterator[str]:
    """Whether a view whose rows tell a key shows all of them: what is to be one person's must not hide in another form."""
    if not isinstance(config, SqlConfig):
        return
    where = f"connectors.{config.name}.keys_statement"
    facts = {key.fact for key in keys.values() if key.connector == config.name}
    if facts and not config.keys_statement:
        yield f"{where} is missing: two people with one key, written in two ways, would not be seen"
    if config.keys_statement and not facts:
        yield f"{where} is for a view that tells a key of [person_keys]"
    if len(facts) > 1:
        yield f"{where} is for one key, and there are {len(facts)}: give each a connector of its own"


def _check_source(key: PersonKeySettings, settings: Settings, connectors: Connectors) -> Iterator[str]:
    if not key.connector:
        return
    if key.connector not in settings.connectors:
        yield f"connector names no connector: {key.connector}"
    if any(key.connector in mini_app.steps.values() for mini_app in settings.mini_apps.values()):
        yield (
            "connector answers for a step: its facts are stored, and a key must not be. Give the system a second "
            "table, with the key alone"
        )
    if key.connector in connectors:
        field = connectors[key.connector].get_facts().get(key.fact)
        if field is None or field.type is not FieldType.TEXT:
            yield f"fact is no text among the facts of {key.connector}: {key.fact}"


def _check_canaries(key: PersonKeySettings) -> Iterator[str]:
    holders: dict[str, str] = {}
    for number, texts in key.canaries.items():
        try:
            folded = {key.form.fold(text) for text in texts}
        except MalformedNumber:
            yield f"has a key of {number} that does not match the pattern"
            continue
        if not texts or (len(folded) > 1 and not key.several):
            yield f"has none or several keys of {number}"
        shared = {holders[each] for each in folded if each in holders}
        yield from (f"has one key for {other} and {number}: it is one person's" for other in sorted(shared))
        holders |= dict.fromkeys(folded, number)


def _leads_round(name: str, keys: PersonKeys, connectors: Connectors, above: tuple[str, ...]) -> bool:
    if name in above:
        return True
    mappings = [keys[key].connector for key in _list_keys(name, keys, connectors) if keys[key].connector]
    return any(_leads_round(mapping, keys, connectors, (*above, name)) for mapping in mappings)


def _list_unknown_canaries(
    mini_app: MiniAppSettings, keys: PersonKeys, connectors: Connectors
) -> Iterator[str]:
    """Canary students never sign in: what the sign-in tells of others must be known of them otherwise."""
    for step, canaries in mini_app.canaries.items():
        for name in dict.fromkeys(list_told_keys(mini_app.steps.get(step, ""), keys, connectors)):
            missing = [number for number in canaries.numbers if number not in keys[name].canaries]
            if missing:
                yield (
                    f"person_keys.{name}.canaries lacks {', '.join(missing)}, canary students of "
                    f"mini_apps.{mini_app.slug}.canaries.{step}"
                )


def _list_unknown_holders(
    name: str, key: PersonKeySettings, keys: PersonKeys, connectors: Connectors
) -> Iterator[str]:
    """A holder does not sign in for it either."""
    for told in dict.fromkeys(list_told_keys(key.connector, keys, connectors) if key.holder else ()):
        if key.holder not in keys[told].canaries:
            yield f"person_keys.{told}.canaries lacks {key.holder}, the holder of person_keys.{name}"


def list_told_keys(connector: str, keys: PersonKeys, connectors: Connectors) -> Iterator[str]:
    """The keys of sign-ins that a connector is asked by, or those that it takes its key from; none may lead round."""
    for name in _list_keys(connector, keys, connectors):
        if keys[name].connector:
            yield from list_told_keys(keys[name].connector, keys, connectors)
        else:
            yield name


def _list_keys(connector: str, keys: PersonKeys, connectors: Connectors) -> list[str]:
    named = connectors[connector].asked_by if connector in connectors else ()
    return [name for name in named if name in keys]
