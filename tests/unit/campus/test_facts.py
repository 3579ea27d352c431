"""The facts that departments hold, and what the control addresses accept."""

from __future__ import annotations

import pytest

from tests.campus.demo import demo_facts
from tests.campus.facts import (
    Archive,
    CampusCard,
    Dormitory,
    FactsRefusedError,
    Finance,
    LibraryLoans,
    StudentCard,
    list_systems,
    merge_facts,
)
from tests.campus.kinds import in_fen

ROW = {"project": "学费", "amount": "500.00", "deferred": "0.00", "reduced": "0.00", "loan": "0.00"}


def test_given_facts_replace_the_held_ones_and_leave_the_rest() -> None:
    changed = merge_facts(LibraryLoans(), {"books": 2, "card": "active"})
    assert changed == LibraryLoans(books=2, card="active")


def test_every_unknown_name_and_every_wrong_value_is_named() -> None:
    with pytest.raises(FactsRefusedError) as refused:
        merge_facts(LibraryLoans(), {"book": 1, "debt": "12.5", "books": True, "card": "lost"})
    assert all(name in str(refused.value) for name in ("book: no such fact", "debt:", "books:", "card:"))


@pytest.mark.parametrize("debt", ["12", "-1.00", "1e3.00", "１.00", "NaN", 12.5, None])
def test_money_that_is_not_yuan_with_two_decimals_is_refused(debt: object) -> None:
    with pytest.raises(FactsRefusedError):
        merge_facts(LibraryLoans(), {"debt": debt})


def test_dates_may_be_null_but_not_impossible() -> None:
    assert merge_facts(Dormitory(), {"checkout_date": None}).checkout_date is None
    with pytest.raises(FactsRefusedError):
        merge_facts(Dormitory(), {"checkout_date": "2026-02-30"})


@pytest.mark.parametrize("row", [ROW | {"amount": "500"}, ROW | {"extra": "1"}, {"project": "学费"}, "学费"])
def test_a_finance_row_of_another_shape_is_refused(row: object) -> None:
    with pytest.raises(FactsRefusedError):
        merge_facts(Finance(), {"rows": [ROW, row]})


def test_a_good_finance_row_is_taken() -> None:
    assert merge_facts(Finance(), {"rows": [ROW]}).rows == (ROW,)


@pytest.mark.parametrize(("yuan", "fen"), [("500.00", "50000"), ("0.05", "5"), ("0.00", "0")])
def test_yuan_become_fen_without_arithmetic_on_floats(yuan: str, fen: str) -> None:
    assert in_fen(yuan) == fen


def test_only_students_are_known_to_the_departments() -> None:
    assert demo_facts("TS23000005", "archive") == Archive(state="", reviewed_on=None)
    assert demo_facts("TS91234567", "archive") == Archive()
    assert demo_facts("00420013", "archive") is None
    assert demo_facts("TS912345678", "archive") is None


def test_the_demo_undergraduates_keep_their_leading_zero() -> None:
    assert demo_facts("08230001", "campus_card") == CampusCard()
    assert demo_facts("08230002", "campus_card") == CampusCard(balance="23.40", status="正常")
    assert demo_facts("08230002", "student_card") == StudentCard(state="未上交", handed_in_on=None)
    assert demo_facts("8230001", "campus_card") is None


def test_each_level_leaves_through_systems_of_its_own() -> None:
    assert list_systems("硕士") == ("library_loans", "library_thesis", "archive", "dormitory", "finance")
    assert list_systems("本科") == ("library_loans", "dormitory", "finance", "campus_card", "student_card")
