"""Departments that a file describes, so that the demo gets a new one without a program: see "The pretend campus" in
`config/DEPARTMENTS.md`. A file is TOML with one table for each department, named like its connector.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import make_dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from tests.campus.facts import FACTS_OF, DescribedFacts, FactsRefusedError, fact, merge_facts
from tests.campus.kinds import COUNT, DATE, FLAG, MONEY, TEXT, Kind, choice

HAS_RECORD = "has_record"
"""The fact that every described department has: whether it has a record of the student at all."""
_KINDS = {"text": TEXT, "count": COUNT, "money": MONEY, "day": DATE, "flag": FLAG}
_USUAL: dict[str, Any] = {"count": 0, "money": "0.00", "flag": True}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")
_TAKEN = {*FACTS_OF, "login"}
FACT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
"""A placeholder in a template."""


class DescriptionError(ValueError):
    """Files that describe no departments; the message has a line for each thing that is wrong, with its file."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        lines = [f"\n  - {mistake}" for mistake in mistakes]
        super().__init__("".join(lines) if len(lines) > 1 else mistakes[0])


class _DepartmentError(ValueError):
    """What is wrong between the keys of a department that are each right in themselves."""

    def __init__(self, mistakes: Sequence[str]) -> None:
        super().__init__()
        self.mistakes = mistakes


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DescribedFact(_Table):
    """A fact: `usual` is what is held of a student of whom the file says nothing, who passes. `written` is its form in
    the answer: fen, or a text instead of a number; `codes` gives the answer's word for each value.
    """

    label: str
    kind: Literal["text", "count", "money", "day", "flag", "choice"] = "choice"
    choices: list[str] = []
    usual: str | int | bool | None = None
    written: Literal["plain", "text", "fen", "fen_text"] = "plain"
    codes: dict[str, str | int] = {}

    def get_kind(self) -> Kind:
        """What values it takes."""
        return choice(*self.choices) if self.kind == "choice" else _KINDS[self.kind]

    def get_usual(self) -> object:
        """What is held of a student of whom the file says nothing."""
        return _USUAL.get(self.kind) if self.usual is None else self.usual


class Department(_Table):
    """A department system: where it answers, what it asks for, and its answer as a template. In a template
    `{number}` is the number asked for, `{records}` the record, `{count}` how many there are, and each fact has its name.
    `known_as` are the numbers that it knows students by, where these are not student numbers.
    """

    title: str
    path: str = ""
    method: Literal["GET", "POST"]
    number_in: Literal["path", "query", "form", "json", "xml"]
    number_name: str
    credential_in: Literal["none", "header", "query", "form", "json", "xml"]
    credential_name: str = ""
    credential_prefix: str = ""
    credential: str = ""
    format: Literal["json", "xml"] = "json"
    content_type: str = ""
    answer: str
    record: str
    records: Literal["list", "one"] = "list"
    error: str
    levels: list[str] = []
    known_as: dict[str, list[str]] = {}
    facts: dict[str, DescribedFact]
    students: dict[str, dict[str, str | int | bool | None]] = {}

    @model_validator(mode="after")
    def check(self) -> Department:
        """Refuse facts that cannot be held, and templates that name what is not there."""
        wrong = [f"facts.{name} is no name" for name in self.facts if not _NAME.fullmatch(name)]
        known = {"number", "records", "count", *self.facts}
        for key in ("answer", "record", "error"):
            wrong += [
                f"{key} has {{{name}}}" for name in FACT.findall(getattr(self, key)) if name not in known
            ]
        if "{records}" not in self.answer:
            wrong.append("answer has no {records}")
        usual = self.make_facts()()
        for number, values in {
            "usual": {n: f.get_usual() for n, f in self.facts.items()},
            **self.students,
        }.items():
            try:
                merge_facts(usual, values)
            except FactsRefusedError as error:
                wrong += [f"{number}: {mistake}" for mistake in error.mistakes]
        if wrong:
            raise _DepartmentError(wrong)
        return self

    def find_student(self, number: str) -> str:
        """Whose number this is; empty for nobody's."""
        if not self.known_as:
            return number
        return next((student for student, known in self.known_as.items() if number in known), "")

    def find_facts(self, number: str) -> DescribedFacts:
        """What it holds of a demo student at the start."""
        return merge_facts(self.make_facts()(), self.students.get(number, {}))

    def make_facts(self) -> type[DescribedFacts]:
        """The class of what it holds of one student."""
        fields = [
            (name, object, fact(said.get_kind(), said.label, said.get_usual()))
            for name, said in self.facts.items()
        ]
        fields.append((HAS_RECORD, bool, fact(FLAG, "有记录", True)))
        return make_dataclass("Described", fields, bases=(DescribedFacts,), frozen=True)


def split_places(text: str) -> list[Path]:
    """Files and folders, as the command line and the environment join them."""
    return [Path(name) for name in text.split(os.pathsep) if name]


def read_departments(places: Iterable[Path]) -> dict[str, Department]:
    """The departments that these files describe, and the `.toml` files of these folders, by name. Raises
    DescriptionError.
    """
    found: dict[str, Department] = {}
    wrong: list[str] = []
    for path in [file for place in places for file in _list_files(place)]:
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            wrong.append(f"{path.name} cannot be read: {error}")
            continue
        for name, table in tables.items():
            if name in _TAKEN or name in found or not _NAME.fullmatch(name):
                wrong.append(f"{path.name}: {name} is taken, or no name of a department")
                continue
            try:
                found[name] = Department.model_validate(table)
            except ValidationError as error:
                wrong += [f"{path.name}: {mistake}" for mistake in _list_mistakes(name, error)]
    if wrong:
        raise DescriptionError(wrong)
    return found


def _list_files(place: Path) -> list[Path]:
    return sorted(place.glob("*.toml")) if place.is_dir() else [place]


def _list_mistakes(name: str, error: ValidationError) -> Iterator[str]:
    for each in error.errors():
        place = ".".join([name, *map(str, each["loc"])])
        cause = each.get("ctx", {}).get("error")
        told = cause.mistakes if isinstance(cause, _DepartmentError) else [each["msg"]]
        yield from (f"{place}: {mistake}" for mistake in told)
