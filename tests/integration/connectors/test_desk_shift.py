"""Rows of CSV whose cells stand in other columns than they were written for."""

from __future__ import annotations

import pytest

from app.connectors.base import FailureCode
from app.services.desk import sorted_rows
from tests.integration.connectors.desks import (
    Done,
    Installation,
    ask,
    connect,
    fault_of,
    list_entries,
    run_import,
)

HEADINGS = "学号,欠费,项目,罚金,备注"
WHOLE = "TS23000001,12.50,学费,0,"
WARNING = "warning: an amount beside one of three digits"


def import_rows(hall: Installation, *rows: str, options: tuple[str, ...] = (), separator: str = ",") -> Done:
    text = "\n".join((HEADINGS, *rows)) + "\n"
    return run_import(hall, hall.write("a.csv", text.replace(",", separator)), *options, desk="debts")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("TS23000006,0,学费,0", "has 4 cells and the headings 5: write the separators of empty cells too"),
        ("TS23000006", "has 1 cells and the headings 5"),
        ("TS23000006,1,200,0,0,", "has 6 cells and the headings 5: put quotes around a value"),
        ("TS23000006,1,200,0,,", "has 6 cells and the headings 5"),
        ('TS23000006,",0,",0', "has 3 cells and the headings 5"),
    ],
)
@pytest.mark.parametrize("separator", [",", ";"])
def test_a_row_with_other_cells_than_the_headings_is_refused(
    hall: Installation, row: str, message: str, separator: str
) -> None:
    done = import_rows(hall, WHOLE, row, options=("--skip-refused", "--confirm", "1"), separator=separator)
    assert done.returncode == 3, done.stderr
    assert f"row 3, 学号: {message}" in done.stderr
    assert fault_of(ask(connect(hall, "debts"), "TS23000006")) == FailureCode.REFUSED_ROW


def test_without_counting_cells_a_debt_of_thousands_would_be_one(
    hall: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(sorted_rows, "explain_shift", lambda *_: "")
    assert import_rows(hall, "TS23000006,1,200,0,,").returncode == 0
    assert '"1"' in str(list_entries(hall)[0][1])


def test_a_row_as_long_as_the_headings_that_may_be_shifted_is_warned_of(hall: Installation) -> None:
    done = import_rows(hall, WHOLE, "TS23000006,1,200,学费,0", options=("--dry-run",))
    assert (done.returncode, WARNING in done.stderr, "(rows 3)" in done.stderr) == (0, True, True)
    assert WARNING in import_rows(hall, "TS23000006,1,200.00,学费,0").stderr


@pytest.mark.parametrize(
    "row", [WHOLE, "TS23000006,1200,200,0,", "TS23000006,0,200,0,", "TS23000006,1,20,0,"]
)
def test_usual_amounts_are_not_warned_of(hall: Installation, row: str) -> None:
    assert WARNING not in import_rows(hall, row, options=("--dry-run",)).stderr


def test_a_separator_that_no_amount_holds_is_not_warned_of(hall: Installation) -> None:
    done = import_rows(hall, "TS23000006,1,200,0,", options=("--dry-run",), separator=";")
    assert (done.returncode, WARNING in done.stderr) == (0, False)
