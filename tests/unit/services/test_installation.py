"""Who may use an installed mini-app."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from app.domain.errors import NotAStudent, NotGraduating
from app.domain.miniapp import MiniApp, PrivacyNotice, SlipLayout
from app.domain.person import Person, Role
from app.services.installation import InstalledMiniApp
from app.settings import MiniAppSettings

STUDENT = Person("08230001", "林一鸣", Role.STUDENT, level="本科", graduation_period="2026-06")


def install(levels: tuple[str, ...] = ()) -> InstalledMiniApp:
    settings = MiniAppSettings(
        slug="some_departure",
        folder=Path("some_departure"),
        period="2026-06",
        period_title="2026年夏季",
        levels=levels,
        opens_on=date(2026, 5, 1),
        closes_on=date(2026, 7, 31),
        steps={},
        sentinels={},
    )
    slip = SlipLayout("离校单", "准予离校。", ())
    mini_app = MiniApp("some_departure", "离校", "", "", (), (), slip, PrivacyNotice("1", ""), ())
    return InstalledMiniApp(mini_app, settings, {})


def test_without_named_levels_every_level_may_use_it() -> None:
    for level in ("本科", "硕士", ""):
        install().require_graduate(replace(STUDENT, level=level))


def test_a_named_level_may_use_it_and_no_other() -> None:
    install(("专科", "本科")).require_graduate(STUDENT)
    for level in ("硕士", "本科生", ""):
        with pytest.raises(NotGraduating):
            install(("专科", "本科")).require_graduate(replace(STUDENT, level=level))


def test_the_right_level_does_not_stand_for_the_right_period_or_for_being_a_student() -> None:
    with pytest.raises(NotGraduating):
        install(("本科",)).require_graduate(replace(STUDENT, graduation_period="2028-06"))
    with pytest.raises(NotAStudent):
        install(("本科",)).require_graduate(replace(STUDENT, role=Role.TEACHER))
