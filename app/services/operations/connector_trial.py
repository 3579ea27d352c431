"""Tries a connector with one student, for an operator: what goes out, what comes back, what is understood of it, and
what each step would say. Nothing is kept, and no student's page is touched.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel

from app import event_loop
from app.config_model import is_secret
from app.connectors.base import Connector, FailureCode
from app.connectors.client import Answer
from app.connectors.config import ConnectorConfig
from app.connectors.http.client import HttpConfig
from app.connectors.keys import KeyedConnector
from app.connectors.registry import build_connectors, read_connectors
from app.connectors.tracing import Trace, asking_about
from app.domain.clearance import DepartmentUnavailable, Reading, StepState
from app.domain.exchanges import Exchange, recording
from app.domain.person import Keys, MalformedNumber
from app.domain.step import Step
from app.models import write_transaction
from app.services.audit import add_event
from app.services.clearance.judging import judge_answer
from app.services.clearance.wiring import list_shown
from app.services.clock import get_now
from app.services.desk.desk import open_desk_book
from app.services.installation import Installation, InstalledMiniApp

log = logging.getLogger(__name__)

TRIED = "connector_tried"
GRACE_SECONDS = 5.0
LOOKS = 3
"""How often a connector may be asked for a key: about the student, its holder, and the student again."""


class UnknownConnector(LookupError):
    """No connector has this name."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of it. `secrets` are texts that nobody may see, with what to show in their place, and `keys` those of the
    person; `steps` what each step with this connector would say. `told_by` are the keys of people that connectors tell, by
    connector.
    """

    config: ConnectorConfig
    answer: Answer
    exchanges: list[Exchange]
    trace: Trace
    seconds: float
    secrets: Mapping[str, str] = field(repr=False)
    keys: Mapping[str, str] = field(repr=False)
    steps: tuple[tuple[InstalledMiniApp, Step, StepState], ...]
    told_by: Mapping[str, str]

    @property
    def is_understood(self) -> bool:
        """Whether the answer could be believed."""
        return isinstance(self.answer, Reading)

    def find_key(self, system: str) -> str:
        """The name of the key that a connector tells; empty where it tells none."""
        return self.told_by.get(system, "")

    @property
    def reasons(self) -> list[str]:
        """The words for what exactly went wrong, where that is known more exactly than by the fault."""
        return [one.reason for one in self.exchanges if one.reason]


def read_configs(installation: Installation) -> dict[str, ConnectorConfig]:
    """What each connector declares, by name."""
    settings = installation.settings
    return read_connectors(settings.connectors, [], settings.conventions, settings.person_keys)


def note_tried(name: str, student_number: str, actor: str, *, is_raw: bool) -> None:
    """Record that somebody looked at what a system has of a student. Raises SQLAlchemyError where that cannot be
    written: then it must not be shown.
    """
    details = {"connector": name, "raw": is_raw}
    with write_transaction() as session:
        add_event(session, TRIED, actor=actor, subject=student_number, details=details, now=get_now())


def try_connector(installation: Installation, name: str, student_number: str, told: Keys) -> Trial:
    """Ask a system about one student once; `told` are the keys that a sign-in would tell. Raises UnknownConnector."""
    configs, trace = read_configs(installation), Trace()
    if name not in configs:
        raise UnknownConnector(name)
    connector = _connect(installation, configs, trace)[name]
    if isinstance(connector, KeyedConnector) and told:
        connector = connector.bind(student_number, told)
    began = time.monotonic()
    longest = LOOKS * sum(config.deadline_seconds for config in configs.values()) + GRACE_SECONDS
    answer, exchanges = event_loop.run(_ask(connector, student_number), longest)
    return Trial(
        configs[name],
        answer,
        exchanges,
        trace,
        time.monotonic() - began,
        dict.fromkeys(_list_tokens(configs.values(), exchanges), "‹token›")
        | {secret: "‹secret›" for config in configs.values() for secret in list_secrets(config)},
        dict(_list_keys(installation, trace, told)),
        tuple(_judge(installation, name, answer)),
        {key.connector: name for name, key in installation.settings.person_keys.items() if key.connector},
    )


def _connect(
    installation: Installation, configs: Mapping[str, ConnectorConfig], trace: Trace
) -> Mapping[str, Connector]:
    """Connectors of their own, without places, breaker and metrics."""
    settings, mini_apps = installation.settings, installation.mini_apps.values()
    book = open_desk_book(settings.database, settings.service.time_zone, installation.row_keys)
    shown = list_shown((item.mini_app, item.settings.steps) for item in mini_apps)
    return build_connectors(configs, book, shown, settings.person_keys, guard=_Bounded, prepare=trace.prepare)


class _Bounded:
    """A connector whose question has its deadline, and nothing else."""

    def __init__(self, inner: Connector, config: ConnectorConfig) -> None:
        self.name, self.actions = inner.name, inner.actions
        self._inner, self._seconds = inner, config.deadline_seconds
        self.perform_action, self.close = inner.perform_action, inner.close

    async def fetch_reading(self, student_number: str) -> Reading:
        try:
            with asking_about(student_number):
                async with asyncio.timeout(self._seconds):
                    return await self._inner.fetch_reading(student_number)
        except TimeoutError:
            raise DepartmentUnavailable(self.name, FailureCode.TIMEOUT) from None


async def _ask(connector: Connector, student_number: str) -> tuple[Answer, list[Exchange]]:
    with recording() as exchanges:
        try:
            return await connector.fetch_reading(student_number), exchanges
        except DepartmentUnavailable as error:
            return error, exchanges
        except Exception as error:  # noqa: BLE001 - whatever it is makes the system unavailable
            # The text of a foreign exception may hold the number or a secret: its kind is enough.
            log.error("connector failed", extra={"system": connector.name, "error": type(error).__name__})
            return DepartmentUnavailable(connector.name, FailureCode.INTERNAL), exchanges
        finally:
            await connector.close()


def list_secrets(section: BaseModel) -> Iterator[str]:
    """The secrets of a table and of the tables in it."""
    for name, declared in type(section).model_fields.items():
        value: Any = getattr(section, name, None)
        if isinstance(value, BaseModel):
            yield from list_secrets(value)
        elif isinstance(value, Mapping):
            for inner in value.values():
                yield from list_secrets(inner) if isinstance(inner, BaseModel) else ()
        elif isinstance(value, str) and value and is_secret(declared):
            yield value
            yield from _list_password(value)


def _list_password(secret: str) -> Iterator[str]:
    """The password inside an address, which may come back without the rest."""
    try:
        password = urlsplit(secret).password if "://" in secret else None
    except ValueError:
        return
    if password:
        yield from {password, unquote(password)}


def _list_tokens(configs: Iterable[ConnectorConfig], exchanges: list[Exchange]) -> Iterator[str]:
    """The tokens that systems gave, which open them as a secret does."""
    for config in configs:
        if isinstance(config, HttpConfig) and config.token is not None:
            head = config.token.build_request(config.base_url)
            for exchange in exchanges:
                if exchange.head == f"{head.method} {head.url}":
                    yield from config.token.find_token(config, exchange.answer_body)


def _list_keys(installation: Installation, trace: Trace, told: Keys) -> Iterator[tuple[str, str]]:
    """The keys that came up, as they are asked with and as they came, with what to show in their place."""
    for name, key in installation.settings.person_keys.items():
        told_here = [fact for fact in trace.facts if (fact.system, fact.name) == (key.connector, key.fact)]
        came = [value for fact in told_here for value in (fact.value, fact.found)]
        for text in (*told.get(name, ()), *(value for value in came if isinstance(value, str))):
            yield text, f"‹{name}›"
            try:
                yield key.form.fold(text), f"‹{name}›"
            except MalformedNumber:
                continue


def _judge(
    installation: Installation, name: str, answer: Answer
) -> Iterator[tuple[InstalledMiniApp, Step, StepState]]:
    for installed in installation.mini_apps.values():
        for step in installed.mini_app.steps:
            if installed.settings.steps.get(step.key) == name:
                yield installed, step, judge_answer(step, answer, get_now())
