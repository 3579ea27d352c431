"""Who may use an installed mini-app."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from app.domain.errors import Mismatch, NotAStudent, NotGraduating, OutsidePeriod
from app.domain.mini_app import MiniApp
from app.domain.person import Person, Role
from app.services.installation import InstalledMiniApp
from app.settings import MiniAppSettings

STUDENT = Person("08230001", "林一鸣", Role.STUDENT, level="本科", graduation_period="2026-06")


PERIOD = {"period": "2026-06", "period_title": "2026年夏季", "closes_on": "2026-07-31"}


def install(levels: tuple[str, ...] = (), **more: Any) -> InstalledMiniApp:
    settings = MiniAppSettings(
        slug="some_departure",
        folder="some_departure",
        levels=list(levels) or "all",
        opens_on="2026-05-01",
        steps={},
        canaries={},
        **(more or PERIOD),
    )
    mini_app = MiniApp.model_construct(slug="some_departure", title="离校")
    return InstalledMiniApp(mini_app, settings, {})


def test_without_named_levels_every_level_may_use_it() -> None:
    for level in ("本科", "硕士", ""):
        student = replace(STUDENT, level=level)
        install().require_graduate(student)
        with pytest.raises(NotGraduating):
            install(("博士",)).require_graduate(student)


def test_a_named_level_may_use_it_and_no_other() -> None:
    install(("专科", "本科")).require_graduate(STUDENT)
    for level in ("硕士", "本科生", ""):
        with pytest.raises(NotGraduating) as refused:
            install(("专科", "本科")).require_graduate(replace(STUDENT, level=level))
        mismatch = Mismatch.OTHER_LEVEL if level else Mismatch.LEVEL_MISSING
        assert (refused.value.mismatch, refused.value.told) == (mismatch, level)


def test_width_case_and_spaces_make_no_other_level_or_period() -> None:
    for period, level in (("２０２６－０６", "本科"), ("2026 - 06", "本 科"), ("2026-06", "本\u3000科")):
        student = replace(STUDENT, graduation_period=period, level=level)
        install(("本科",)).require_graduate(student)
        with pytest.raises(NotGraduating):
            install(("专科",)).require_graduate(student)


@pytest.mark.parametrize(
    ("period", "mismatch"), [("2025-12", Mismatch.OTHER_PERIOD), ("", Mismatch.PERIOD_MISSING)]
)
def test_another_period_is_told_from_one_that_the_sign_in_does_not_tell(
    period: str, mismatch: Mismatch
) -> None:
    with pytest.raises(NotGraduating) as refused:
        install().require_graduate(replace(STUDENT, graduation_period=period))
    assert (refused.value.mismatch, refused.value.told) == (mismatch, period)
    assert refused.value.wanted == ("2026年夏季",)


def test_before_and_after_its_days_a_mini_app_says_which_it_is() -> None:
    for day, is_over in ((date(2026, 4, 30), False), (date(2026, 8, 1), True)):
        with pytest.raises(OutsidePeriod) as refused:
            install().require_open(day)
        assert refused.value.is_over is is_over
    for day in (date(2026, 5, 1), date(2026, 7, 31)):
        install().require_open(day)


def test_the_right_level_does_not_stand_for_the_right_period_or_for_being_a_student() -> None:
    with pytest.raises(NotGraduating):
        install(("本科",)).require_graduate(replace(STUDENT, graduation_period="2028-06"))
    with pytest.raises(NotAStudent):
        install(("本科",)).require_graduate(replace(STUDENT, role=Role.TEACHER))


def test_what_is_open_all_year_asks_for_no_period_and_never_closes() -> None:
    rolling = install(roles=["student"])
    rolling.require_graduate(replace(STUDENT, graduation_period="2028-06"))
    rolling.require_open(date(2099, 1, 1))
    with pytest.raises(OutsidePeriod) as refused:
        rolling.require_open(date(2026, 4, 30))
    assert refused.value.is_over is False
    assert rolling.settings.period == "rolling"
    assert install(series=3).settings.period == "rolling-3"
    with pytest.raises(NotGraduating):
        install().require_graduate(replace(STUDENT, graduation_period="2028-06"))


def test_of_several_roles_and_attributes_one_role_and_all_attributes_are_needed() -> None:
    only = {"kind": ["博士后", "访问学者"], "college": "安全工程学院"}
    several = install(roles=["postdoc", "teacher"], only=only)
    fit = replace(STUDENT, role=Role.TEACHER, college="安全 工程学院", attributes={"kind": "访问学者"})
    for role in (Role.POSTDOC, Role.TEACHER):
        several.require_graduate(replace(fit, role=role))
    for role in (Role.STUDENT, Role.CLERK, Role.GUARD, Role.ADMINISTRATOR):
        with pytest.raises(NotAStudent):
            several.require_graduate(replace(fit, role=role))
    for change, mismatch, told in (
        ({"attributes": {"kind": "进修教师"}}, Mismatch.OTHER_ATTRIBUTE, ("kind", "进修教师")),
        ({"attributes": {}}, Mismatch.ATTRIBUTE_MISSING, ("kind", "")),
        ({"college": ""}, Mismatch.ATTRIBUTE_MISSING, ("college", "")),
        ({"college": "矿业工程学院"}, Mismatch.OTHER_ATTRIBUTE, ("college", "矿业工程学院")),
    ):
        with pytest.raises(NotGraduating) as refused:
            several.require_graduate(replace(fit, **change))  # type: ignore[arg-type]
        assert (refused.value.mismatch, (refused.value.name, refused.value.told)) == (mismatch, told)
