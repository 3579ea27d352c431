"""Truthful answers about a student who must not pass, one reason each, in the five systems' shapes."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from app.domain.clearance import Record
from tests.unit.connectors.demo import STUDENT

Answer = dict[str, Any]


def library_loans(**facts: object) -> Answer:
    row = {"readerId": STUDENT, "books": 0, "debt": "0.00", "violations": 0, "cardState": "9"} | facts
    data = {"readerId": STUDENT, "total": 1, "searchResult": [row]}
    return {"success": True, "errCode": 200, "errMsg": "", "data": data}


def library_thesis(state: str, submitted_on: str | None) -> Answer:
    data = {"student_no": STUDENT, "state": state, "submitted_on": submitted_on}
    return {"code": 0, "msg": "ok", "data": data}


def archive(state: str, reviewed_on: str) -> Answer:
    row = {"xh": STUDENT, "lwzt": state, "shrq": reviewed_on}
    return {"errno": 0, "errmsg": "", "entities": [row], "xh": STUDENT}


def dormitory(checkout_date: str | None, checkout_by: str | None) -> Answer:
    record = {
        "building": "竹园2号楼",
        "room": "B412",
        "checkoutDate": checkout_date,
        "checkoutBy": checkout_by,
    }
    return {"status": "OK", "student": STUDENT, "resident": True, "record": record}


def charge(project: str, amount: str, deferred: str = "0") -> Answer:
    others = {"deferred_amount": deferred, "reduced_amount": "0", "loan_amount": "0", "status": "欠费"}
    return {"project_name": project, "arrear_amount": amount} | others


def finance(*rows: Answer) -> Answer:
    data = {"card_number": STUDENT, "total": len(rows), "arrears": list(rows)}
    return {"code": 0, "message": "success", "data": data}


OUTSTANDING: tuple[tuple[str, Answer], ...] = (
    ("library_loans", library_loans(books=2)),
    ("library_loans", library_loans(debt="12.55")),
    ("library_loans", library_loans(violations=1)),
    ("library_loans", library_loans(cardState="1")),
    ("library_thesis", library_thesis("审核中", "2026-06-01")),
    ("library_thesis", library_thesis("未提交", None)),
    ("archive", archive("", "")),
    ("archive", archive("已提交", "")),
    ("dormitory", dormitory(None, None)),
    ("dormitory", dormitory("2026-06-10", None)),
    ("dormitory", dormitory(None, "王建国")),
    ("finance", finance(charge("2025学年学费", "55555"))),
    ("finance", finance(charge("学费", "55555", "22222"), charge("住宿费", "33333"))),
)


def clears(system: str, records: Sequence[Record]) -> bool:
    """Whether these facts would let the student pass, taken as generously as any rule might."""
    if not records:
        return system in ("library_loans", "dormitory", "finance")
    first = records[0]
    match system:
        case "library_loans":
            owes = any(first[fact] for fact in ("overdue_books", "fine", "violations"))
            return not owes and first["card_status"] == "cancelled"
        case "library_thesis":
            return first["state"] == "审核通过"
        case "archive":
            return first["state"] == "已审核"
        case "dormitory":
            return bool(first["checkout_date"] and first["checkout_by"])
    return all(_owed(row) <= 0 for row in records)


def _owed(row: Record) -> Decimal:
    amounts = {fact: row[fact] for fact in ("amount", "deferred", "reduced", "loan")}
    found = {fact: value for fact, value in amounts.items() if isinstance(value, Decimal)}
    return found["amount"] - found["deferred"] - found["reduced"] - found["loan"]
