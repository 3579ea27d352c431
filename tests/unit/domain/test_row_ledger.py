"""Which rows there should be by the audit events."""

from __future__ import annotations

from app.domain.row_ledger import MOST_ROWS, RowChange, RowLedger

ONE, OTHER = ("waivers", "one"), ("waivers", "other")


def read(*changes: RowChange) -> RowLedger:
    """The ledger after events of these changes, numbered from 1."""
    ledger = RowLedger()
    for number, change in enumerate(changes, start=1):
        for details in change.iterate_details():
            ledger.note({"id": number, "details": details})
    return ledger


def make_change(added: list[tuple[str, str]], removed: list[tuple[str, str]]) -> RowChange:
    """A change of these rows."""
    change = RowChange()
    for row in removed:
        change.remove(row)
    for row in added:
        change.add(row)
    return change


def test_a_changed_row_stands_in_its_new_state_and_ended_in_the_old_one() -> None:
    ledger = read(make_change([ONE], []), make_change([OTHER], [ONE]))
    assert (ledger.standing, ledger.ended) == ({OTHER: 2}, {ONE: 2})


def test_a_row_that_comes_back_by_an_event_stands_again() -> None:
    ledger = read(make_change([ONE], []), make_change([], [ONE]), make_change([ONE], []))
    assert (ledger.standing, ledger.ended) == ({ONE: 3}, {})


def test_what_one_transaction_adds_and_removes_again_is_nothing() -> None:
    change = make_change([ONE], [])
    change.remove(ONE)
    assert list(change.iterate_details()) == []
    change = make_change([], [ONE])
    change.add(ONE)
    assert list(change.iterate_details()) == []


def test_many_rows_are_told_in_portions_and_none_is_left_out() -> None:
    rows = [("desk_entries", f"{number}") for number in range(2 * MOST_ROWS + 1)]
    change = make_change(rows, [])
    assert len(list(change.iterate_details())) == 3
    assert read(change).standing == dict.fromkeys(rows, 1)


def test_events_without_rows_change_nothing() -> None:
    ledger = RowLedger()
    ledger.note({"id": 1, "details": {"slip": "LX1"}})
    assert (ledger.standing, ledger.ended) == ({}, {})
