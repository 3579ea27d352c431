"""1,000 broken answers, and 10,000 in `make soak`: none of them lets a student pass who must not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from app.connectors.base import UntrustedAnswer
from app.connectors.field_keys import FieldType
from app.connectors.http.client import HttpConfig
from app.domain.clearance import Record
from tests.unit.connectors.answers import OUTSTANDING, clears
from tests.unit.connectors.demo import demo_configs, prove
from tests.unit.connectors.mutations import JSON_FORM, Form, make_mutant

MUTANTS = 1_000
CONFIGS = demo_configs()
Reader = Callable[[HttpConfig, bytes, str], tuple[Record, ...]]


class FalseClear(BaseException):
    """A broken answer about a student who must not pass was read as one who may; no reader catches it."""


def read_mutants(
    mutants: int,
    read: Reader,
    *refusals: type[Exception],
    form: Form = JSON_FORM,
    configs: Mapping[str, HttpConfig] = CONFIGS,
) -> int:
    """Read so many mutants of a form; returns how many were refused, which is by `refusals` alone, or raises FalseClear."""
    refused = 0
    seen = 0

    @settings(
        max_examples=mutants,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    @given(st.integers(0, 2**40 - 1))
    def read_one(seed: int) -> None:
        nonlocal refused, seen
        seen += 1
        system, body, content_type = make_mutant(seed, form)
        try:
            records = read(configs[system], body, content_type)
        except refusals:
            refused += 1
            return
        if clears(system, records):
            raise FalseClear(f"{system} {body!r}")

    read_one()
    assert seen >= mutants
    return refused


def read_leniently(config: HttpConfig, body: bytes, _content_type: str) -> tuple[Record, ...]:
    """A reader as one writes it in a hurry: whatever is missing is nothing."""
    node: Any = json.loads(body)
    for step in config.rows_path:
        node = node.get(step) or {}
    rows = [node] if isinstance(node, dict) and node else list(node)
    return tuple(_read_leniently(config, row) for row in rows)


def _read_leniently(config: HttpConfig, row: dict[str, Any]) -> Record:
    record: dict[str, Any] = {}
    for fact, field in config.fields.items():
        value = row.get(str(field.path[0]))
        if field.type in (FieldType.COUNT, FieldType.MONEY):
            value = Decimal(str(value or 0))
        record[fact] = (field.values or {}).get(value, value)
    return record


def test_no_mutated_answer_of_a_thousand_lets_a_student_pass() -> None:
    refused = read_mutants(MUTANTS, prove, UntrustedAnswer)
    assert refused > MUTANTS / 2


def test_a_lenient_reader_lets_students_pass_on_the_same_mutants() -> None:
    with pytest.raises(FalseClear):
        read_mutants(MUTANTS, read_leniently, Exception)


@pytest.mark.parametrize(("system", "answer"), OUTSTANDING)
def test_the_answers_before_mutation_are_read_and_do_not_pass(system: str, answer: dict[str, Any]) -> None:
    body = json.dumps(answer, ensure_ascii=False).encode()
    assert not clears(system, prove(CONFIGS[system], body))
    assert not clears(system, read_leniently(CONFIGS[system], body, ""))
