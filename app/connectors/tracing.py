"""A connector's declaration that tells, while an answer is read by it, what was looked for where and what became of it:
for an operator who tries the connector.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from app.connectors.base import UntrustedAnswer
from app.connectors.config import ConnectorConfig
from app.connectors.fields import Field
from app.connectors.json_paths import Mark
from app.domain import json_reading
from app.domain.clearance import FactValue
from app.domain.json_reading import Json, NoSuchValue, Path

NOT_THERE = object()
_asked: ContextVar[str] = ContextVar("asked_number", default="")


@contextmanager
def asking_about(number: str) -> Iterator[None]:
    """What is read in this context is the answer about this number, or key."""
    token = _asked.set(number)
    try:
        yield
    finally:
        _asked.reset(token)


@dataclass(frozen=True, slots=True)
class FactTrace:
    """A fact that was read: what stood at its path (NOT_THERE: nothing), and what it was understood as, or why not."""

    system: str
    name: str
    path: Path
    found: object = field(repr=False)
    value: FactValue = field(default=None, repr=False)
    fault: str = ""


@dataclass(frozen=True, slots=True)
class MarkTrace:
    """A mark of `success` or the like, and what stood at its path."""

    system: str
    key: str
    mark: Mark
    found: object = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether the answer has one of the values there."""
        return any(type(self.found) is type(known) and self.found == known for known in self.mark.values)


@dataclass(slots=True)
class Trace:
    """What was read, in its order; `documents` are the answers as they were understood, by system and the number that it
    was asked about, the last one of each.
    """

    facts: list[FactTrace] = field(default_factory=list)
    marks: list[MarkTrace] = field(default_factory=list)
    documents: dict[tuple[str, str], Json] = field(default_factory=dict)

    def prepare(self, config: ConnectorConfig) -> ConnectorConfig:
        """The declaration with its facts and marks watched."""
        changes: dict[str, Any] = {
            "fields": {
                name: _WatchedField(self, config.name, name, each) for name, each in config.fields.items()
            }
        }
        for key in ("success", "no_record_mark"):
            marks: tuple[Mark, ...] = getattr(config, key, ())
            if marks:
                changes[key] = tuple(_WatchedMark(self, config.name, key, mark) for mark in marks)
        return config.model_copy(update=changes)


def find(document: Json, path: Path) -> object:
    """What stands at a path, or NOT_THERE."""
    try:
        return json_reading.look_up(document, path)
    except NoSuchValue:
        return NOT_THERE


class _WatchedField:
    """A field that tells what it read; in everything else it is the field."""

    def __init__(self, trace: Trace, system: str, name: str, inner: Field) -> None:
        self._trace, self._system, self._name, self._inner = trace, system, name, inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def read(self, row: Json, *arguments: Any, **options: Any) -> FactValue:
        """See Field."""
        path = self._inner.path
        found = find(row, path)
        try:
            value = self._inner.read(row, *arguments, **options)
        except UntrustedAnswer as error:
            self._trace.facts.append(FactTrace(self._system, self._name, path, found, fault=str(error.fault)))
            raise
        self._trace.facts.append(FactTrace(self._system, self._name, path, found, value))
        return value


class _WatchedMark:
    """A mark that tells what stood there; in everything else it is the mark."""

    def __init__(self, trace: Trace, system: str, key: str, inner: Mark) -> None:
        self._trace, self._system, self._key, self._inner = trace, system, key, inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def holds(self, document: Json) -> bool:
        """See Mark."""
        self._trace.documents[self._system, _asked.get()] = document
        found = find(document, self._inner.path)
        self._trace.marks.append(MarkTrace(self._system, self._key, self._inner, found))
        return self._inner.holds(document)


def list_texts(found: object) -> list[str]:
    """Every text and number below a value, as texts."""
    if isinstance(found, Mapping):
        return [text for inner in found.values() for text in list_texts(inner)]
    if isinstance(found, list):
        return [text for inner in found for text in list_texts(inner)]
    return [] if found is None or found is NOT_THERE else [str(found)]
