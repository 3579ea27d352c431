"""Desks that nobody filled and rows that could not be read: nobody passes for what a clerk could not say."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

from app.connectors import desk
from app.connectors.base import FailureCode
from app.domain.clearance import DepartmentUnavailable, Reading
from app.services.desk import gaps, importing
from tests.integration.connectors.desks import (
    CLERK,
    Installation,
    ask,
    connect,
    fault_of,
    list_entries,
    list_events,
    make_installation,
    run_import,
)
from tests.integration.connectors.sql_views import running_postgres

HEADING = "学号,欠费"
DEBTOR, OTHER, ABSENT = "TS23000004", "TS23000003", "TS23000009"


def write(hall: Installation, *rows: str) -> str:
    return hall.write("欠费.csv", "\n".join((HEADING, *rows)) + "\n")


def import_debts(hall: Installation, *rows: str, options: tuple[str, ...] = ()) -> tuple[int, str, str]:
    done = run_import(hall, write(hall, *rows), *options, desk="debts")
    return done.returncode, done.stdout, done.stderr


def skip(count: int) -> tuple[str, ...]:
    return ("--skip-refused", "--confirm", str(count))


def answer(hall: Installation, number: str) -> Reading | DepartmentUnavailable:
    return ask(connect(hall, "debts"), number)


def owed(hall: Installation, number: str) -> object:
    """What the desk says is owed; None for a student who has no record."""
    found = answer(hall, number)
    assert isinstance(found, Reading), found
    return found.records[0]["owed"] if found.records else None


# --- a desk that nobody filled


def test_a_desk_that_nobody_filled_clears_nobody(hall: Installation) -> None:
    assert fault_of(answer(hall, ABSENT)) == FailureCode.NOT_COMPLETE


def test_a_part_of_a_list_clears_nobody_who_is_not_in_it(hall: Installation) -> None:
    assert import_debts(hall, f"{OTHER},12.50")[0] == 0
    assert hall.flask("desk", "record", "debts", DEBTOR, "欠费=3", "--by", CLERK).returncode == 0
    assert owed(hall, OTHER) == Decimal("12.50")
    assert fault_of(answer(hall, ABSENT)) == FailureCode.NOT_COMPLETE


def test_a_list_that_is_declared_complete_clears_who_is_not_in_it(hall: Installation) -> None:
    code, out, _ = import_debts(hall, f"{OTHER},12.50", options=("--complete",))
    assert (code, out.splitlines()[-1]) == (0, "recorded, and the list is complete")
    assert owed(hall, ABSENT) is None
    assert owed(hall, OTHER) == Decimal("12.50")
    assert list_events(hall)[-1][3]["complete"] is True


def test_without_asking_for_the_declaration_an_unfilled_desk_would_clear(
    hall: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(desk, "_require_known", lambda *_: None)
    assert owed(hall, ABSENT) is None


def test_a_declaration_needs_the_count_of_entries_and_can_be_taken_back(hall: Installation) -> None:
    import_debts(hall, f"{OTHER},12.50")
    for options in ((), ("--entries", "0")):
        done = hall.flask("desk", "complete", "debts", "--by", CLERK, *options)
        assert done.returncode == 1
        assert "holds 1 entries: if its list is complete, say --entries 1" in done.stderr
    assert fault_of(answer(hall, ABSENT)) == FailureCode.NOT_COMPLETE
    done = hall.flask("desk", "complete", "debts", "--by", CLERK, "--entries", "1")
    assert done.stdout == "complete: whoever has none of the 1 entries has nothing to settle\n"
    assert owed(hall, ABSENT) is None
    assert hall.flask("desk", "complete", "debts", "--by", CLERK, "--withdraw").stdout == "taken back\n"
    assert fault_of(answer(hall, ABSENT)) == FailureCode.NOT_COMPLETE
    kinds = [kind for kind, _, subject, _ in list_events(hall) if subject == "debts"]
    assert kinds == ["desk_imported", "desk_declared_complete", "desk_declared_incomplete"]


@pytest.mark.usefixtures("all_authentic")
def test_a_declaration_of_last_season_is_too_old(hall: Installation) -> None:
    import_debts(hall, f"{OTHER},12.50", options=("--complete",))
    long_ago = datetime.now(UTC) - timedelta(days=121)
    with sqlite3.connect(hall.folder / "lixiao.sqlite3") as connection:
        connection.execute("UPDATE desk_completions SET declared_at = ?", (f"{long_ago:%Y-%m-%d %H:%M:%S}",))
    assert fault_of(answer(hall, ABSENT)) == FailureCode.STALE
    assert owed(hall, OTHER) == Decimal("12.50"), "an entry says something by itself"
    assert isinstance(ask(connect(hall, "debts", complete_days=200), ABSENT), Reading)


def test_a_file_of_headings_alone_declares_nothing(hall: Installation) -> None:
    code, out, err = import_debts(hall, options=("--complete",))
    assert (code, out) == (1, "")
    assert "no row below its headings" in err
    assert import_debts(hall)[1].endswith("nothing is recorded\n")
    assert fault_of(answer(hall, ABSENT)) == FailureCode.NOT_COMPLETE


# --- refused rows


def test_the_debtor_of_a_refused_row_is_unknown_and_not_at_the_older_amount(hall: Installation) -> None:
    import_debts(hall, f"{DEBTOR},0", options=("--complete",))
    assert owed(hall, DEBTOR) == 0
    rows = (f'{DEBTOR},"1,200.00"', f"{OTHER},12.50", "TS23000016,￥800")
    code, out, err = import_debts(hall, *rows, options=skip(2))
    assert code == 3
    assert "unknown until a later row or entry: TS23000004, TS23000016" in out
    assert "write 1200.00 and not 1,200.00" in err
    assert "without ¥ or 元" in err
    for number in (DEBTOR, "TS23000016"):
        assert fault_of(answer(hall, number)) == FailureCode.REFUSED_ROW
    assert owed(hall, OTHER) == Decimal("12.50")
    assert owed(hall, ABSENT) is None, "whom no row is about keeps what the complete list says"


def test_without_keeping_the_refused_row_its_debtor_would_stay_at_the_older_amount(
    hall: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(importing, "note_refused", lambda *_: None)
    import_debts(hall, f"{DEBTOR},0", options=("--complete",))
    import_debts(hall, f'{DEBTOR},"1,200.00"', f"{OTHER},12.50", options=skip(1))
    assert owed(hall, DEBTOR) == 0


@pytest.mark.parametrize("way", ["import", "same import", "record"])
def test_a_later_good_row_or_entry_mends_a_refused_one(hall: Installation, way: str) -> None:
    import_debts(hall, f"{DEBTOR},0")
    import_debts(hall, f'{DEBTOR},"1,200.00"', options=skip(1))
    assert fault_of(answer(hall, DEBTOR)) == FailureCode.REFUSED_ROW
    shown = hall.flask("desk", "show", "debts", DEBTOR.lower()).stdout
    assert "unknown: row 2, 欠费 is not an amount" in shown
    if way == "record":
        assert hall.flask("desk", "record", "debts", DEBTOR, "欠费=1200.00", "--by", CLERK).returncode == 0
    else:
        import_debts(hall, f"{DEBTOR},{'0' if way == 'same import' else '1200.00'}")
    assert owed(hall, DEBTOR) == (0 if way == "same import" else 1200)
    assert list_events(hall)[-1][3]["mended"]


def test_a_declaration_leaves_the_students_of_refused_rows_unknown(hall: Installation) -> None:
    import_debts(hall, f'{DEBTOR},"1,200.00"', f"{OTHER},1", options=("--complete", *skip(1)))
    hall.flask("desk", "complete", "debts", "--by", CLERK, "--entries", "1")
    assert fault_of(answer(hall, DEBTOR)) == FailureCode.REFUSED_ROW
    assert owed(hall, ABSENT) is None


@pytest.mark.parametrize("options", [(), ("--skip-refused",), skip(1), skip(3)])
def test_nothing_is_recorded_unless_the_count_of_refused_rows_is_confirmed(
    hall: Installation, options: tuple[str, ...]
) -> None:
    rows = (f'{DEBTOR},"1,200.00"', f"{OTHER},12.50", "TS23000016,-1")
    code, out, err = import_debts(hall, *rows, options=options)
    assert code == 1
    assert "nothing is recorded" in out
    assert ("--skip-refused --confirm 2" in err) == bool(options)
    assert (list_entries(hall), list_events(hall)) == ([], [])
    code, _, err = import_debts(hall, f"{OTHER},12.50", options=skip(1))
    assert code == 1, "fewer are refused than confirmed"
    assert "no row is refused: leave --skip-refused and --confirm out" in err


def test_each_student_of_a_refused_row_has_an_event(hall: Installation) -> None:
    import_debts(hall, f'{DEBTOR},"1,200.00"', f"{OTHER},1", options=skip(1))
    recorded, refused, imported = list_events(hall)
    assert recorded[:3] == ("desk_imported", CLERK, OTHER)
    assert refused[:3] == ("desk_row_refused", CLERK, DEBTOR)
    assert (imported[0], imported[3]["refused"], imported[3]["unread"]) == ("desk_imported", 1, 0)
    assert hall.flask("audit", "verify").returncode == 0


# --- rows that may be about anybody


def test_a_row_without_a_readable_number_makes_unknown_whom_the_file_does_not_name(
    hall: Installation,
) -> None:
    import_debts(hall, f"{DEBTOR},0", f"{OTHER},0", options=("--complete",))
    code, out, _ = import_debts(hall, "TS23 000004,1200.00", f"{OTHER},5", options=skip(1))
    assert code == 3
    assert "without a readable number, so about anybody: rows 2" in out
    assert fault_of(answer(hall, DEBTOR)) == FailureCode.REFUSED_ROW, (
        "the row may be about an older entry's student"
    )
    assert fault_of(answer(hall, ABSENT)) == FailureCode.NOT_COMPLETE
    assert owed(hall, OTHER) == 5
    assert "1 student(s)" not in hall.flask("desk", "status", "debts").stdout
    assert f"{DEBTOR} is unknown: row 2" in hall.flask("desk", "status", "debts").stdout


def test_without_doubting_the_others_a_mistyped_debtor_would_stay_at_the_older_amount(
    hall: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(importing, "doubt_others", lambda *_: 0)
    import_debts(hall, f"{DEBTOR},0", options=("--complete",))
    import_debts(hall, "TS23 000004,1200.00", f"{OTHER},5", options=skip(1))
    assert owed(hall, DEBTOR) == 0


def test_a_declaration_does_not_promise_what_the_configuration_does_not(hall: Installation) -> None:
    done = hall.flask("desk", "complete", "hall", "--by", CLERK, "--entries", "0")
    assert (done.returncode, "stays unavailable" in done.stdout) == (0, True)


def test_a_doubt_is_dated_as_the_wall_clock_is(hall: Installation) -> None:
    import_debts(hall, f"{DEBTOR},0")
    import_debts(hall, "合计,1", options=skip(1))
    today = f"an import of {datetime.now(ZoneInfo('Asia/Shanghai')):%Y-%m-%d} has no readable number"
    assert today in hall.flask("desk", "status", "debts").stdout


@pytest.mark.parametrize("way", ["complete import", "declaration"])
def test_a_complete_import_or_a_declaration_ends_the_doubt(hall: Installation, way: str) -> None:
    import_debts(hall, f"{DEBTOR},0", f"{OTHER},0")
    import_debts(hall, "合计,1", f"{OTHER},0", options=skip(1))
    assert fault_of(answer(hall, DEBTOR)) == FailureCode.REFUSED_ROW
    if way == "declaration":
        hall.flask("desk", "complete", "debts", "--by", CLERK, "--entries", "2")
    else:
        import_debts(hall, f"{OTHER},0", options=("--complete",))
    assert owed(hall, DEBTOR) == 0
    assert owed(hall, ABSENT) is None


def test_a_row_refused_by_itself_stays_so_through_a_doubt_and_its_end(hall: Installation) -> None:
    import_debts(hall, f"{DEBTOR},0", f"{OTHER},0")
    import_debts(hall, f"{DEBTOR},x", options=skip(1))
    import_debts(hall, "合计,1", f"{OTHER},0", options=skip(1))
    hall.flask("desk", "complete", "debts", "--by", CLERK, "--entries", "2")
    assert fault_of(answer(hall, DEBTOR)) == FailureCode.REFUSED_ROW


def test_a_file_with_a_row_that_may_be_about_anybody_is_not_complete(hall: Installation) -> None:
    code, _, err = import_debts(hall, "合计,1", f"{OTHER},0", options=("--complete", *skip(1)))
    assert code == 1
    assert "rows without a readable number may be about anybody: 2" in err
    assert list_entries(hall) == []


def test_a_comma_that_shifts_a_row_is_no_smaller_debt(hall: Installation) -> None:
    """`1,200.00` without quotes is two cells: 1 yuan would be recorded."""
    code, _, err = import_debts(hall, f"{DEBTOR},1,200.00", options=skip(1))
    assert code == 3
    assert "row 2, 学号: has 3 cells and the headings 2" in err
    assert fault_of(answer(hall, DEBTOR)) == FailureCode.REFUSED_ROW


# --- numbers


def test_numbers_are_folded_and_two_rows_of_one_student_are_told(hall: Installation) -> None:
    assert import_debts(hall, "ts23000003\u00a0,1", "ＴＳ23000004,2")[0] == 0
    assert [entry[0] for entry in list_entries(hall)] == [OTHER, DEBTOR]
    code, _, err = import_debts(hall, f"{OTHER},1", "ts23000003,2")
    assert code == 1
    assert "row 2, 学号: stands in rows 2, 3" in err
    assert hall.flask("desk", "record", "debts", "ts23000003", "欠费=7", "--by", CLERK).returncode == 0
    assert owed(hall, OTHER) == 7


def test_a_letter_for_a_digit_is_refused_where_the_digit_is_somebodys(hall: Installation) -> None:
    import_debts(hall, "TS23000000,0")
    code, _, err = import_debts(hall, "TS2300000O,1200", f"{OTHER},1")
    assert code == 1
    assert "TS2300000O is nobody's here, and TS23000000 is somebody's: a letter for a digit?" in err
    assert import_debts(hall, "TS2300000O,1200", f"{OTHER},1", options=skip(1))[0] == 3
    assert fault_of(answer(hall, "TS23000000")) == FailureCode.REFUSED_ROW, "the debt may be this student's"
    code, _, err = import_debts(hall, "TS23000000,0", "TS2300000O,1200")
    assert (code, err.count("a letter for a digit?")) == (1, 2)
    assert "row 2, 学号: may be meant in row 3 too" in err, "the row with the letter is to be mended"
    assert "row 3, 学号: TS2300000O is nobody's here, and TS23000000 is somebody's" in err


def test_of_two_spellings_in_a_file_the_one_with_the_letter_is_blamed(hall: Installation) -> None:
    code, _, err = import_debts(hall, "TS23000000,0", "TS2300000O,1200")
    assert code == 1
    assert "row 2, 学号: may be meant in row 3 too, a letter for a digit? Mend that row" in err
    assert (
        "row 3, 学号: TS2300000O is nobody's here, and TS23000000 stands in row 2: a letter for a digit?"
        in err
    )


def record(hall: Installation, number: str, amount: int) -> tuple[int, str]:
    done = hall.flask("desk", "record", "debts", number, f"欠费={amount}", "--by", CLERK)
    return done.returncode, done.stderr


def test_a_letter_for_a_digit_is_refused_for_one_student_too(hall: Installation) -> None:
    assert record(hall, "TS23000000", 0)[0] == 0
    code, err = record(hall, "TS2300000o", 1200)
    assert code == 1
    assert "学号 TS2300000O is nobody's here, and TS23000000 is somebody's: a letter for a digit?" in err
    assert [entry[0] for entry in list_entries(hall)] == ["TS23000000"]


def test_a_recorded_number_that_nobody_has_is_warned_of(hall: Installation) -> None:
    code, err = record(hall, "TS2300000O", 1200)
    assert (code, "warning: TS2300000O is nobody's here and has letters among its digits" in err) == (0, True)
    assert "warning: TS23000009 is nobody's here: nobody signed in with it" in record(hall, ABSENT, 0)[1]
    with sqlite3.connect(hall.folder / "lixiao.sqlite3") as connection:
        connection.execute(
            "INSERT INTO consents (mini_app, student_number, version, given_at) VALUES ('m', ?, '1', '2026-06-09 00:00:00')",
            (OTHER,),
        )
    assert record(hall, OTHER, 0) == (0, "")


def test_without_comparing_a_recorded_number_the_debt_would_be_nobodys(
    hall: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(gaps, "_compare_number", lambda *_: ())
    record(hall, "TS23000000", 0)
    assert record(hall, "TS2300000O", 1200)[0] == 0
    assert owed(hall, "TS23000000") == 0


def test_a_letter_for_a_digit_where_nobody_has_either_is_warned_of(hall: Installation) -> None:
    code, _, err = import_debts(hall, "TS2300000O,1200")
    assert code == 0
    assert "warning: row 2: TS2300000O is nobody's here and has letters among its digits" in err
    assert "1 number(s) of the file are not known here" in err


def test_who_signed_in_once_is_known(hall: Installation) -> None:
    with sqlite3.connect(hall.folder / "lixiao.sqlite3") as connection:
        connection.execute(
            "INSERT INTO consents (mini_app, student_number, version, given_at) VALUES ('m', ?, '1', '2026-06-09 00:00:00')",
            (OTHER,),
        )
    assert "not known here" not in import_debts(hall, f"{OTHER},1")[2]
    assert "(rows 3)" in import_debts(hall, f"{OTHER},1", f"{DEBTOR},1")[2]


# --- what a clerk and an operator are told


def test_doctor_tells_of_a_desk_that_cannot_answer(hall: Installation) -> None:
    told = hall.flask("doctor").stdout
    assert "its list is not declared complete" in told
    import_debts(hall, f'{DEBTOR},"1,200.00"', f"{OTHER},1", options=("--complete", *skip(1)))
    told = hall.flask("doctor").stdout
    assert "its list is not declared complete" not in told
    assert "1 student(s) unknown by rows that could not be read" in told


def test_doctor_makes_no_database_by_looking_at_desks(hall: Installation) -> None:
    path = hall.folder / "none.sqlite3"
    elsewhere = Installation(hall.folder, {**hall.environment, "LIXIAO_DATABASE__URL": f"sqlite:///{path}"})
    assert "there is no database yet" in elsewhere.flask("doctor").stdout
    assert not path.exists()


def test_a_dry_run_of_a_skipping_import_tells_who_would_be_unknown(hall: Installation) -> None:
    options = ("--dry-run", "--skip-refused")
    code, out, err = import_debts(hall, f'{DEBTOR},"1,200.00"', "合计,1", options=options)
    assert code == 1
    assert f"unknown until a later row or entry: {DEBTOR}" in out
    assert "about anybody: rows 3" in out
    assert "--skip-refused --confirm 2" in err
    assert list_events(hall) == []


def test_a_sheet_can_be_named(hall: Installation) -> None:
    book = Workbook()
    book.active.title = "欠费"
    book.active.append(HEADING.split(","))
    book.active.append([OTHER, 12.5])
    old = book.create_sheet("去年")
    old.append(HEADING.split(","))
    old.append([OTHER, 1])
    old.sheet_state = "hidden"
    path = hall.folder / "欠费.xlsx"
    book.save(path)
    done = run_import(hall, str(path), desk="debts")
    assert done.returncode == 1
    assert "several sheets hold something: 欠费、去年 (hidden)" in done.stderr
    assert run_import(hall, str(path), "--sheet", "欠费", desk="debts").returncode == 0
    assert owed(hall, OTHER) == Decimal("12.50")


def test_gaps_are_kept_on_postgresql_alike(tmp_path: Path) -> None:
    with running_postgres() as server:
        folder = tmp_path / "hall"
        folder.mkdir()
        made = make_installation(folder)
        url = server.owner.url.render_as_string(hide_password=False)
        hall = Installation(folder, {**made.environment, "LIXIAO_DATABASE__URL": url})
        assert hall.flask("db", "upgrade").returncode == 0
        assert fault_of(answer(hall, ABSENT)) == FailureCode.NOT_COMPLETE
        import_debts(hall, f"{DEBTOR},0", f"{OTHER},0", options=("--complete",))
        assert owed(hall, ABSENT) is None
        assert import_debts(hall, f"{OTHER},x", "合计,1", options=skip(2))[0] == 3
        for number, fault in (
            (OTHER, FailureCode.REFUSED_ROW),
            (DEBTOR, FailureCode.REFUSED_ROW),
            (ABSENT, FailureCode.NOT_COMPLETE),
        ):
            assert fault_of(answer(hall, number)) == fault
        assert import_debts(hall, f"{OTHER},3", options=("--complete",))[0] == 0
        assert (owed(hall, OTHER), owed(hall, DEBTOR), owed(hall, ABSENT)) == (3, 0, None)
