"""Facts that no rule reads are shown and settle nothing: what cannot be read of them is left out, and blocks nobody."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.fields import Field, mark_shown
from app.connectors.http.client import HttpConfig
from app.connectors.sql.rows import Found, read_rows
from app.domain.clearance import Record, Status
from app.domain.mini_app import MiniApp
from app.domain.rules import AllPresent
from app.mini_apps.loader import load_mini_app
from app.services.clearance.wiring import list_shown
from tests.fixtures.connectors import read_config
from tests.unit.connectors import answers
from tests.unit.connectors.demo import demo_configs, prove
from tests.unit.connectors.test_mutated_answers import CONFIGS, MUTANTS, read_mutants

FOLDERS = Path(__file__).resolve().parents[3] / "miniapp_templates"
BARE = demo_configs()


def load(slug: str) -> MiniApp:
    loaded = load_mini_app(FOLDERS / slug, [])
    assert loaded is not None
    return loaded


GRADUATE = load("graduate_departure")
SAME_NAMES = {key: key for key in GRADUATE.step_keys}
SHOWN = list_shown([(GRADUATE, SAME_NAMES)])
WIRED = {
    name: config.model_copy(update={"fields": mark_shown(name, config.fields, SHOWN[name])})
    for name, config in BARE.items()
}


def read(system: str, answer: Any, configs: Mapping[str, HttpConfig] = WIRED) -> tuple[Record, ...]:
    return prove(configs[system], json.dumps(answer).encode())


def judge(system: str, answer: Any, configs: Mapping[str, HttpConfig] = WIRED) -> Status | FailureCode:
    step = GRADUATE.get_step(system)
    assert step is not None
    try:
        return step.rule.judge(read(system, answer, configs)).status
    except UntrustedAnswer as error:
        return error.fault


def name_project(project: Any, amount: str = "80000") -> Any:
    return answers.finance(answers.charge("", amount) | {"project_name": project})


def test_only_shown_is_what_a_step_shows_and_its_rule_does_not_read() -> None:
    """`row_status` is neither shown nor read: it is in the configuration to be proven."""
    assert {
        "library_loans": frozenset(),
        "library_thesis": {"submitted_on"},
        "archive": {"reviewed_on"},
        "dormitory": {"building", "room"},
        "finance": {"project"},
    } == SHOWN


def test_what_one_step_reads_of_a_connector_decides_for_all_its_steps() -> None:
    steps = SAME_NAMES | {"library_thesis": "papers", "archive": "papers"}
    assert list_shown([(GRADUATE, steps)])["papers"] == {"submitted_on", "reviewed_on"}
    thesis = GRADUATE.get_step("library_thesis")
    assert thesis is not None
    other_thesis = thesis.model_copy(update={"rule": AllPresent(facts=("reviewed_on",))})
    other = GRADUATE.model_copy(update={"slug": "other", "steps": (other_thesis,)})
    both = list_shown([(GRADUATE, steps), (other, {"library_thesis": "papers"})])
    assert both["papers"] == {"submitted_on"}


@pytest.mark.parametrize(
    "day",
    ["1990-01-01", "2099-01-01", "2026-6-5", "2026-06-05 10:30:00", "昨天", "无", "9999-12-31", "", None],
)
def test_an_odd_day_of_the_review_keeps_nobody_whose_thesis_is_reviewed(day: Any) -> None:
    assert read("archive", answers.archive("已审核", day)) == ({"state": "已审核", "reviewed_on": None},)
    assert judge("archive", answers.archive("已审核", day)) is Status.CLEARED
    assert judge("library_thesis", answers.library_thesis("审核通过", day)) is Status.CLEARED
    assert judge("archive", answers.archive("已提交", day)) is Status.PENDING


@pytest.mark.parametrize("project", ["无", "-", "", None, " ", "\x07", "学" * 300, 7, True])
def test_a_charge_without_a_name_is_a_charge(project: Any) -> None:
    (record,) = read("finance", name_project(project))
    assert (record["project"], record["amount"]) == (None, Decimal("800.00"))
    assert judge("finance", name_project(project)) is Status.OUTSTANDING
    assert judge("finance", name_project(project, "0")) is Status.CLEARED


@pytest.mark.parametrize(
    ("system", "answer", "fault"),
    [
        ("archive", answers.archive("已审核", "1990-01-01"), FailureCode.DAY_OUT_OF_BOUNDS),
        ("archive", answers.archive("已审核", "昨天"), FailureCode.MALFORMED_DAY),
        ("finance", name_project("无"), FailureCode.MALFORMED_TEXT),
        ("finance", name_project(None), FailureCode.WRONG_TYPE),
    ],
)
def test_read_as_if_it_decided_the_same_fact_makes_the_item_unavailable(
    system: str, answer: Any, fault: FailureCode
) -> None:
    """The control: so every fact was read before."""
    assert judge(system, answer, BARE) == fault


@pytest.mark.parametrize(
    ("system", "answer", "fault"),
    [
        ("archive", answers.archive("已审核", {"day": "2026-06-05"}), FailureCode.WRONG_TYPE),  # type: ignore[arg-type]
        ("archive", {"errno": 0, "xh": "TS23000003", "entities": [{"xh": "TS23000003", "lwzt": "已审核"}]}, FailureCode.MISSING_FIELD),
        ("finance", name_project(["学费"]), FailureCode.WRONG_TYPE),
        ("finance", answers.finance(answers.charge("学费", "0") | {"status": "挂账"}), FailureCode.UNKNOWN_VALUE),
        ("finance", answers.finance(answers.charge("学费", "八百")), FailureCode.MALFORMED_NUMBER),
        ("dormitory", answers.dormitory("待核实", "王建国"), FailureCode.MALFORMED_DAY),
        ("dormitory", answers.dormitory("未办理", "王建国"), Status.OUTSTANDING),
        ("dormitory", answers.dormitory("2026-13-01", "王建国"), FailureCode.MALFORMED_DAY),
    ],
)  # fmt: skip
def test_another_shape_and_what_decides_are_proven_as_ever(
    system: str, answer: Any, fault: FailureCode | Status
) -> None:
    assert judge(system, answer) == fault


def test_a_text_outside_the_known_ones_is_another_answer_even_where_it_is_only_shown() -> None:
    field = Field.model_validate({"path": "x", "type": "text", "known": ["甲"]})
    field = mark_shown("x", {"x": field}, frozenset({"x"}))["x"]
    with pytest.raises(UntrustedAnswer, match="unknown_value"):
        field.read({"x": "乙"})


def test_what_is_left_out_is_logged_by_its_name_and_without_its_value(
    caplog: pytest.LogCaptureFixture,
) -> None:
    read("archive", answers.archive("已审核", "1990-01-01"))
    (line,) = caplog.records
    assert (line.message, vars(line)["fact"]) == ("fact left out", "archive.reviewed_on")
    assert vars(line)["fault"] == "day_out_of_bounds"
    assert "1990" not in str(vars(line))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (datetime.combine(date(2026, 6, 5), time(10, 30)), None),
        (date(1990, 1, 1), None),
        (date(2026, 6, 5), date(2026, 6, 5)),
    ],
)
def test_a_column_that_is_only_shown_is_left_out_as_well(value: object, found: date | None) -> None:
    section = tomllib.loads(
        """
        kind = "sql"
        url = "sqlite:////srv/none.sqlite3"
        statement = "SELECT :student_number"
        number_column = "no"
        rows = "one"
        no_record = "never"
        freshness_statement = "SELECT 1"
        fresh_for_minutes = 60
        [fields]
        reviewed_on = { path = "day", type = "day" }
        """
    )
    config = read_config(section)
    fields = mark_shown("x", config.fields, frozenset({"reviewed_on"}))
    rows = Found(("no", "day"), (("TS1", value),), ((datetime.now(UTC),),))
    assert read_rows(config.model_copy(update={"fields": fields}), rows, "TS1") == ({"reviewed_on": found},)
    if found is None:
        with pytest.raises(UntrustedAnswer):
            read_rows(config, rows, "TS1")


def prove_as_wired(config: HttpConfig, body: bytes, content_type: str) -> tuple[Record, ...]:
    name = next(name for name, known in CONFIGS.items() if known is config)
    return prove(WIRED[name], body, content_type)


def test_no_mutated_answer_lets_a_student_pass_where_shown_facts_are_left_out() -> None:
    assert read_mutants(MUTANTS, prove_as_wired, UntrustedAnswer) > MUTANTS / 2
