"""An answer counts only inside a proven success about the very student."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.reading import judge_action
from tests.unit.connectors import answers
from tests.unit.connectors.demo import STUDENT, demo_configs, prove

CONFIGS = demo_configs()
_MISSING = object()


def fault_of(system: str, answer: Any) -> FailureCode:
    with pytest.raises(UntrustedAnswer) as refusal:
        prove(CONFIGS[system], json.dumps(answer).encode())
    return refusal.value.fault


def change(answer: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with a value put at a dotted path, or taken away."""
    changed = copy.deepcopy(answer)
    node: Any = changed
    *steps, last = path.split(".")
    for step in steps:
        node = node[int(step) if step.isdigit() else step]
    if value is _MISSING:
        del node[last]
    else:
        node[last] = value
    return changed


LOANS = answers.library_loans(books=2)
LEFT = {"building": "竹园", "room": "B412", "checkoutDate": "2026-06-10", "checkoutBy": "王建国"}
NOBODY = {"status": "OK", "student": STUDENT, "resident": False, "record": None}


@pytest.mark.parametrize(
    ("system", "answer"),
    [
        (
            "library_loans",
            {
                "success": True,
                "errCode": 80000,
                "data": {"readerId": STUDENT, "total": 0, "searchResult": []},
            },
        ),
        ("dormitory", NOBODY),
        ("dormitory", NOBODY | {"record": []}),
        ("finance", answers.finance()),
    ],
)
def test_no_record_is_what_the_configuration_says_it_is(system: str, answer: dict[str, Any]) -> None:
    assert prove(CONFIGS[system], json.dumps(answer).encode()) == ()


@pytest.mark.parametrize(
    ("system", "answer", "fault"),
    [
        ("finance", change(answers.finance(), "data.arrears", None), FailureCode.NO_ROWS),
        ("finance", change(answers.finance(), "data.arrears", {}), FailureCode.NO_ROWS),
        ("finance", change(answers.finance(), "data.arrears", ""), FailureCode.NO_ROWS),
        ("finance", change(answers.finance(), "data.arrears", _MISSING), FailureCode.MISSING_FIELD),
        ("finance", change(answers.finance(), "data", None), FailureCode.MISSING_FIELD),
        ("finance", change(answers.finance(), "data", []), FailureCode.MISSING_FIELD),
        ("finance", change(answers.finance(), "code", 1), FailureCode.NO_SUCCESS),
        ("finance", change(answers.finance(), "code", "0"), FailureCode.NO_SUCCESS),
        ("finance", change(answers.finance(), "code", False), FailureCode.NO_SUCCESS),
        ("finance", change(answers.finance(), "code", _MISSING), FailureCode.NO_SUCCESS),
        ("finance", change(answers.finance(), "data.card_number", "TS23000002"), FailureCode.WRONG_STUDENT),
        ("finance", change(answers.finance(), "data.card_number", 23000003), FailureCode.WRONG_TYPE),
        ("finance", change(answers.finance(), "data.card_number", _MISSING), FailureCode.MISSING_FIELD),
        ("finance", change(answers.finance({}), "data.arrears", [[]]), FailureCode.WRONG_TYPE),
        ("finance", change(answers.finance(), "data.total", 1), FailureCode.WRONG_COUNT),
        ("dormitory", change(NOBODY, "record", _MISSING), FailureCode.MISSING_FIELD),
        ("dormitory", change(NOBODY, "record", {}), FailureCode.CONTRADICTION),
        ("dormitory", change(NOBODY, "resident", True), FailureCode.NO_ROWS),
        ("dormitory", change(NOBODY, "resident", 0), FailureCode.NO_SUCCESS),
        ("dormitory", change(NOBODY, "resident", None), FailureCode.NO_SUCCESS),
        ("library_loans", change(LOANS, "data.total", 0), FailureCode.WRONG_COUNT),
        ("library_loans", change(LOANS, "data.total", True), FailureCode.WRONG_COUNT),
        ("library_loans", change(LOANS, "data.searchResult", []), FailureCode.WRONG_COUNT),
        (
            "library_loans",
            change(LOANS, "data.searchResult.0.readerId", "TS23000002"),
            FailureCode.WRONG_STUDENT,
        ),
        ("library_loans", change(LOANS, "data.searchResult", [{}, {}]), FailureCode.SEVERAL_RECORDS),
        ("library_loans", change(LOANS, "errCode", 80001), FailureCode.NO_SUCCESS),
        ("library_loans", change(LOANS, "success", 1), FailureCode.NO_SUCCESS),
        ("archive", change(answers.archive("已审核", ""), "entities", []), FailureCode.NO_ROWS),
        ("dormitory", NOBODY | {"record": LEFT}, FailureCode.CONTRADICTION),
        ("archive", change(answers.archive("已审核", ""), "xh", "TS23000002"), FailureCode.WRONG_STUDENT),
        (
            "archive",
            change(answers.archive("已审核", ""), "entities.0.xh", "TS23000002"),
            FailureCode.WRONG_STUDENT,
        ),
        ("library_loans", change(LOANS, "data.readerId", "TS23000002"), FailureCode.WRONG_STUDENT),
        ("library_loans", change(LOANS, "data.total", "1"), FailureCode.WRONG_COUNT),
        ("library_loans", answers.library_loans(books=False), FailureCode.WRONG_TYPE),
        ("library_loans", answers.library_loans(books="0"), FailureCode.WRONG_TYPE),
        ("library_loans", answers.library_loans(debt=0), FailureCode.WRONG_TYPE),
        ("finance", answers.finance(answers.charge("学费", "500.00")), FailureCode.MALFORMED_NUMBER),
        ("finance", answers.finance(answers.charge("学费", "５０")), FailureCode.MALFORMED_NUMBER),
        ("finance", answers.finance(answers.charge("学费", "-1")), FailureCode.MALFORMED_NUMBER),
        ("library_thesis", [], FailureCode.NO_SUCCESS),
        ("library_thesis", None, FailureCode.NO_SUCCESS),
    ],
)
def test_whatever_is_not_understood_is_refused_by_name(system: str, answer: Any, fault: FailureCode) -> None:
    assert fault_of(system, answer) is fault


def cancelled(code: int, success: bool = True, state: str = "9", number: str = STUDENT) -> dict[str, Any]:
    return {"success": success, "errCode": code, "data": {"readerId": number, "cardState": state}}


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (cancelled(200), ActionOutcome.CONFIRMED),
        (cancelled(80001), ActionOutcome.CONFIRMED),
        (cancelled(40310, success=False, state="1"), ActionOutcome.REFUSED),
        (cancelled(200, state="1"), ActionOutcome.UNKNOWN),
        (cancelled(40310), ActionOutcome.UNKNOWN),
        (cancelled(50000, success=False), ActionOutcome.UNKNOWN),
    ],
)
def test_an_action_is_confirmed_or_refused_only_by_its_marks(
    answer: dict[str, Any], outcome: ActionOutcome
) -> None:
    shape = CONFIGS["library_loans"].actions["cancel-card"]
    assert judge_action(shape, shape.echo, answer, STUDENT) is outcome


def test_an_action_answered_about_another_student_proves_nothing() -> None:
    shape = CONFIGS["library_loans"].actions["cancel-card"]
    with pytest.raises(UntrustedAnswer):
        judge_action(shape, shape.echo, cancelled(200, number="TS23000002"), STUDENT)
