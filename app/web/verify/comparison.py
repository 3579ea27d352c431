"""The comparison of a name that was typed from the paper with the one on the slip: what it says, and how often it may be
asked. Names are not to be found by guessing: of strangers' wrong ones a slip takes a few a day, from all addresses
together, and then only signed-in guards and clerks compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.domain.person import Person
from app.domain.texts import fold_name
from app.services.verification.verification import Likeness, Verification, compare_name
from app.web.language import lazy_gettext as _l
from app.web.limits import count, get_counted, has_room
from app.web.page_context import get_installation
from app.web.verify.verdicts import VerdictText

MAX_NAME_LENGTH = 100


@dataclass(frozen=True, slots=True)
class ComparisonText:
    """What the comparison of a name says; `status` is the answer's when the verdict has none of its own, and `verdict`
    what then stands for the verdict's words: a valid code is no word for another name.
    """

    value: str
    tone: str
    sign: str
    word: str
    status: int = 200
    hint: str = ""
    verdict: VerdictText | None = None


class Comparison(Enum):
    """How a typed name compares with the one on the slip."""

    MATCH = ComparisonText(
        "match",
        "good",
        "✓",
        _l("一致"),
        verdict=VerdictText(
            "good",
            _l("有效，姓名一致"),
            _l("本校签发，目前有效；输入的姓名就是单上的姓名。"),
            _l("再看证件：与持单人一致，即可放行。"),
        ),
    )
    NEARLY = ComparisonText(
        "nearly",
        "unsure",
        "!",
        _l("几乎一致"),
        hint=_l("只差声调或变音符号，请与纸面和证件逐字核对。"),
        verdict=VerdictText(
            "unsure",
            _l("姓名几乎一致"),
            _l("二维码有效；输入的姓名与单上的只差声调或变音符号。"),
            _l("请与纸面和证件逐字核对，连同变音符号再输入一次；一致才放行。"),
        ),
    )
    NO_MATCH = ComparisonText(
        "no_match",
        "bad",
        "✕",
        _l("不一致"),
        hint=_l("请先检查是否输错：逐字对照纸面，外文姓名连同变音符号一起核对。"),
        verdict=VerdictText(
            "bad",
            _l("姓名不一致"),
            _l("二维码有效，但输入的姓名不是这张离校单上的姓名。"),
            _l(
                "先检查是否输错，逐字对照纸面再比对一次。仍不一致，先不要放行：请持单人出示证件和手机上的离校单，并联系离校办理部门核实。"
            ),
            asks_support=True,
        ),
    )
    NOTHING = ComparisonText("nothing_given", "unsure", "!", _l("请输入纸面上的姓名，再比对。"), 422)
    TOO_OFTEN = ComparisonText("rate_limited", "bad", "!", _l("比对过于频繁，请稍后再试"), 429)
    STAFF_ONLY = ComparisonText("staff_only", "unsure", "!", _l("现在只有工作人员登录后可以比对"), 429)


_COMPARISONS = {
    Likeness.SAME: Comparison.MATCH,
    Likeness.NEARLY: Comparison.NEARLY,
    Likeness.OTHER: Comparison.NO_MATCH,
}


def compare(verification: Verification, typed: str, staff: Person | None) -> Comparison:
    """Compare a typed name with that of a slip that is valid. Nearly right is a wrong name too: it tells the letters."""
    name = typed[:MAX_NAME_LENGTH]
    if not fold_name(name):
        return Comparison.NOTHING
    if not may_compare(verification, staff):
        return Comparison.STAFF_ONLY
    limits = get_installation().settings.rate_limit
    is_allowed = count(limits.comparison, "name", verification.digits, get_counted(staff))
    if not (
        is_allowed and (staff is not None or count(limits.comparison, "name", verification.digits, times=10))
    ):
        return Comparison.TOO_OFTEN
    found = _COMPARISONS[compare_name(get_installation(), verification.digits, name)]
    if staff is None and found is not Comparison.MATCH and not count(*_name_misses(verification)):
        return Comparison.STAFF_ONLY
    return found


def may_compare(verification: Verification, staff: Person | None) -> bool:
    """Whether this viewer may try a name: staff always, strangers until there were too many wrong ones."""
    return staff is not None or has_room(*_name_misses(verification))


def _name_misses(verification: Verification) -> tuple[str, ...]:
    """The limit, and what it counts: wrong names for one slip, whichever of its codes was shown."""
    return get_installation().settings.rate_limit.comparison_misses, "misses", str(verification.slip_id)
