"""Where a student goes for a step: offices for all and for some, how they are reached, and what a step tells of it."""

from __future__ import annotations

from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest

from app.config_model import read
from app.domain.clearance import FactValue, Reading, Reason, RuleResult, Status
from app.domain.office import Contact, Office
from app.domain.step import Step

OFFICE = {
    "place": "各宿舍值班室",
    "contact": "公寓管理员",
    "phone": "0516-83880000",
    "hours": {"daily": "8:00-21:00"},
}
STEP: dict[str, Any] = {
    "key": "dormitory",
    "title": "退宿",
    "department": "公寓中心",
    "rule": "all_present",
    "parameters": {"facts": ["checkout_date", "checkout_by"]},
    "no_record": "cleared",
    "no_record_says": "未在学校住宿",
    "next_step": "请到值班室办理退宿。",
    "office": OFFICE,
    "facts": [
        {"key": "building", "label": "楼栋", "type": "text"},
        {"key": "checkout_date", "label": "退宿日期", "type": "day"},
        {"key": "checkout_by", "label": "退宿办理人", "type": "text"},
    ],
    "reasons": {
        "checkout_date": {"says": "退宿日期为“{value}”", "says_of_nothing": "尚未办理退宿"},
        "checkout_by": {"says": "退宿办理人为“{value}”", "says_of_nothing": "尚未办理退宿"},
    },
}
BAMBOO = {"by": "building", "of": ["竹园1号楼", "竹园2号楼"], "place": "竹园2号楼", "phone": "0516-83880142"}
SAFETY = {"by": "college", "of": ["安全工程学院"], "contact": "安全楼管理员"}
ACTION = {
    "key": "check-out",
    "title": "退宿",
    "question": "确认退宿吗？",
    "warning": "不能恢复。",
    "done": "已退宿。",
    "refused": "没有退宿。",
    "unknown": "还不确定。",
    "offered_for": ["checkout_date"],
}


def list_faults(**changes: object) -> list[str]:
    faults: list[str] = []
    read(Step, deepcopy(STEP) | changes, "step", faults)
    return faults


def read_step(**changes: object) -> Step:
    faults: list[str] = []
    step = read(Step, deepcopy(STEP) | changes, "step", faults)
    assert faults == []
    return step


def read_facts(**facts: FactValue) -> Reading:
    return Reading("dormitory", "TS1", (facts,), datetime.now(UTC))


def miss(*keys: str, value: FactValue = None) -> RuleResult:
    """These facts do not pass."""
    return RuleResult(Status.OUTSTANDING, tuple(Reason(key, value) for key in keys))


@pytest.mark.parametrize(
    ("phone", "link"),
    [
        ("0516-83880000", "tel:051683880000"),
        ("0516-83880000转8012", "tel:051683880000,8012"),
        ("0516-83880000 转 8012", "tel:051683880000,8012"),
        ("0516 83880000 ext. 12", "tel:051683880000,12"),
        ("+86 516 8388 0000", "tel:+8651683880000"),
        ("+86 (516) 8388-0000转8012", "tel:+8651683880000,8012"),
        ("13800000000", "tel:13800000000"),
    ],
)
def test_a_phone_number_is_dialled_by_its_digits_and_its_extension_after_a_pause(
    phone: str, link: str
) -> None:
    office = read_step(office=OFFICE | {"phone": phone}).office
    assert (office.phone, office.phone_link) == (phone, link)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("phone", "电话83880000"),
        ("phone", "110"),
        ("phone", "0516-83880000转"),
        ("phone", "0516-83880000转办公室"),
        ("phone", "0516-83880000, 83880001"),
        ("phone", "0516-83880000;phone-context=x"),
        ("qq", "1234"),
        ("qq", "0123456"),
        ("qq", "QQ313963892"),
        ("web", "http://library.cumt.edu.cn"),
        ("web", "library.cumt.edu.cn"),
        ("web", "javascript:alert(1)"),
        ("web", 'https://a.cn/"onclick="x'),
        ("map", "https://a.cn/<b>"),
        ("map", "https://a.cn/ b"),
    ],
)
def test_a_number_or_an_address_that_leads_nowhere_is_refused_by_its_key(key: str, value: str) -> None:
    (fault,) = list_faults(office=OFFICE | {key: value})
    assert fault.startswith(f"step.office.{key} must match ")
    (fault,) = list_faults(offices=[BAMBOO | {key: value}])
    assert fault.startswith(f"step.offices[0].{key} must match ")


def test_numbers_and_addresses_that_lead_somewhere_are_taken_and_none_is_needed() -> None:
    sound = {"qq": "313963892", "web": "https://library.cumt.edu.cn/a?b=1", "map": "https://a.cn/#x"}
    assert list_faults(office=OFFICE | sound) == []
    assert list_faults(office=OFFICE | dict.fromkeys((*sound, "phone"), "")) == []


@pytest.mark.parametrize("key", ["place", "contact"])
def test_an_office_needs_a_place_and_somebody_to_ask_and_one_for_some_does_not(key: str) -> None:
    assert list_faults(office=OFFICE | {key: ""}) == [f"step.office.{key} is empty"]
    without = {name: value for name, value in OFFICE.items() if name != key}
    assert list_faults(office=without) == [f"step.office.{key} is missing"]
    assert list_faults(offices=[SAFETY]) == []


@pytest.mark.parametrize("building", ["竹园2号楼", "竹园２号楼", "竹园 2 号楼", " 竹园1号楼"])
def test_the_office_of_a_building_is_found_however_wide_and_spaced_its_name_is_written(building: str) -> None:
    step = read_step(offices=[BAMBOO])
    assert step.get_office(read_facts(building=building), "").place == "竹园2号楼"


@pytest.mark.parametrize("building", ["竹园3号楼", "竹园", "", None])
def test_who_lives_elsewhere_has_the_office_of_all(building: str | None) -> None:
    step = read_step(offices=[BAMBOO])
    assert step.get_office(read_facts(building=building), "竹园2号楼") == step.office


def test_of_a_student_of_whom_nothing_is_held_only_the_college_counts() -> None:
    step = read_step(offices=[BAMBOO, SAFETY])
    assert step.get_office(None, "安全工程学院").contact == "安全楼管理员"
    assert step.get_office(None, "计算机学院") == step.office
    assert step.get_office(None, "") == step.office


def test_any_of_several_records_makes_the_office_theirs() -> None:
    records = tuple[dict[str, FactValue], ...]([{"building": "梅园"}, {"building": "竹园1号楼"}])
    reading = Reading("dormitory", "TS1", records, datetime.now(UTC))
    assert read_step(offices=[BAMBOO]).get_office(reading, "").place == "竹园2号楼"


def test_of_several_offices_that_fit_the_first_is_theirs() -> None:
    reading = read_facts(building="竹园1号楼")
    for offices, place, contact in (
        ([BAMBOO, SAFETY], "竹园2号楼", "公寓管理员"),
        ([SAFETY, BAMBOO], "各宿舍值班室", "安全楼管理员"),
    ):
        office = read_step(offices=offices).get_office(reading, "安全工程学院")
        assert (office.place, office.contact) == (place, contact)


def test_what_an_office_for_some_does_not_say_is_that_of_all() -> None:
    step = read_step(offices=[BAMBOO])
    office = step.get_office(read_facts(building="竹园1号楼"), "")
    assert type(office) is Office
    assert (office.place, office.phone) == (BAMBOO["place"], BAMBOO["phone"]), "control: what it says"
    assert (office.contact, office.hours) == (step.office.contact, step.office.hours)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"by": "house"}, "step.offices has one by house, which is neither a text of the step nor college"),
        ({"by": "checkout_date"}, "step.offices has one by checkout_date, which is neither a text of"),
        ({"by": ""}, "step.offices[0].by is empty"),
        ({"of": []}, "step.offices[0].of is empty: the office would be nobody's"),
    ],
)
def test_an_office_that_would_be_nobodys_is_refused(changes: dict[str, object], fault: str) -> None:
    (found,) = list_faults(offices=[BAMBOO | changes])
    assert found.startswith(fault)


@pytest.mark.parametrize(
    "changes",
    [
        {"next_step": "请在退宿系统办理。"},
        {"office": OFFICE | {"place": "退宿系统（线上）"}},
        {"offices": [BAMBOO | {"place": "退宿系统（线上）"}]},
        {"reasons": {"checkout_by": {"says": "没有办理人", "next_step": "请在退宿系统办理。"}}},
    ],
)
def test_an_online_system_that_a_text_names_is_taken_and_one_that_none_names_is_refused(
    changes: dict[str, object],
) -> None:
    link = {"name": "退宿系统", "address": "https://out.cumt.edu.cn"}
    assert list_faults(links=[link], **changes) == []
    assert list_faults(links=[link]) == ["step.links has 退宿系统, which no text of the step names"]


@pytest.mark.parametrize("address", ["", "http://out.cumt.edu.cn", "out.cumt.edu.cn"])
def test_an_online_system_needs_an_address(address: str) -> None:
    (fault,) = list_faults(links=[{"name": "退宿系统", "address": address}], next_step="请在退宿系统办理。")
    assert fault.startswith("step.links[0].address ")


@pytest.mark.parametrize(
    ("changes", "is_example"),
    [
        ({"phone": "0516-00000101"}, True),
        ({"web": "https://library.example.edu.cn"}, True),
        ({"map": "https://example.com/map"}, True),
        ({"phone": "0516-83880000"}, False),
        ({"web": "https://library.cumt.edu.cn/example.html"}, False),
        ({}, False),
    ],
)
def test_numbers_and_addresses_of_examples_are_noticed(changes: dict[str, str], is_example: bool) -> None:
    assert Contact.model_validate(changes).is_example is is_example
    assert read_step(offices=[{**BAMBOO, **changes}]).has_example is is_example


def test_reasons_that_say_the_same_are_said_once() -> None:
    once = (("尚未办理退宿", "请到值班室办理退宿。"),)
    assert read_step().explain(miss("checkout_date", "checkout_by")) == once
    assert [
        message for message, _ in read_step().explain(miss("checkout_date", "checkout_by", value="未办"))
    ] == [
        "退宿日期为“未办”",
        "退宿办理人为“未办”",
    ]


def test_without_words_of_its_own_nothing_is_told_as_it_is_shown() -> None:
    step = read_step(reasons={"checkout_by": {"says": "退宿办理人为“{value}”"}})
    assert step.explain(miss("checkout_by")) == (("退宿办理人为“空”", "请到值班室办理退宿。"),)


def test_reasons_that_say_the_same_but_lead_elsewhere_are_both_said() -> None:
    reasons = {key: {**reason} for key, reason in STEP["reasons"].items()}
    reasons["checkout_by"]["next_step"] = "请找管理员签字。"
    told = read_step(reasons=reasons).explain(miss("checkout_date", "checkout_by"))
    assert [next_step for _, next_step in told] == ["请到值班室办理退宿。", "请找管理员签字。"]


def test_what_no_reason_is_of_is_told_as_having_no_record() -> None:
    step = read_step(no_record="outstanding")
    assert step.explain(RuleResult(Status.OUTSTANDING, (Reason("", None),))) == (
        ("未在学校住宿", "请到值班室办理退宿。"),
    )


def test_while_an_action_is_offered_its_next_step_stands_in_the_place_of_the_reasons_own() -> None:
    step = read_step(actions=[ACTION | {"next_step": "请在此退宿。"}])
    assert step.explain(miss("checkout_date")) == (("尚未办理退宿", "请在此退宿。"),)
    assert step.explain(miss("checkout_date", "checkout_by")) == (("尚未办理退宿", "请到值班室办理退宿。"),)
    silent = read_step(actions=[ACTION])
    assert [action.key for action in silent.list_offered(miss("checkout_date"))] == ["check-out"]
    assert silent.explain(miss("checkout_date")) == (("尚未办理退宿", "请到值班室办理退宿。"),)


def test_a_step_that_passes_offers_nothing_and_has_nothing_to_explain() -> None:
    step = read_step(actions=[ACTION | {"next_step": "请在此退宿。"}])
    passed = RuleResult(Status.CLEARED)
    assert (step.list_offered(passed), step.explain(passed)) == ((), ())
