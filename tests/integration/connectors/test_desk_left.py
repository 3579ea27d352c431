"""A complete file that does not name the students of older entries: they are told, and go when a clerk says so."""

from __future__ import annotations

import pytest

from app.services.desk import importing
from tests.integration.connectors.desks import CLERK, Installation, list_entries, list_events
from tests.integration.connectors.test_desk_gaps import ABSENT, DEBTOR, OTHER, import_debts, owed

COMPLETE = ("--complete",)
STAYS = f"1 older entries are not in the file, and stay as they are: {DEBTOR}"


def test_older_entries_that_a_complete_file_lacks_stay_and_are_told(hall: Installation) -> None:
    import_debts(hall, f"{DEBTOR},800", f"{OTHER},0")
    for options in (("--complete", "--dry-run"), COMPLETE):
        code, out, err = import_debts(hall, f"{OTHER},0", options=options)
        assert (code, STAYS in out, "--complete --replace 1" in err) == (0, True, True)
    assert (owed(hall, DEBTOR), owed(hall, ABSENT)) == (800, None)
    told = f"1 older entries were not in the complete file, and hold: {DEBTOR}"
    assert told in hall.flask("desk", "status", "debts").stdout
    hall.flask("desk", "record", "debts", DEBTOR, "欠费=0", "--by", CLERK)
    assert "older entries" not in hall.flask("desk", "status", "debts").stdout


def test_a_file_that_names_everybody_tells_of_no_older_entry(hall: Installation) -> None:
    import_debts(hall, f"{DEBTOR},800", f"{OTHER},0")
    assert "older" not in import_debts(hall, f"{DEBTOR},800", f"{OTHER},1", options=COMPLETE)[1]
    assert "older" not in hall.flask("desk", "status", "debts").stdout


def test_a_confirmed_count_of_older_entries_is_removed_and_kept_in_the_audit(hall: Installation) -> None:
    import_debts(hall, f"{DEBTOR},800", f"{OTHER},0")
    code, out, _ = import_debts(hall, f"{OTHER},0", options=("--complete", "--replace", "1"))
    assert (code, f"removed, not being in the file: {DEBTOR}" in out) == (0, True)
    assert owed(hall, DEBTOR) is None
    *_, removed, imported = list_events(hall)
    assert (removed[:3], imported[3]["removed"]) == (("desk_entries_removed", CLERK, "debts"), 1)
    assert removed[3]["entries"] == {DEBTOR: {"facts": {"owed": "800"}, "recorded_by": CLERK}}
    assert hall.flask("audit", "verify").returncode == 0


@pytest.mark.parametrize("count", ["2", "3"])
def test_another_count_removes_nothing_and_records_nothing(hall: Installation, count: str) -> None:
    import_debts(hall, f"{DEBTOR},800", f"{OTHER},0")
    before = (list_entries(hall), list_events(hall))
    code, _, err = import_debts(hall, f"{OTHER},5", options=("--complete", "--replace", count))
    assert code == 1
    assert f"there are 1 older entries that the file does not name, and not {count}" in err
    assert (list_entries(hall), list_events(hall)) == before


def test_without_comparing_the_count_a_debtor_whom_nobody_looked_at_would_be_cleared(
    hall: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(importing, "_require_removed", lambda *_: None)
    import_debts(hall, f"{DEBTOR},800", f"{OTHER},0")
    import_debts(hall, f"{OTHER},5", options=("--complete", "--replace", "2"))
    assert owed(hall, DEBTOR) is None


def test_whom_a_refused_row_names_is_not_removed(hall: Installation) -> None:
    import_debts(hall, f"{DEBTOR},800", f"{OTHER},0")
    options = ("--complete", "--skip-refused", "--confirm", "1")
    out = import_debts(hall, f"{DEBTOR},x", f"{OTHER},0", options=options)[1]
    assert "older" not in out
    assert [entry[0] for entry in list_entries(hall)] == [OTHER, DEBTOR]


def test_a_removal_needs_a_complete_file(hall: Installation) -> None:
    code, _, err = import_debts(hall, f"{OTHER},0", options=("--replace", "1"))
    assert (code, "--replace goes with --complete" in err) == (2, True)
