"""Buttons of desks are proven at start by the rule of the step: none clears what the rule does not clear."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest

from app.domain.clearance import Status
from app.domain.errors import FieldRefused
from app.domain.mini_app import MiniApp
from app.domain.step import Step
from app.mini_apps.loader import load_mini_app
from app.services.desk.buttons import Buttons, check_buttons, judge_facts
from app.services.desk.history import Outcome
from tests.campus.run import PROJECT
from tests.fixtures.connectors import read_config

DEMO = tomllib.loads((PROJECT / "config" / "demo_staff.toml").read_text(encoding="utf-8"))["connectors"]
CLERK = "00420017"


def get_step(key: str, **changes: Any) -> Step:
    """A step of the graduate departure, as the demo of staff has it."""
    faults: list[str] = []
    mini_app = load_mini_app(PROJECT / "miniapp_templates" / "graduate_departure", faults)
    assert isinstance(mini_app, MiniApp)
    step = mini_app.get_step(key)
    assert step is not None
    return step.model_copy(update={"no_record": Status.OUTSTANDING, **changes})


def check(key: str = "archive", **changes: Any) -> list[str]:
    """What is wrong with the demo's desk of this step, so changed."""
    table = {**DEMO[f"{key}_desk"], **changes}
    return check_buttons([(get_step(key), read_config(table, f"{key}_desk"))])


@pytest.mark.parametrize("key", ["archive", "dormitory"])
def test_the_demos_buttons_hold(key: str) -> None:
    assert check(key) == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"done": {"state": "已提交", "reviewed_on": "today"}},
            'done is judged pending by the rule of step archive, and must be cleared: state = "已提交"',
        ),
        (
            {"not_done": {"state": "已审核", "reviewed_on": ""}},
            'not_done is judged cleared by the rule of step archive, and must be outstanding: state = "已审核"',
        ),
        ({"done": {"state": "好", "reviewed_on": "today"}}, "done.state is none of 已提交、已审核"),
        (
            {"done": {"state": "ask", "reviewed_on": "today"}},
            "done.state is ask, and the rule of step archive reads it: what is typed would decide",
        ),
    ],
    ids=["done is pending", "not done passes", "no known text", "asked for what decides"],
)
def test_a_button_that_the_rule_judges_otherwise_is_told(changes: dict[str, Any], message: str) -> None:
    assert check(**changes) == [f"connectors.archive_desk.{message}"]


def test_all_mistakes_are_told_at_once() -> None:
    same = {"state": "已提交", "reviewed_on": "today"}
    assert len(check(done=same, not_done={**same, "state": "好"})) == 2


def test_a_desk_whose_step_passes_without_a_record_has_no_buttons() -> None:
    step = get_step("dormitory", no_record=Status.CLEARED)
    (fault,) = check_buttons([(step, read_config(DEMO["dormitory_desk"], "dormitory_desk"))])
    assert "passes without a record: whoever no clerk handled would pass" in fault


def test_the_buttons_record_the_day_the_clerk_and_what_was_asked_for() -> None:
    done = {"building": "ask", "room": "", "checkout_date": "today", "checkout_by": "clerk"}
    config = read_config({**DEMO["dormitory_desk"], "done": done}, "dormitory_desk")
    buttons = Buttons(config)
    (asked,) = buttons.list_asked(Outcome.DONE)
    assert (asked.name, asked.heading) == ("building", "楼栋")
    facts = buttons.make_facts(Outcome.DONE, CLERK, {"building": "竹园1号楼", "room": "never read"})
    day = config.conventions.get_today().isoformat()
    assert facts == {"building": "竹园1号楼", "room": None, "checkout_date": day, "checkout_by": CLERK}
    assert judge_facts(config, get_step("dormitory"), facts) is Status.CLEARED
    with pytest.raises(FieldRefused):
        buttons.make_facts(Outcome.DONE, CLERK, {"building": "=1+1"})


def test_a_clerk_whose_number_the_field_does_not_take_is_told_which_field() -> None:
    buttons = Buttons(read_config(DEMO["dormitory_desk"], "dormitory_desk"))
    with pytest.raises(FieldRefused) as refused:
        buttons.make_facts(Outcome.DONE, "TS80000000", {})
    assert refused.value.heading == "退宿办理人"
