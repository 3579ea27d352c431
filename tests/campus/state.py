"""All that the pretend campus remembers: facts, faults and the calls received. Safe to use from several threads."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from tests.campus.accounts import find_student
from tests.campus.demo import demo_facts
from tests.campus.described import Department
from tests.campus.facts import FACTS_OF, Facts, merge_facts

MAX_CALLS = 5_000
MAX_NONCES = 100_000


class Fault(StrEnum):
    """How a department system misbehaves."""

    NONE = "none"
    TIMEOUT = "timeout"
    DRIP = "drip"
    REFUSE = "refuse"
    RESET = "reset"
    HTTP_500 = "http_500"
    HTTP_429 = "http_429"
    HTTP_401 = "http_401"
    HTML_LOGIN = "html_login"
    REDIRECT = "redirect"
    BAD_JSON = "bad_json"
    HUGE = "huge"
    ERROR_ENVELOPE = "error_envelope"
    NULL_DATA = "null_data"
    EMPTY = "empty"
    MISSING_FIELDS = "missing_fields"
    WRONG_STUDENT = "wrong_student"
    TWO_STUDENTS = "two_students"
    DUPLICATE_KEYS = "duplicate_keys"
    NAN = "nan"
    UNKNOWN_VALUE = "unknown_value"
    SLOW_2S = "slow_2s"
    # Only for a system with an action: the action is done, its answer never comes; queries are answered.
    TIMEOUT_AFTER = "timeout_after"
    # Only for systems that hold such values: a well-formed answer that says less than it seems to.
    SENTINEL_DAY = "sentinel_day"
    FUTURE_DAY = "future_day"
    NOTHING_TEXT = "nothing_text"
    MISSING_PAGE = "missing_page"


SYSTEMS_WITH_ACTIONS = frozenset({"library_loans"})
_WITH_DAYS = frozenset({"library_thesis", "archive", "dormitory"})
SYSTEMS_OF: dict[Fault, frozenset[str]] = {
    Fault.TIMEOUT_AFTER: SYSTEMS_WITH_ACTIONS,
    Fault.SENTINEL_DAY: frozenset({"dormitory"}),
    Fault.FUTURE_DAY: _WITH_DAYS,
    Fault.NOTHING_TEXT: _WITH_DAYS,
    Fault.MISSING_PAGE: frozenset({"library_loans", "finance"}),
}
"""The faults that only some systems can have."""
VALUE_FAULTS = frozenset(SYSTEMS_OF) - {Fault.TIMEOUT_AFTER}
COMMON_FAULTS = tuple(fault for fault in Fault if fault not in VALUE_FAULTS)


def list_faults(system: str) -> list[Fault]:
    """The faults that this system can have."""
    return [fault for fault in Fault if system in SYSTEMS_OF.get(fault, {system})]


class UnknownNameError(LookupError):
    """A student or a system that does not exist; the message names it."""


@dataclass(frozen=True)
class Behaviour:
    """How a system answers: its fault, and a delay in milliseconds before every answer."""

    fault: Fault = Fault.NONE
    delay_ms: int = 0


@dataclass(frozen=True)
class Call:
    """A call that a department system received; `address` is method and path, `time` is UTC."""

    time: str
    system: str
    student: str | None
    address: str
    outcome: str


class State:
    """The campus' memory."""

    def __init__(self, described: Mapping[str, Department] | None = None) -> None:
        """`described` are the departments that files describe, beside the campus's own."""
        self.described = described or {}
        self.systems = (*FACTS_OF, *self.described)
        self._lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        """Forget every change, fault, call and nonce."""
        with self._lock:
            self._changed: dict[tuple[str, str], Facts] = {}
            self._behaviours = {system: Behaviour() for system in self.systems}
            self._calls: deque[Call] = deque(maxlen=MAX_CALLS)
            self._nonces: OrderedDict[tuple[str, str], None] = OrderedDict()

    def find_facts(self, number: str, system: str) -> Facts | None:
        """Return what a system holds about a student, or None when it does not know the number."""
        changed = self._changed.get((number, system))
        if changed is not None or system not in self.described:
            return changed or demo_facts(number, system)
        return None if find_student(number) is None else self.described[system].find_facts(number)

    def get_facts(self, number: str, system: str) -> Facts:
        """Return what a system holds about a student; raises UnknownNameError."""
        self._require_system(system)
        held = self.find_facts(number, system)
        if held is None:
            raise UnknownNameError(f"no such student: {number}")
        return held

    def change_facts(self, number: str, system: str, changes: Mapping[str, object]) -> Facts:
        """Put `changes` into what a system holds; raises UnknownNameError and FactsRefusedError."""
        with self._lock:
            changed = merge_facts(self.get_facts(number, system), changes)
            self._changed[number, system] = changed
        return changed

    def get_behaviour(self, system: str) -> Behaviour:
        """Return how a system answers now; raises UnknownNameError."""
        self._require_system(system)
        return self._behaviours[system]

    def change_behaviour(self, system: str, **changes: Any) -> Behaviour:
        """Set a system's `fault` or `delay_ms`; raises UnknownNameError."""
        with self._lock:
            self._behaviours[system] = replace(self.get_behaviour(system), **changes)
            return self._behaviours[system]

    def record_call(self, system: str, student: str | None, address: str, outcome: str) -> None:
        """Remember a call; only the last 5,000 are kept."""
        self._calls.append(Call(datetime.now(UTC).isoformat(), system, student, address, outcome))

    def list_calls(self, system: str | None = None, student: str | None = None) -> list[dict[str, Any]]:
        """Return the calls received, oldest first, of one system or student when given."""
        return [
            asdict(call)
            for call in list(self._calls)
            if system in (None, call.system) and student in (None, call.student)
        ]

    def count_calls(self) -> dict[str, dict[str, int]]:
        """Return how many of the remembered calls each system received for each student."""
        counted = Counter((call.system, call.student or "") for call in list(self._calls))
        return {
            system: {student: n for (name, student), n in sorted(counted.items()) if name == system}
            for system in self.systems
        }

    def use_nonce(self, system: str, nonce: str) -> bool:
        """Tell whether a nonce is new to a system, and remember it."""
        with self._lock:
            if (system, nonce) in self._nonces:
                return False
            self._nonces[system, nonce] = None
            if len(self._nonces) > MAX_NONCES:
                self._nonces.popitem(last=False)
            return True

    def _require_system(self, system: str) -> None:
        if system not in self.systems:
            raise UnknownNameError(f"no such system: {system}")
