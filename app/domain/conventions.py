"""Conventions of a campus's systems: texts and days that stand for nothing, the first day there can be, the
wall clock, and the form of numbers.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo

from app.domain.student_number import NumberForm
from app.domain.texts import ControlCharacter, clean_text

USUAL_NOTHING = (
    "无", "暂无", "没有", "空", "无数据", "无记录", "暂无数据", "暂无记录", "未知", "不详", "待定",
    "未办理", "未办", "尚未办理", "待办理", "待办", "未填", "未填写", "未登记", "未录入",
    "0", "null", "none", "nil", "nan", "inf", "infinity", "n/a", "na", "undefined", "unknown", "empty", "tbd",
    "0000-00-00", "0001-01-01", "1899-12-30", "1899-12-31", "1900-01-01", "1970-01-01", "9999-12-31",
)  # fmt: skip
"""What systems write where they hold nothing; the days are the first and last ones, and the zero, of databases,
spreadsheets and clocks."""

FIRST_DAY = date(2000, 1, 1)
USUAL_NUMBERS = NumberForm()

_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


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
        return not _has_content(clean) or fold_nothing(clean) in self.nothing

    def get_today(self) -> date:
        """The day on the campus's wall clock."""
        return datetime.now(self.zone).date()


def fold_nothing(text: str) -> str:
    """A clean text without regard to width, case, and signs around it: 「（无）」 and 无 are the same."""
    return _EDGES.sub("", unicodedata.normalize("NFKC", text).casefold())


def make_nothing(texts: tuple[str, ...]) -> frozenset[str]:
    """The list of a configuration as it is compared."""
    return frozenset(fold_nothing(clean_text(text)) for text in texts)


def _has_content(text: str) -> bool:
    return any(unicodedata.category(sign)[0] == "L" or sign.isdecimal() for sign in text)


USUAL = Conventions(make_nothing(USUAL_NOTHING))
