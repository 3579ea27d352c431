"""What a preview shows of a step is what the step's own rule makes of it, whatever the rule and the facts."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import pytest

from app.domain.clearance import Status
from app.domain.composed_rules import RULES
from app.domain.step import FactType
from app.mini_apps.checking import Checked, check_folder
from app.mini_apps.sample_states import SAMPLES, make_states
from app.mini_apps.starting import start_folder
from app.preview import make_preview

NOW = datetime(2026, 6, 18, tzinfo=UTC)
TYPES: dict[str, str] = {
    "text": "text",
    "count": "count",
    "money": "money",
    "day": "day",
    "flag": "flag",
}
"""A fact of each type by its key."""
PARAMETERS: dict[str, list[tuple[str, str]]] = {
    "all_settled": [('{ zero = ["count", "money"], equals = { text = "已办结" } }', "count money text")],
    "value_is": [('{ fact = "text", passes = ["已办结"], pending = ["审核中"] }', "text")],
    "all_present": [('{ facts = ["text", "day"] }', "text day")],
    "is_yes": [('{ fact = "flag" }', "flag")],
    "is_no": [('{ fact = "flag" }', "flag")],
    "at_most": [('{ fact = "money", most = "20.00" }', "money"), ('{ fact = "count", most = 1 }', "count")],
    "at_least": [('{ fact = "count", least = 40 }', "count"), ('{ fact = "count", least = 1 }', "count")],
    "day_is": [
        ('{ fact = "day", not_before = "2026-01-01" }', "day"),
        ('{ fact = "day", not_past = true }', "day"),
    ],
    "nothing_owed": [('{ amount = "money", reduced_by = ["count"] }', "money")],
    "nothing_owed_in_all": [('{ amount = "money", reduced_by = [] }', "money")],
    "all_of": [('{ rules = [{ rule = "is_yes", fact = "flag" }, { rule = "at_most", fact = "count", most = 0 }] }', "flag count")],
    "any_of": [('{ rules = [{ rule = "is_no", fact = "flag" }, { rule = "at_most", fact = "count", most = 5 }] }', "flag")],
    "every_record": [('{ judged_by = { rule = "is_yes", fact = "flag" } }', "flag")],
    "any_record": [('{ judged_by = { rule = "day_is", fact = "day", not_after = "2026-12-31" } }', "day")],
    "latest_record": [('{ by = "day", judged_by = { rule = "is_no", fact = "flag" } }', "flag")],
}  # fmt: skip
"""The parameters of each rule, and the facts that keep somebody from passing by it."""
CASES = [(rule, *case) for rule, cases in PARAMETERS.items() for case in cases]


def make_folder(folder: Path, rule: str, parameters: str, reasons: str) -> Path:
    """A new mini-app whose second step has this rule and a fact of each type, in Chinese alone."""
    start_folder(folder)
    text = (folder / "manifest.toml").read_text("utf-8")
    before, _, rest = text.partition('[[steps]]\nkey = "settlement"')
    after = "[slip]" + rest.partition("\n[slip]")[2]
    step = f"""
[[steps]]
key = "settlement"
title = "财务结算"
department = "财务部"
rule = "{rule}"
parameters = {parameters}
no_record = "unavailable"
next_step = "请办理。"
office = {{ place = "窗口", contact = "窗口" }}
"""
    for key, kind in TYPES.items():
        words = 'words = { true = "是", false = "否" }\n' if kind == "flag" else ""
        step += f'\n[[steps.facts]]\nkey = "{key}"\nlabel = "{key}"\ntype = "{kind}"\n{words}'
    for key in reasons.split():
        step += f'\n[steps.reasons.{key}]\nsays = "{key} 为 {{value}}"\n'
        if "pending" in parameters:
            step += 'says_pending = "审核中"\nnext_step_pending = "请等待审核。"\n'
    (folder / "manifest.toml").write_text(f"{before}{step}\n{after}", "utf-8")
    (folder / "en.toml").unlink()
    record: Any = json.loads((folder / "sample.json").read_text("utf-8"))
    record["steps"][1]["facts"] = []
    (folder / "sample.json").write_text(json.dumps(record, ensure_ascii=False), "utf-8")
    return folder


def check(folder: Path) -> Checked:
    checked = check_folder(folder)
    assert checked.faults == ()
    assert checked.mini_app is not None
    return checked


def test_every_rule_and_every_type_of_fact_is_tried() -> None:
    assert set(PARAMETERS) == set(RULES)
    assert set(TYPES.values()) == set(get_args(FactType)) == set(SAMPLES)


@pytest.mark.parametrize(("rule", "parameters", "reasons"), CASES)
def test_a_step_is_previewed_whatever_its_rule_and_its_facts(
    tmp_path: Path, rule: str, parameters: str, reasons: str
) -> None:
    folder = make_folder(tmp_path / "some_departure", rule, parameters, reasons)
    checked = check(folder)
    preview = make_preview(folder, checked)
    assert preview.faults == ()
    page = preview.files["zh-CN/clearance-outstanding.html"].decode()
    for key in reasons.split():
        assert f"{key} 为 " in page, key


@pytest.mark.parametrize(("rule", "parameters", "reasons"), CASES)
def test_what_is_shown_as_outstanding_does_not_pass_by_the_rule(
    tmp_path: Path, rule: str, parameters: str, reasons: str
) -> None:
    mini_app = check(make_folder(tmp_path / "some_departure", rule, parameters, reasons)).mini_app
    assert mini_app is not None
    state = make_states(mini_app, Status.OUTSTANDING, NOW)["settlement"]
    assert state.reading is not None
    judged = mini_app.steps[1].rule.judge_at(state.reading.records, NOW)
    assert judged.status is Status.OUTSTANDING
    assert {(reason.key, reason.value) for reason in judged.reasons} == {
        (reason.key, reason.value) for reason in state.finding.reasons
    }
    assert {reason.key for reason in judged.reasons} == set(reasons.split())


@pytest.mark.parametrize("after", ['["assets"]', '"all"'])
def test_a_step_waits_for_nothing_that_the_same_page_shows_as_passed(tmp_path: Path, after: str) -> None:
    folder = tmp_path / "some_departure"
    start_folder(folder)
    text = (folder / "manifest.toml").read_text("utf-8")
    text = text.replace('key = "settlement"', f'key = "settlement"\nafter = {after}')
    (folder / "manifest.toml").write_text(text, "utf-8")
    mini_app = check(folder).mini_app
    assert mini_app is not None
    states = make_states(mini_app, Status.WAITING, NOW)
    assert states["settlement"].waits_for == ("assets",)
    assert states["assets"].finding.status is Status.OUTSTANDING
    assert states["assets"].finding.reasons


def test_of_several_steps_before_it_only_what_is_missing_is_named() -> None:
    root = Path(__file__).resolve().parents[3] / "miniapp_templates" / "graduate_departure"
    mini_app = check(root).mini_app
    assert mini_app is not None
    last = mini_app.steps[-1].model_copy(update={"after": ("*",)})
    mini_app = mini_app.model_copy(update={"steps": (*mini_app.steps[:-1], last)})
    assert len(mini_app.steps) > 2
    states = make_states(mini_app, Status.WAITING, NOW)
    assert states[last.key].waits_for == (mini_app.steps[0].key,)
    assert [key for key, state in states.items() if not state.is_passed] == [mini_app.steps[0].key, last.key]
