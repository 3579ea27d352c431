"""The broken answers of tests/unit/connectors/test_mutated_answers.py and test_mutated_xml.py, ten thousand each."""

from __future__ import annotations

from app.connectors.base import UntrustedAnswer
from tests.unit.connectors.demo import prove
from tests.unit.connectors.mutations import Form
from tests.unit.connectors.test_mutated_answers import read_mutants
from tests.unit.connectors.test_mutated_xml import Configs, both_forms
from tests.unit.connectors.test_only_shown import prove_as_wired

MUTANTS = 10_000


def test_no_mutated_answer_of_ten_thousand_lets_a_student_pass() -> None:
    refused = read_mutants(MUTANTS, prove, UntrustedAnswer)
    assert refused > MUTANTS / 2


def test_no_mutated_answer_lets_a_student_pass_where_shown_facts_are_left_out() -> None:
    assert read_mutants(MUTANTS, prove_as_wired, UntrustedAnswer) > MUTANTS / 2


@both_forms
def test_no_mutated_answer_in_xml_lets_a_student_pass(form: Form, configs: Configs) -> None:
    assert read_mutants(MUTANTS, prove, UntrustedAnswer, form=form, configs=configs) > MUTANTS / 2
