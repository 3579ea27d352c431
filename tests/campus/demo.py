"""What the departments hold about the demo students when the campus starts."""

from __future__ import annotations

from tests.campus.accounts import find_student
from tests.campus.facts import (
    FACTS_OF,
    Archive,
    CampusCard,
    Dormitory,
    Facts,
    Finance,
    LibraryLoans,
    LibraryThesis,
    StudentCard,
)


def _row(project: str, amount: str, reduced: str = "0.00", loan: str = "0.00") -> dict[str, str]:
    return {"project": project, "amount": amount, "deferred": "0.00", "reduced": reduced, "loan": loan}


_LIVING_IN = Dormitory(checkout_date=None, checkout_by=None)

_NOTHING_DONE = (
    LibraryThesis(state="未提交", submitted_on=None),
    Archive(state="", reviewed_on=None),
    _LIVING_IN,
)

_EXCEPTIONS: dict[str, tuple[Facts, ...]] = {
    "TS23000001": (LibraryLoans(card="active"),),
    "TS23000003": (LibraryLoans(books=2, debt="12.50", violations=1, card="active"),),
    "TS23000004": (LibraryThesis(state="审核中"),),
    "TS23000005": (Archive(state="", reviewed_on=None),),
    "TS23000006": (_LIVING_IN,),
    "TS23000007": (
        Dormitory(resident=False, building=None, room=None, checkout_date=None, checkout_by=None),
    ),
    "TS23000008": (Finance((_row("2025学年学费", "500.00"), _row("2025学年住宿费", "300.00"))),),
    "TB23000010": (Finance((_row("2025学年学费", "10000.00", reduced="2000.00", loan="8000.00"),)),),
    "TS23000011": (LibraryLoans(card="active", refuses_cancel=True),),
    "TS25000012": (*_NOTHING_DONE, LibraryLoans(card="active")),
    "08230002": (
        CampusCard(balance="23.40", status="正常"),
        StudentCard(state="未上交", handed_in_on=None),
    ),
    "TS00000002": (
        *_NOTHING_DONE,
        LibraryLoans(books=1, debt="5.00", violations=1, card="active"),
        CampusCard(balance="5.00", status="正常"),
        StudentCard(state="未上交", handed_in_on=None),
        Finance((_row("2025学年学费", "100.00"),)),
    ),
}


def demo_facts(number: str, system: str) -> Facts | None:
    """Return what `system` holds about a student at the start, or None when there is no such student."""
    if find_student(number) is None:
        return None
    kind = FACTS_OF[system]
    return next((held for held in _EXCEPTIONS.get(number, ()) if isinstance(held, kind)), kind())
