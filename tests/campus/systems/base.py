"""What the department systems have in common: one address, one credential check, one answer per student."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from typing import Any, ClassVar

from aiohttp import web

from tests.campus.credentials import Credentials
from tests.campus.state import Fault, State

Body = dict[str, Any]


class Endpoint(ABC):
    """One address of a department system.

    `contradiction` is a decisive key of the answer and a value that contradicts a cleared one.
    """

    system: ClassVar[str]
    method: ClassVar[str]
    path: ClassVar[str]
    contradiction: ClassVar[tuple[str, object]]
    is_action: ClassVar[bool] = False
    content_type: ClassVar[str] = "application/json"

    def __init__(self, state: State, credentials: Credentials) -> None:
        self.state = state
        self.credentials = credentials

    @abstractmethod
    async def read_number(self, request: web.Request) -> str | None:
        """Return the student number that was asked for, or None when there is none."""

    @abstractmethod
    async def is_authorized(self, request: web.Request) -> bool:
        """Tell whether the call carries this system's credential or a valid signature."""

    @abstractmethod
    def answer(self, number: str) -> Body:
        """Return the true answer, and do what the call asks for when it is an action."""

    @abstractmethod
    def cleared(self, number: str) -> Body:
        """Return the answer about a student who passes, whatever is held."""

    @abstractmethod
    def bad_answers(self, number: str, other: str) -> dict[Fault, Body]:
        """Return the answers that are wrong in their content, each as near to a cleared one as it can be."""

    def dump(self, body: Body) -> str:
        """Return compact JSON with the characters as they are; NaN is written as NaN."""
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"))

    def contradict(self, body: Body) -> str:
        """Return the answer with what contradicts it."""
        return contradict_json(self.dump(body), *self.contradiction)


def contradict_json(text: str, key: str, value: object) -> str:
    """Put the key once more, with another value, before its first place: a lenient reader sees the last one."""
    mark = f'"{key}":'
    head, tail = text.split(mark, 1)
    return f"{head}{mark}{json.dumps(value, ensure_ascii=False)},{mark}{tail}"


async def read_json_field(request: web.Request, name: str) -> str | None:
    """Return a string field of a JSON object in the request's body, or None."""
    try:
        body = await request.json()
    except (json.JSONDecodeError, UnicodeDecodeError):
        return None
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, str) and value else None


async def read_form(request: web.Request) -> dict[str, str]:
    """Return the text fields of a form body."""
    return {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
