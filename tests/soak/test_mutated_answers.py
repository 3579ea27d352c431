"""The broken answers of tests/unit/connectors/test_mutated_answers.py, ten thousand of them."""

from __future__ import annotations

from app.connectors.base import UntrustedAnswer
from tests.unit.connectors.demo import prove
from tests.unit.connectors.test_mutated_answers import read_mutants
from tests.unit.connectors.test_only_shown import prove_as_wired

MUTANTS = 10_000


def test_no_mutated_answer_of_ten_thousand_lets_a_student_pass() -> None:
    refused = read_mutants(MUTANTS, prove, UntrustedAnswer)
    assert refused > MUTANTS / 2


def test_no_mutated_answer_lets_a_student_pass_where_shown_facts_are_left_out() -> None:
    assert read_mutants(MUTANTS, prove_as_wired, UntrustedAnswer) > MUTANTS / 2
