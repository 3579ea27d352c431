"""A connector that can never fit its mini-app, or would pass it by mistake, is told at start by its keys."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.domain.mini_app import MiniApp
from app.domain.person import Role
from app.mini_apps.loader import load_mini_app
from app.services.clearance.wiring import (
    check_actions,
    check_attributes,
    check_conditions,
    check_levels,
    check_roles,
    check_steps,
)
from tests.fixtures.connectors import list_faults, read_config
from tests.unit.connectors.demo import demo_sections
from tests.unit.connectors.sip2.library import demo_section

FOLDER = Path(__file__).resolve().parents[4] / "miniapp_templates" / "graduate_departure"
FIXTURES = Path(__file__).resolve().parents[3] / "fixtures" / "mini_apps"
Sections = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def mini_app() -> MiniApp:
    loaded = load_mini_app(FOLDER, [])
    assert loaded is not None
    return loaded


def check(mini_app: MiniApp, sections: Sections) -> list[str]:
    """What the wiring says of connectors that are each right in themselves."""
    configs = {name: read_config(section, name) for name, section in sections.items()}
    asked = [(step, configs[step.key]) for step in mini_app.steps]
    return check_steps(mini_app, configs) + check_actions(asked)


def rename_action(sections: Sections) -> None:
    actions = sections["library_loans"]["actions"]
    actions["cancel-cart"] = actions.pop("cancel-card")


def test_an_action_under_another_name_is_told_from_both_sides(mini_app: MiniApp) -> None:
    sections = demo_sections()
    rename_action(sections)
    lacks, unnamed = check(mini_app, sections)
    assert lacks.startswith("connectors.library_loans.actions lack cancel-card, which the manifest offers")
    assert "(there is cancel-cart)" in lacks
    assert unnamed.startswith("connectors.library_loans.actions.cancel-cart is offered by no step")


def test_a_step_may_not_offer_what_its_connector_cannot_do(mini_app: MiniApp) -> None:
    sections = demo_sections()
    del sections["library_loans"]["actions"]
    (lacks,) = check(mini_app, sections)
    assert "(there is none)" in lacks


def set_field(system: str, fact: str, **keys: Any) -> Callable[[Sections], object]:
    return lambda sections: sections[system]["fields"].update({fact: {"path": "x", **keys}})


def drop_field(system: str, fact: str) -> Callable[[Sections], object]:
    return lambda sections: sections[system]["fields"].pop(fact)


def test_the_demos_connectors_fit(mini_app: MiniApp) -> None:
    assert check(mini_app, demo_sections()) == []


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (
            set_field("library_loans", "overdue_books", type="flag"),
            "library_loans.fields.overdue_books.type is flag",
        ),
        (
            set_field("library_loans", "overdue_books", type="text"),
            "library_loans.fields.overdue_books.type is text",
        ),
        (
            set_field("library_loans", "fine", type="count"),
            "library_loans.fields.fine.type is count, and the manifest has money",
        ),
        (set_field("dormitory", "checkout_date", type="flag"), "dormitory.fields.checkout_date.type is flag"),
        (set_field("dormitory", "checkout_date", type="text"), "dormitory.fields.checkout_date.type is text"),
        (set_field("dormitory", "building", type="count"), "dormitory.fields.building.type is count"),
        (set_field("archive", "state", type="day"), "archive.fields.state.type is day"),
        (
            set_field("archive", "state", type="text", known=["已提交"]),
            "archive.fields.state never yields 已审核, by which alone the rule passes",
        ),
        (
            set_field("library_loans", "card_status", type="text", values={"1": "active", "9": "closed"}),
            "library_loans.fields.card_status never yields cancelled",
        ),
        (
            set_field("library_loans", "card_status", type="text", pattern="[0-9]"),
            "library_loans.fields.card_status never yields cancelled",
        ),
        (
            set_field("dormitory", "checkout_by", type="text", known=["王建国", "未办理"]),
            "dormitory.fields.checkout_by knows 未办理, which stands for nothing",
        ),
        (
            set_field("library_loans", "fine", type="money", unit="yuan", may_be_negative=True),
            "library_loans.fields.fine.may_be_negative is true, and the rule does not know",
        ),
        (
            set_field("finance", "deferred", type="money", unit="fen", may_be_negative=True),
            "finance.fields.deferred.may_be_negative is true, and the rule does not know",
        ),
        (drop_field("finance", "amount"), "finance.fields lack amount, which the rule reads"),
        (drop_field("dormitory", "checkout_by"), "dormitory.fields lack checkout_by"),
    ],
)
def test_a_connector_that_cannot_fit_is_named_by_its_keys(
    mini_app: MiniApp, change: Callable[[Sections], object], fault: str
) -> None:
    sections = demo_sections()
    change(sections)
    (told,) = check(mini_app, sections)
    assert told.startswith(f"connectors.{fault}")
    assert told.endswith("of graduate_departure)")


def test_what_is_owed_may_be_below_zero(mini_app: MiniApp) -> None:
    sections = demo_sections()
    set_field("finance", "amount", type="money", unit="fen", may_be_negative=True)(sections)
    assert check(mini_app, sections) == []


def test_what_is_only_shown_may_be_missing_or_a_flag(mini_app: MiniApp) -> None:
    sections = demo_sections()
    drop_field("dormitory", "room")(sections)
    set_field("dormitory", "building", type="flag")(sections)
    assert check(mini_app, sections) == []


def keep_by_hand(sections: Sections) -> None:
    fields = {
        "checkout_date": {"path": "日期", "type": "day", "empty": True},
        "checkout_by": {"path": "经办人", "type": "text", "empty": True},
    }
    sections["dormitory"] = {
        "kind": "desk",
        "number_column": "学号",
        "no_record": "never",
        "fields": fields,
    }


def test_what_a_desk_keeps_itself_may_settle_a_step_and_is_a_text(mini_app: MiniApp) -> None:
    sections = demo_sections()
    keep_by_hand(sections)
    steps = {step.key: step for step in mini_app.steps}
    step = steps["dormitory"]
    rule = step.rule.model_copy(update={"facts": (*step.rule.facts, "recorded_by")})  # type: ignore[attr-defined]
    by_hand = step.model_copy(update={"rule": rule})
    others = [by_hand if one is step else one for one in mini_app.steps]
    assert check(mini_app.model_copy(update={"steps": tuple(others)}), sections) == []

    shown = step.facts[0].model_copy(update={"key": "recorded_at", "type": "day"})
    wrong = step.model_copy(update={"facts": (*step.facts, shown)})
    others = [wrong if one is step else one for one in mini_app.steps]
    (told,) = check(mini_app.model_copy(update={"steps": tuple(others)}), sections)
    assert told.startswith("connectors.dormitory.fields.recorded_at.type is text, and the manifest has day")


def test_all_that_does_not_fit_is_told_at_once(mini_app: MiniApp) -> None:
    sections = demo_sections()
    drop_field("finance", "amount")(sections)
    drop_field("finance", "loan")(sections)
    set_field("archive", "state", type="day")(sections)
    assert len(check(mini_app, sections)) == 3


def test_a_card_read_as_cancelled_by_the_denials_of_its_reader_is_told(mini_app: MiniApp) -> None:
    """A debarred reader with an active card is denied everything as well."""
    denials = ["charge_denied", "renewal_denied", "recall_denied", "hold_denied"]
    fields = demo_section()["fields"]
    by_denials = {"path": "blocked.extent", "type": "text", "values": {"none": "active", "all": "cancelled"}}
    groups = demo_section()["groups"]
    library = demo_section(groups=groups | {"blocked": denials}, fields=fields | {"card_status": by_denials})
    (told,) = check(mini_app, demo_sections() | {"library_loans": library})
    assert "card_status rests on what the reader is denied" in told
    more = demo_section(
        groups=groups | {"blocked": [*denials, "card_reported_lost"]},
        fields=fields | {"card_status": by_denials},
    )
    assert check(mini_app, demo_sections() | {"library_loans": more}) == []
    assert check(mini_app, demo_sections() | {"library_loans": demo_section()}) == []


def sign_in(*claims: dict[str, str]) -> dict[str, dict[str, Any]]:
    return {str(place): {"claims": names} for place, names in enumerate(claims)}


def test_levels_that_no_sign_in_tells_would_let_nobody_in() -> None:
    silent, telling = {"name": "cn"}, {"name": "cn", "level": "levelName"}
    levels = {"graduate_departure": ("硕士", "博士"), "library_card": ()}
    (told,) = check_levels(levels, sign_in(silent))
    assert told.startswith("mini_apps.graduate_departure.levels lets nobody in")
    assert check_levels(levels, sign_in(silent, telling)) == []
    assert check_levels({"library_card": ()}, sign_in(silent)) == []


def test_a_role_that_a_mini_app_is_for_and_no_sign_in_tells_is_told() -> None:
    staff = {"roles": {"js": "teacher"}}
    wanted = {"graduate_departure": (Role.STUDENT,), "postdoc_departure": (Role.POSTDOC, Role.TEACHER)}
    assert check_roles(wanted, {"campus": staff}) == [
        "mini_apps.graduate_departure.roles lets nobody in who is a student: no [sign_in.<name>.roles] has a word for student",
        "mini_apps.postdoc_departure.roles lets nobody in who is a postdoc: no [sign_in.<name>.roles] has a word for postdoc",
    ]
    for other in ({}, {"roles": {"xs": "student"}}):
        (fault,) = check_roles(wanted, {"campus": staff, "cas": other})
        assert fault.startswith("mini_apps.postdoc_departure.roles")
    assert check_roles(wanted, {"campus": {"roles": {"x": "student", "b": "postdoc", "j": "teacher"}}}) == []


def test_without_words_for_roles_students_are_told_from_teachers_by_their_numbers() -> None:
    teachers = {"departure": (Role.TEACHER,)}
    assert check_roles(teachers, sign_in({"student_number": "xh", "staff_number": "gh"})) == []
    assert len(check_roles(teachers, sign_in({"student_number": "xh"}))) == 1


def test_what_a_mini_app_shows_or_asks_of_people_must_be_told_by_a_sign_in() -> None:
    telling = {"claims": {"college": "yx"}, "attributes": {"kind": "lb", "supervisor": "ds"}}
    named = {"mini_apps.x.only": ("kind", "college"), "x/manifest.toml: fields": ("supervisor",)}
    assert check_attributes(named, {"campus": telling, "cas": {"claims": {}}}) == []
    (told,) = check_attributes(named | {"y/manifest.toml: fields": ("station",)}, {"campus": telling})
    assert told.startswith("y/manifest.toml: fields names station, which no sign-in tells")


def test_a_field_s_first_day_in_the_future_is_told_unless_its_days_may_be_there() -> None:
    for more, count in (({}, 1), ({"may_be_future": True}, 0)):
        sections = demo_sections()
        set_field("dormitory", "checkout_date", type="day", not_before="2999-01-01", **more)(sections)
        faults = list_faults(dormitory=sections["dormitory"])
        assert len([one for one in faults if "checkout_date.not_before is in the future" in one]) == count


def test_a_condition_by_what_no_sign_in_tells_is_told() -> None:
    faults: list[str] = []
    every = load_mini_app(FIXTURES / "every_status", faults)
    assert (every is not None, faults) == (True, [])
    assert every is not None
    tables = {"campus": {"claims": {"level": "pycc"}}}
    (told,) = check_conditions(every, tables)
    assert told.startswith("mini_apps.every_status: the condition of room asks for kind, which no")
    tables["cas"] = {"claims": {}, "attributes": {"kind": "attributes.xxxs"}}
    assert check_conditions(every, tables) == []
