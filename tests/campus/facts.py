"""What each department holds about a student, as the control addresses show and take it.

The defaults are a student whom every department lets go.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, TypeVar

from tests.campus.kinds import COUNT, DATE, FLAG, MONEY, TEXT, Kind, choice, is_money

ROW_FIELDS = ("project", "amount", "deferred", "reduced", "loan")


class FactsRefusedError(ValueError):
    """Facts with an unknown name or a value of the wrong kind; the message names each of them."""

    def __init__(self, *mistakes: str) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


def fact(kind: Kind, label: str, default: object) -> Any:
    """A fact: what values it takes, its label in a form, and what is held of a student who passes."""
    return field(default=default, metadata={"kind": kind, "label": label})


def _is_row(row: object) -> bool:
    if not isinstance(row, dict) or set(row) != set(ROW_FIELDS):
        return False
    return isinstance(row["project"], str) and all(is_money(row[name]) for name in ROW_FIELDS[1:])


def _are_rows(value: object) -> bool:
    return isinstance(value, list | tuple) and len(value) <= 50 and all(map(_is_row, value))


ROWS = Kind(f"a list of at most 50 objects with exactly {', '.join(ROW_FIELDS)}", _are_rows, str)


@dataclass(frozen=True)
class LibraryLoans:
    """Borrowing: `debt` in yuan; `refuses_cancel` makes the library refuse to cancel the card, and `debarred` deny
    its reader everything.
    """

    books: int = fact(COUNT, "欠书", 0)
    debt: str = fact(MONEY, "欠费（元）", "0.00")
    violations: int = fact(COUNT, "违章", 0)
    card: str = fact(choice("active", "cancelled"), "借书证", "cancelled")
    refuses_cancel: bool = fact(FLAG, "拒绝注销", False)
    debarred: bool = fact(FLAG, "停借", False)


@dataclass(frozen=True)
class LibraryThesis:
    """The thesis handed in to the library."""

    state: str = fact(choice("未提交", "已提交", "审核中", "退回修改", "审核通过"), "状态", "审核通过")
    submitted_on: str | None = fact(DATE, "提交日期", "2026-06-01")


@dataclass(frozen=True)
class Archive:
    """The thesis handed in to the archive; the empty state means nothing was handed in."""

    state: str = fact(choice("", "已提交", "已审核"), "论文状态", "已审核")
    reviewed_on: str | None = fact(DATE, "审核日期", "2026-06-05")


@dataclass(frozen=True)
class Dormitory:
    """The room; `resident` false means the student never lived in."""

    resident: bool = fact(FLAG, "在校住宿", True)
    building: str | None = fact(TEXT, "楼栋", "竹园2号楼")
    room: str | None = fact(TEXT, "房间", "B412")
    checkout_date: str | None = fact(DATE, "退宿日期", "2026-06-10")
    checkout_by: str | None = fact(TEXT, "退宿办理人", "王建国")


@dataclass(frozen=True)
class Finance:
    """Charges: rows of project, amount, deferred, reduced and loan, each amount in yuan with two decimals."""

    rows: tuple[dict[str, str], ...] = fact(ROWS, "收费项目", ())


@dataclass(frozen=True)
class CampusCard:
    """The campus card's account: `balance` in yuan."""

    balance: str = fact(MONEY, "余额（元）", "0.00")
    status: str = fact(choice("正常", "挂失", "冻结", "销户"), "状态", "销户")


@dataclass(frozen=True)
class StudentCard:
    """The student ID, which is handed in or whose loss is on record."""

    state: str = fact(choice("未上交", "已上交", "遗失已备案"), "状态", "已上交")
    handed_in_on: str | None = fact(DATE, "上交日期", "2026-06-11")


@dataclass(frozen=True)
class DescribedFacts:
    """What a department holds that a file describes; its fields are those of the file."""


Facts = (
    LibraryLoans | LibraryThesis | Archive | Dormitory | Finance | CampusCard | StudentCard | DescribedFacts
)
Held = TypeVar("Held", bound=Facts)

FACTS_OF: dict[str, type[Facts]] = {
    "library_loans": LibraryLoans,
    "library_thesis": LibraryThesis,
    "archive": Archive,
    "dormitory": Dormitory,
    "finance": Finance,
    "campus_card": CampusCard,
    "student_card": StudentCard,
}

UNDERGRADUATE = "本科"
_ONLY_FOR_GRADUATES = ("library_thesis", "archive")
_ONLY_FOR_UNDERGRADUATES = ("campus_card", "student_card")


def list_systems(level: str | None) -> tuple[str, ...]:
    """The systems that a student of this level leaves through. All of them answer about everybody."""
    others = _ONLY_FOR_GRADUATES if level == UNDERGRADUATE else _ONLY_FOR_UNDERGRADUATES
    return tuple(system for system in FACTS_OF if system not in others)


def merge_facts(held: Held, changes: Mapping[str, object]) -> Held:
    """Return `held` with `changes` put in; raises FactsRefusedError when any of them does not fit."""
    kinds: dict[str, Kind] = {item.name: item.metadata["kind"] for item in fields(held)}
    unknown = [f"{name}: no such fact" for name in changes if name not in kinds]
    wrong = [
        f"{name}: expected {kinds[name].expected}"
        for name, value in changes.items()
        if name in kinds and not kinds[name].accepts(value)
    ]
    if unknown or wrong:
        raise FactsRefusedError(*unknown, *wrong)
    values: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in changes.items()}
    return replace(held, **values)


def as_json(held: Facts) -> dict[str, Any]:
    """Return the facts as the control addresses show them."""
    return asdict(held)
