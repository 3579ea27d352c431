"""What goes out to a system and comes back, word by word, for an operator who tries a connector. Nothing is recorded
unless somebody asks for it, and nothing of it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Exchange:
    """One question and its answer. `head` is the first line of each, `headers` and `body` what follows; `error` says why
    there is no answer, and `reason` is a short word for what exactly went wrong. Holds secrets and personal data.
    """

    head: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    answer_head: str = ""
    answer_headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    answer_body: bytes = field(default=b"", repr=False)
    error: str = ""
    reason: str = ""


_recorded: ContextVar[list[Exchange] | None] = ContextVar("recorded_exchanges", default=None)


@contextmanager
def recording() -> Iterator[list[Exchange]]:
    """Record what is exchanged in this context and in the tasks that begin in it."""
    exchanges: list[Exchange] = []
    token = _recorded.set(exchanges)
    try:
        yield exchanges
    finally:
        _recorded.reset(token)


def record_question(
    head: str, headers: Mapping[str, str] | None = None, body: bytes = b""
) -> Exchange | None:
    """Note a question that goes out now; None where nobody records."""
    exchanges = _recorded.get()
    if exchanges is None:
        return None
    exchanges.append(Exchange(head, headers or {}, body))
    return exchanges[-1]


def note_reason(reason: str) -> None:
    """Note of the newest question, if somebody records, what exactly went wrong with it."""
    exchanges = _recorded.get()
    if exchanges:
        exchanges[-1].reason = reason
