"""Conventions of a campus's systems: texts and days that stand for nothing, the first day there can be, the
wall clock, and the form of numbers.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from app.domain.person import NumberForm
from app.domain.texts import ControlCharacter, clean_text

USUAL_NOTHING = (
    "无", "暂无", "没有", "空", "无数据", "无记录", "暂无数据", "暂无记录", "未知", "不详", "待定",
    "未办理", "未办", "尚未办理", "待办理", "待办", "未填", "未填写", "未登记", "未录入", "空缺", "无人", "不适用", "不清楚",
    "否", "作废", "已取消", "已作废", "拒绝", "测试", "系统", "请填写", "缺", "暂缺", "空白", "不存在", "无效", "查无", "查无此人",
    "無", "無資料", "無記錄", "沒有", "未辦理", "no", "false", "nobody", "no data", "error", "test", "system", "x", "xx", "xxx", "tba",
    "0", "null", "none", "nil", "nan", "inf", "infinity", "n/a", "na", "undefined", "unknown", "empty", "tbd",
    "0000-00-00", "0001-01-01", "1753-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "1980-01-01",
    "2000-01-01", "9999-12-31",
)  # fmt: skip
"""What systems write where they hold nothing; the days are the first and last ones, and the zero, of databases,
spreadsheets and clocks."""

FIRST_DAY = date(2000, 1, 1)
USUAL_NUMBERS = NumberForm()

_SIGNS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Conventions:
    """`[answers]`, with the campus's numbers and time zone: what holds for every department.

    `nothing` holds texts as `fold_nothing` makes them.
    """

    nothing: frozenset[str]
    first_day: date = FIRST_DAY
    zone: tzinfo = UTC
    numbers: NumberForm = USUAL_NUMBERS

    def says_nothing(self, text: str) -> bool:
        """Whether a text stands for nothing: it is in the list, or has neither a letter nor a digit."""
        try:
            clean = clean_text(text)
        except ControlCharacter:
            return False
        if not has_content(clean) or fold_nothing(clean) in self.nothing:
            return True
        words = list(filter(None, _SIGNS.split(clean)))  # "NULL NULL": two empty columns joined
        return len(words) > 1 and all(fold_nothing(word) in self.nothing for word in words)

    def is_day_of_nothing(self, day: str) -> bool:
        """Whether a day, written YYYY-MM-DD, stands for nothing."""
        return day.replace("-", "") in self.nothing

    def get_today(self) -> date:
        """The day on the campus's wall clock."""
        return datetime.now(self.zone).date()


def fold_nothing(text: str) -> str:
    """A clean text without regard to width, case, spaces and signs: 「（无）」 and 无 are the same, 未-办 理 and 未办理."""
    return _SIGNS.sub("", unicodedata.normalize("NFKC", text).casefold())


def make_nothing(texts: tuple[str, ...]) -> frozenset[str]:
    """The list of a configuration as it is compared."""
    return frozenset(fold_nothing(clean_text(text)) for text in texts)


def has_content(text: str) -> bool:
    """Whether a text has a letter or a digit."""
    return any(unicodedata.category(sign)[0] == "L" or sign.isdecimal() for sign in text)


USUAL = Conventions(make_nothing(USUAL_NOTHING))
