"""Texts that stand for nothing, however a system writes them, and the day on the campus's clock."""

from __future__ import annotations

from datetime import date
from zoneinfo import ZoneInfo

import pytest
import time_machine

from app.domain.conventions import USUAL, Conventions, make_nothing


@pytest.mark.parametrize(
    "text",
    [
        "无", " 无 ", "（无）", "【暂无】", "未办理", "未办理。", "\u200b未办理", "-", "—", "--", "/", "***", "　", "", "0", "０",
        "未 办 理", "未-办-理", "N. A.", "NULL NULL", "undefined undefined", "No data", "無", "\u3164", "2000-01-01",
        "null", "NULL", "<null>", "None", "N/A", "n/a", "Ｎ／Ａ", "undefined", "-Infinity", "²", "9999-12-31", "1899-12-30",
    ],
)  # fmt: skip
def test_a_text_that_stands_for_nothing_is_known_as_such(text: str) -> None:
    assert USUAL.says_nothing(text)


@pytest.mark.parametrize(
    "text",
    ["王建国", "无锡", "Nathan", "10", "A0", "B412", "空军", "none of them", "2026-06-10", "未来", "\x00"],
)
def test_a_text_that_says_something_is_left_alone(text: str) -> None:
    assert not USUAL.says_nothing(text)


def test_the_list_is_the_configurations() -> None:
    own = Conventions(make_nothing(("待核", "（N.A.）")))
    assert own.says_nothing("「待核」")
    assert own.says_nothing("n.a")
    assert not own.says_nothing("未办理")
    assert own.says_nothing("-"), "what has neither a letter nor a digit never says anything"


def test_today_is_the_day_on_the_campuss_wall_clock() -> None:
    shanghai = Conventions(frozenset(), zone=ZoneInfo("Asia/Shanghai"))
    with time_machine.travel("2026-06-10 16:30:00+00:00", tick=False):
        assert shanghai.get_today() == date(2026, 6, 11)
        assert USUAL.get_today() == date(2026, 6, 10)
