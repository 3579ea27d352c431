"""Whom a step is for: nobody is exempt by what is not told, or not understood."""

from __future__ import annotations

from typing import Any

import pytest

from app.config_model import read
from app.domain.applies import Applicability, Condition, PersonField, decide, describe_conditions, list_told
from app.domain.person import Person, Role

FIELDS = {
    "kind": PersonField(label="学习形式", values=("全日制", "非全日制", "定向", "留学生")),
    "college": PersonField(label="学院"),
    "boarder": PersonField(label="是否住校", values=("是", "否")),
}


def make(*tables: dict[str, Any]) -> tuple[Condition, ...]:
    faults: list[str] = []
    made = tuple(read(Condition, table, "applies", faults) for table in tables)
    assert faults == []
    return made


@pytest.mark.parametrize(
    ("tables", "told", "applies"),
    [
        ([{"where": {"kind": ["全日制", "定向"]}}], {"kind": "定向"}, True),
        ([{"where": {"kind": ["全日制", "定向"]}}], {"kind": "留学生"}, False),
        ([{"where": {"kind": "全日制"}}], {"kind": "全 日 制"}, True),
        ([{"where": {"kind": "全日制"}}], {"kind": "全日制（普通）"}, None),
        ([{"where": {"kind": "全日制"}}], {}, None),
        ([{"where_not": {"college": ["国际学院"]}}], {"college": "国际学院"}, False),
        ([{"where_not": {"college": ["国际学院"]}}], {"college": "矿业学院"}, True),
        ([{"where_not": {"college": ["国际学院"]}}], {}, None),
        ([{"where": {"kind": "全日制", "boarder": "是"}}], {"kind": "全日制"}, None),
        ([{"where": {"kind": "全日制", "boarder": "是"}}], {"kind": "定向"}, False),
        ([{"where": {"kind": "全日制"}, "where_not": {"college": "国际学院"}}], {"kind": "全日制"}, None),
        ([{"where": {"kind": "全日制"}}, {"where": {"boarder": "是"}}], {"boarder": "是"}, True),
        ([{"where": {"kind": "全日制"}}, {"where": {"boarder": "是"}}], {"kind": "定向"}, None),
        (
            [{"where": {"kind": "全日制"}}, {"where": {"boarder": "是"}}],
            {"kind": "定向", "boarder": "否"},
            False,
        ),
        ([{"where": {"kind": "全日制"}, "where_not": {"kind": "定向"}}], {"kind": "定向"}, False),
    ],
)
def test_a_step_is_for_whom_one_of_its_conditions_holds_and_undecided_by_what_is_not_told(
    tables: list[dict[str, Any]], told: dict[str, str], applies: bool | None
) -> None:
    found = decide(make(*tables), told, FIELDS)
    assert found.applies is applies
    assert bool(found.unknown) == (applies is None)


def test_without_a_condition_a_step_is_for_everybody() -> None:
    assert decide((), {}, FIELDS) == Applicability(True)


def test_the_fields_that_are_lacking_are_named_and_those_that_were_told_are_kept() -> None:
    conditions = make({"where": {"kind": "全日制", "boarder": "是"}, "where_not": {"college": "国际学院"}})
    found = decide(conditions, {"kind": "全日制", "level": "硕士"}, FIELDS)
    assert found.unknown == ("boarder", "college")
    assert found.told == {"kind": "全日制"}


def test_a_word_that_a_condition_does_not_know_would_exempt_if_unknown_counted_as_other() -> None:
    loose = FIELDS | {"kind": PersonField(label="学习形式", values=("全日制（普通）", "全日制"))}
    conditions = make({"where": {"kind": "全日制"}})
    assert decide(conditions, {"kind": "全日制（普通）"}, loose).applies is False
    assert decide(conditions, {"kind": "全日制（普通）"}, FIELDS).applies is None


def test_claims_and_attributes_are_fields_and_what_is_empty_was_not_told() -> None:
    person = Person("TS1", "李文静", Role.STUDENT, level="硕士", attributes={"kind": "定向", "level": "博士"})
    assert list_told(person) == {"kind": "定向", "level": "硕士", "role": "student"}


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({}, "applies names no field: it would hold for everybody"),
        (
            {"where": {"kind": ["全日制"]}, "where_not": {"kind": ["全日制", "定向"]}},
            "applies.where_not.kind has all of where: it would hold for nobody",
        ),
        ({"where": {"kind": 1}}, "applies.where.kind must be a text or a list of texts"),
        ({"where": {"kind": "全日制"}, "unless": {}}, "applies.unless is not a known key"),
    ],
)
def test_a_condition_that_says_nothing_or_holds_for_nobody_is_told(table: dict[str, Any], fault: str) -> None:
    faults: list[str] = []
    read(Condition, table, "applies", faults)
    assert faults == [fault]


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({"where": {"sort": "全日制"}}, ("where.sort", "is not declared: say in [person.sort] what it is")),
        (
            {"where": {"college": "国际学院"}},
            ("where.college", "needs [person.college] values: all texts that there are"),
        ),
        (
            {"where_not": {"kind": "全曰制"}},
            ("where_not.kind", "has 全曰制, which is none of [person.kind] values"),
        ),
        (
            {"where_not": {"boarder": ["是", "否"]}},
            ("where_not.boarder", "has all of [person.boarder] values: it would hold for nobody"),
        ),
    ],
)
def test_a_condition_that_does_not_fit_the_declared_fields_is_told(
    table: dict[str, Any], fault: tuple[str, str]
) -> None:
    (condition,) = make(table)
    assert list(condition.list_misfits(FIELDS)) == [fault]


def test_conditions_are_kept_as_they_were_written() -> None:
    conditions = make({"where": {"kind": "定向"}}, {"where_not": {"college": ["国际学院"]}})
    assert describe_conditions(conditions) == [
        {"where": {"kind": ["定向"]}},
        {"where_not": {"college": ["国际学院"]}},
    ]
