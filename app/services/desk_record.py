"""Records one student at a desk, checked as a row of an import is."""

from __future__ import annotations

from collections.abc import Mapping

from app.connectors.desk_config import get_heading
from app.models import write_transaction
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.desk import Desk, Facts, load_facts, store_entries
from app.services.desk_cells import CellRefused, read_cell, read_number
from app.services.desk_gaps import mend
from app.services.desk_numbers import compare_with_known, explain_letter


def record_entry(desk: Desk, student_number: str, cells: Mapping[str, str], by: str) -> tuple[str, ...]:
    """Record one student by the cells' headings, `by` a clerk's number; returns what to warn of.

    Raises OwnDecision, and CellRefused for a cell that cannot be recorded, is missing or has no such heading, or for
    a number that nobody has where a letter stands for a digit of somebody's.
    """
    known = {get_heading(field) for field in desk.config.fields.values()}
    for heading in cells:
        if heading not in known:
            raise CellRefused(heading, f"is no heading: there are {'、'.join(sorted(known))}")
    number = read_number(desk.config, desk.numbers, student_number)
    facts: Facts = {
        name: read_cell(field, cells.get(get_heading(field))) for name, field in desk.config.fields.items()
    }
    warnings = _compare_number(desk, number)
    now = get_now()
    with write_transaction() as session:
        before = load_facts(session, desk, [number]).get(number)
        store_entries(session, desk, {number: facts}, by)
        mended = mend(session, desk.name, [number])
        details = {"desk": desk.name, "facts": facts, "before": before, "mended": bool(mended)}
        add_event(session, "desk_recorded", actor=by, subject=number, details=details, now=now)
    return warnings


def _compare_number(desk: Desk, number: str) -> tuple[str, ...]:
    compared = compare_with_known(desk, [number])
    if number not in compared.unknown:
        return ()
    if twin := compared.alike.get(number):
        raise CellRefused(desk.config.number_column, explain_letter(number, twin))
    letters = " and has letters among its digits" if number in compared.alike else ""
    return (f"{number} is nobody's here{letters}: nobody signed in with it yet, or it is mistyped",)
