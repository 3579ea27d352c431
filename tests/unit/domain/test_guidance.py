"""What some people are told to do, and whom to ask, by conditions; README's example says so too."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from app.config_model import read
from app.domain.clearance import Reason, RuleResult, Status
from app.domain.mini_app import MiniApp
from app.domain.person import Person, Role

README = Path(__file__).resolve().parents[3] / "miniapp_templates" / "README.md"
REST = """
schema_version = 1
slug = "x"
title = "离校"
summary = "离校"
audience = "全体"
submission = { once_per = "period" }
fields = [{ key = "name", label = "姓名" }]
[slip]
title = "离校单"
statement = "准予离校。"
fields = [
{ key = "name", label = "姓名" }, { key = "student_number", label = "学号" },
{ key = "level", label = "层次" }, { key = "college", label = "学院" } ]
"""
FINDING = RuleResult(Status.OUTSTANDING, (Reason("state", "未交"),))


def list_faults(**changes: Any) -> list[str]:
    faults: list[str] = []
    read(MiniApp, read_example() | changes, "", faults)
    return faults


def read_example() -> dict[str, Any]:
    found = re.search(r"```toml\n# guidance\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert found
    return tomllib.loads(REST) | tomllib.loads(found[1])


@pytest.fixture
def mini_app() -> MiniApp:
    """That of the example."""
    faults: list[str] = []
    made = read(MiniApp, read_example(), "", faults)
    assert faults == []
    return made


def read_step(mini_app: MiniApp, level: str, **told: str) -> tuple[str, str, str]:
    """What this person is told to do on the guide, with the reason, and whom to ask."""
    step = mini_app.adapt(Person("TS1", "甲", Role.STUDENT, level=level, attributes=told)).steps[0]
    ((_, with_reason),) = step.explain(FINDING)
    return step.next_step, with_reason, step.get_office(None, "").contact


OWN = "请到档案馆提交论文。"


@pytest.mark.parametrize(
    ("level", "told", "expected"),
    [
        ("硕士", {"kind": "全日制"}, (OWN, OWN, "收集整理科")),
        ("博士", {"kind": "全日制"}, (OWN, "请提交论文及博士学位论文答辩材料。", "收集整理科")),
        (
            "硕士",
            {"kind": "留 学 生"},
            ("请先到国际学院盖章，再到档案馆提交论文。",) * 2 + ("国际学院学生事务办公室",),
        ),
        (
            "博士",
            {"kind": "留学生"},
            ("请先到国际学院盖章，再到档案馆提交论文。",) * 2 + ("国际学院学生事务办公室",),
        ),
        ("", {}, (OWN, OWN, "收集整理科")),
        ("硕士", {"kind": "进修"}, (OWN, OWN, "收集整理科")),
    ],
)
def test_the_guidance_that_surely_holds_first_is_a_persons_own(
    mini_app: MiniApp, level: str, told: dict[str, str], expected: tuple[str, str, str]
) -> None:
    assert read_step(mini_app, level, **told) == expected


def test_another_place_has_another_room_and_guidance_that_nobody_can_tell_of_stays_open(
    mini_app: MiniApp,
) -> None:
    foreign = mini_app.adapt(Person("TS1", "甲", Role.STUDENT, attributes={"kind": "留学生"})).steps[0]
    assert (foreign.office.place, foreign.office.room, foreign.guidance) == ("国际学院 105 室", "", ())
    unknown = mini_app.adapt(Person("TS1", "甲", Role.STUDENT, level="硕士")).steps[0]
    assert [guidance.next_step for guidance in unknown.guidance] == [
        "请先到国际学院盖章，再到档案馆提交论文。"
    ]


def test_guidance_changes_no_finding(mini_app: MiniApp) -> None:
    step = mini_app.steps[0]
    adapted = mini_app.adapt(Person("TS1", "甲", Role.STUDENT, attributes={"kind": "留学生"})).steps[0]
    changed = {name for name in type(step).model_fields if getattr(step, name) != getattr(adapted, name)}
    assert changed == {"next_step", "office", "guidance"}


@pytest.mark.parametrize(
    ("guidance", "fault"),
    [
        ({"where": {"level": "博士"}}, "steps[0].guidance[0] says nothing else to anybody"),
        ({"next_step": "去。"}, "steps[0].guidance[0] names no field: it would hold for everybody"),
        (
            {"where": {"level": "本科"}, "next_step": "去。"},
            "steps[0].guidance[0].where.level has 本科, which is none of",
        ),
        ({"where": {"house": "甲"}, "next_step": "去。"}, "steps[0].guidance[0].where.house is not declared"),
        (
            {"where": {"level": "博士"}, "reasons": {"day": "去。"}},
            "steps[0].guidance[0].reasons has day, of which the",
        ),
        (
            {"where": {"level": "博士"}, "office": {"phone": "x"}},
            "steps[0].guidance[0].office.phone must match",
        ),
    ],
)
def test_guidance_that_nobody_could_read_is_told(guidance: dict[str, Any], fault: str) -> None:
    (step,) = read_example()["steps"]
    (told,) = list_faults(steps=[step | {"guidance": [guidance]}])
    assert told.startswith(fault)


def read_with_college(**condition: Any) -> MiniApp:
    """The example, whose only guidance is by the college, of which it declares no values."""
    example = read_example()
    guidance = {**condition, "next_step": "请到矿业楼。"}
    example["person"]["college"] = {"label": "学院"}
    example["steps"][0]["guidance"] = [guidance]
    faults: list[str] = []
    made = read(MiniApp, example, "", faults)
    assert faults == []
    return made


@pytest.mark.parametrize(
    ("college", "next_step", "open_ones"),
    [("矿业 学院", "请到矿业楼。", 0), ("安全学院", OWN, 0), ("", OWN, 1)],
)
def test_guidance_by_a_field_without_values_holds_for_those_it_names_alone(
    college: str, next_step: str, open_ones: int
) -> None:
    mini_app = read_with_college(where={"college": "矿业学院"})
    step = mini_app.adapt(Person("TS1", "甲", Role.STUDENT, college=college)).steps[0]
    assert (step.next_step, len(step.guidance)) == (next_step, open_ones)


def test_whom_a_step_is_for_is_never_read_by_a_field_without_values() -> None:
    example = read_example()
    example["person"]["college"] = {"label": "学院"}
    example["steps"][0] |= {"applies": [{"where": {"college": "矿业学院"}}], "not_required_says": "无需办理"}
    assert list_faults(**example) == [
        "steps[0].applies[0].where.college needs [person.college] values: all texts that there are"
    ]
