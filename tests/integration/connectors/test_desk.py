"""Departments without a system: importing, recording and reading what their clerks keep, by the real commands."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

from app.connectors.base import Connector, FailureCode
from app.domain.clearance import DepartmentUnavailable, Reading
from app.services.desk.desk import open_desk_book
from app.services.row_keys import RowKeyStore
from app.settings import DatabaseSettings, load_settings
from tests.campus.client import running_campus
from tests.campus.run import PROJECT
from tests.integration.connectors.desks import (
    CLERK,
    HEADINGS,
    Installation,
    ask,
    connect,
    fault_of,
    list_entries,
    list_events,
    make_csv,
    make_installation,
    run_import,
)
from tests.integration.connectors.sql_views import running_postgres
from tests.running import running_service
from tests.visitor import APP, Visitor, list_statuses

GOOD = "TS23000001,已审核,12.50,0,2026/6/9,是"
OTHER = "TS23000002,在办,0,2,,否"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_an_imported_row_is_the_departments_answer(hall: Installation, encoding: str) -> None:
    done = run_import(hall, hall.write("名单.csv", make_csv(GOOD, OTHER), encoding))
    assert (done.returncode, done.stdout) == (0, "2 new, 0 changed, 0 as before, 0 refused\nrecorded\n")
    answer = ask(connect(hall))
    assert isinstance(answer, Reading)
    (record,) = answer.records
    recorded_at = record["recorded_at"]
    assert isinstance(recorded_at, str)
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d", recorded_at)
    assert {**record, "recorded_at": None} == {
        "state": "已审核",
        "owed": Decimal("12.50"),
        "books": 0,
        "done_on": date(2026, 6, 9),
        "lives_in": True,
        "recorded_by": CLERK,
        "recorded_at": None,
    }


def test_the_command_shows_its_progress_beside_its_report(hall: Installation) -> None:
    path = hall.write("a.csv", make_csv(GOOD, OTHER))
    done = hall.run_flask("desk", "import", "hall", path, "--by", CLERK)
    assert (done.returncode, done.stdout) == (0, "2 new, 0 changed, 0 as before, 0 refused\nrecorded\n")
    assert "rows" in done.stderr


def test_a_spreadsheet_is_imported_and_its_formulas_are_refused(hall: Installation) -> None:
    book = Workbook()
    book.active.append(list(HEADINGS))
    book.active.append(["TS23000001", "已审核", 12.5, 0, date(2026, 6, 9), True])
    book.active.append(["TS23000002", '=IF(1=1,"已审核","")', 0, 0, None, False])
    book.active.append([23000003, "已审核", 0, 0, None, False])
    path = hall.folder / "名单.xlsx"
    book.save(path)
    done = run_import(hall, str(path))
    assert done.returncode == 1
    assert "row 3, 状态: is a formula" in done.stderr
    assert "row 4, 学号: is a number, not a text" in done.stderr
    assert list_entries(hall) == []
    assert run_import(hall, str(path), "--skip-refused", "--confirm", "2").returncode == 3
    assert [entry[0] for entry in list_entries(hall)] == ["TS23000001"]


def test_one_refused_row_keeps_all_rows_out_and_every_fault_is_told(hall: Installation) -> None:
    rows = (
        GOOD,
        "TS23000002,差不多,-1,x,2026-02-30,也许",
        "TS 3,已审核,0,0,,是",
        "TS23000004,,0,0,,是",
        "TS23000004,已审核,0,0,,是",
    )
    done = run_import(hall, hall.write("a.csv", make_csv(*rows)))
    assert done.returncode == 1
    assert done.stdout == "1 new, 0 changed, 0 as before, 4 refused\nnothing is recorded\n"
    told = [line.partition(": ")[0] for line in done.stderr.splitlines() if line.startswith("row ")]
    assert told == [
        *(f"row 3, {heading}" for heading in ("状态", "欠费", "欠书", "日期", "住宿")),
        "row 4, 学号",
        "row 5, 状态",
        "row 5, 学号",
        "row 6, 学号",
    ]
    assert "is none of 在办、已审核" in done.stderr
    assert (list_entries(hall), list_events(hall)) == ([], [])


def test_two_rows_about_one_student_are_both_refused_even_when_good_rows_are_taken(
    hall: Installation,
) -> None:
    rows = (GOOD, OTHER, GOOD.replace("已审核", "在办"))
    done = run_import(hall, hall.write("a.csv", make_csv(*rows)), "--skip-refused", "--confirm", "2")
    assert "row 2, 学号: stands in rows 2, 4" in done.stderr
    assert [entry[0] for entry in list_entries(hall)] == ["TS23000002"]


def test_a_dry_run_tells_the_same_and_records_nothing(hall: Installation) -> None:
    path = hall.write("a.csv", make_csv(GOOD, OTHER))
    done = run_import(hall, path, "--dry-run")
    assert (
        done.stdout == "2 new, 0 changed, 0 as before, 0 refused\nnothing is recorded: this was a dry run\n"
    )
    assert (list_entries(hall), list_events(hall)) == ([], [])


def test_importing_again_changes_only_what_changed_and_keeps_who_recorded_the_rest(
    hall: Installation,
) -> None:
    run_import(hall, hall.write("a.csv", make_csv(GOOD, OTHER)))
    path = hall.write("b.csv", make_csv(GOOD, OTHER.replace("在办", "已审核")))
    done = hall.flask("desk", "import", "hall", path, "--by", "00420015")
    assert done.stdout.startswith("0 new, 1 changed, 1 as before, 0 refused")
    assert [entry[2] for entry in list_entries(hall)] == [CLERK, "00420015"]


def test_an_import_is_audited_with_its_clerk_and_the_files_digest(hall: Installation) -> None:
    run_import(hall, hall.write("a.csv", make_csv(GOOD, OTHER)))
    *of_students, (kind, actor, subject, details) = list_events(hall)
    assert [event[:3] for event in of_students] == [
        ("desk_imported", CLERK, number) for number in ("TS23000001", "TS23000002")
    ]
    assert {event[3]["file_sha256"] for event in of_students} == {details["file_sha256"]}
    assert (kind, actor, subject) == ("desk_imported", CLERK, "hall")
    assert details["added"] == 2
    assert re.fullmatch(r"[0-9a-f]{64}", details["file_sha256"])
    assert hall.flask("audit", "verify").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("desk", "import", "nothing", "{csv}", "--by", CLERK), "no desk of this name"),
        (("desk", "import", "finance", "{csv}", "--by", CLERK), "no desk of this name"),
        (("desk", "import", "hall", "{csv}", "--by", "李 四"), "staff number"),
        (("desk", "import", "hall", "{short}", "--by", CLERK), "no column 欠费; no column 欠书"),
        (("desk", "import", "hall", "none.csv", "--by", CLERK), "cannot be read"),
        (("desk", "record", "hall", "TS1", "状态", "--by", CLERK), "HEADING=VALUE"),
        (("desk", "record", "hall", "TS1", "状态=已审核", "--by", CLERK), "欠费 is empty"),
        (("desk", "record", "hall", "TS1", "情况=好", "--by", CLERK), "情况 is no heading"),
    ],
)
def test_a_mistaken_command_says_what_is_wrong(
    hall: Installation, arguments: tuple[str, ...], message: str
) -> None:
    paths = {
        "{csv}": hall.write("a.csv", make_csv(GOOD)),
        "{short}": hall.write("b.csv", "学号,状态,日期,住宿\nTS23000001,已审核,,是\n"),
    }
    done = hall.flask(*(paths.get(argument, argument) for argument in arguments))
    assert done.returncode == 1
    assert message in done.stderr
    assert list_entries(hall) == []


def test_one_student_is_recorded_shown_and_audited_with_what_was_there_before(hall: Installation) -> None:
    cells = ["状态=在办", "欠费=3", "欠书=0", "日期=", "住宿=否"]
    done = hall.flask("desk", "record", "hall", "TS23000001", *cells, "--by", CLERK)
    assert done.returncode == 0, done.stderr
    cells[0] = "状态=已审核"
    hall.flask("desk", "record", "hall", "TS23000001", *cells, "--by", "00420015")
    shown = hall.flask("desk", "show", "hall", "TS23000001").stdout
    assert "state: 已审核\n" in shown
    assert "recorded_by: 00420015\n" in shown
    assert "nothing is recorded" in hall.flask("desk", "show", "hall", "TS23000009").stdout
    first, second = list_events(hall)
    assert (first[0], first[2], first[3]["before"]) == ("desk_recorded", "TS23000001", None)
    assert (second[3]["before"]["state"], second[3]["facts"]["state"]) == ("在办", "已审核")


def test_ten_thousand_rows_are_imported_at_once(hall: Installation) -> None:
    rows = (f"TS9{number:07d},已审核,0,0,2026-06-09,是" for number in range(10_000))
    done = run_import(hall, hall.write("a.csv", make_csv(*rows)))
    assert done.stdout.startswith("10000 new, 0 changed")
    assert hall.query("SELECT count(*) FROM desk_entries") == [(10_000,)]


# --- faults: never cleared, never outstanding


def keep(hall: Installation, facts: str, number: str = "TS23000001") -> None:
    """Put an entry into the table past every check."""
    with sqlite3.connect(hall.folder / "lixiao.sqlite3") as connection:
        connection.execute(
            "INSERT OR REPLACE INTO desk_entries VALUES ('hall', ?, ?, ?, '2026-06-09 00:00:00', NULL)",
            (number, facts, CLERK),
        )


FACTS = {"state": "已审核", "owed": "0", "books": "0", "done_on": None, "lives_in": True}


def test_a_missing_entry_means_what_is_configured(hall: Installation) -> None:
    assert fault_of(ask(connect(hall))) == FailureCode.NO_ENTRY
    assert fault_of(ask(connect(hall, no_record="empty"))) == FailureCode.NOT_COMPLETE
    assert hall.flask("desk", "complete", "hall", "--by", CLERK, "--entries", "0").returncode == 0
    answer = ask(connect(hall, no_record="empty"))
    assert isinstance(answer, Reading)
    assert answer.records == ()
    assert fault_of(ask(connect(hall))) == FailureCode.NO_ENTRY


@pytest.mark.usefixtures("all_authentic")
def test_a_whole_entry_is_read(hall: Installation) -> None:
    keep(hall, json.dumps(FACTS))
    assert isinstance(ask(connect(hall)), Reading)


@pytest.mark.usefixtures("all_authentic")
@pytest.mark.parametrize(
    "facts",
    [
        {"state": "已通过"},
        {"state": None},
        {"state": ["已审核"]},
        {"owed": None},
        {"owed": 0},
        {"owed": "-1"},
        {"owed": "NaN"},
        {"books": 0},
        {"books": ""},
        {"done_on": "2026-02-30"},
        {"lives_in": 1},
        {"lives_in": "是"},
        {"lives_in": None},
    ],
)
@pytest.mark.parametrize("no_record", ["never", "empty"])
def test_an_entry_that_is_not_understood_makes_the_desk_unavailable(
    hall: Installation, facts: dict[str, Any], no_record: str
) -> None:
    keep(hall, json.dumps(FACTS | facts))
    assert isinstance(ask(connect(hall, no_record=no_record)), DepartmentUnavailable)


@pytest.mark.usefixtures("all_authentic")
@pytest.mark.parametrize("text", ["{}", "[]", "null", '"已审核"', '{"state": "已审核"}', "{", ""])
@pytest.mark.parametrize("no_record", ["never", "empty"])
def test_an_entry_without_its_facts_makes_the_desk_unavailable(
    hall: Installation, text: str, no_record: str
) -> None:
    keep(hall, text)
    assert isinstance(ask(connect(hall, no_record=no_record)), DepartmentUnavailable)


@pytest.mark.usefixtures("all_authentic")
def test_a_value_that_the_configuration_no_longer_knows_is_not_believed(hall: Installation) -> None:
    keep(hall, json.dumps(FACTS))
    fields = load_settings(hall.environment).connectors["hall"]["fields"]
    narrower = fields | {"state": fields["state"] | {"known": ["在办"]}}
    assert fault_of(ask(connect(hall, fields=narrower))) == FailureCode.UNKNOWN_VALUE


@pytest.mark.usefixtures("all_authentic")
def test_another_students_entry_is_never_found_by_letters_of_another_size(hall: Installation) -> None:
    keep(hall, json.dumps(FACTS))
    assert fault_of(ask(connect(hall), "ts23000001")) == FailureCode.NO_ENTRY


@pytest.mark.parametrize("no_record", ["never", "empty"])
def test_a_lost_table_or_database_is_not_an_empty_one(hall: Installation, no_record: str) -> None:
    with sqlite3.connect(hall.folder / "lixiao.sqlite3") as connection:
        connection.execute("DROP TABLE desk_entries")
    assert fault_of(ask(connect(hall, no_record=no_record))) == FailureCode.SERVER_ERROR
    shutil.rmtree(hall.folder)
    assert fault_of(ask(connect_elsewhere(hall, no_record))) == FailureCode.SERVER_ERROR


def connect_elsewhere(hall: Installation, no_record: str) -> Connector:
    """A connector whose database's folder is gone."""
    from app.connectors.desk import DeskConnector
    from tests.fixtures.connectors import read_config

    section = {"kind": "desk", "number_column": "学号", "no_record": no_record}
    section |= {"fields": {"state": {"path": "状态", "type": "text"}}}  # type: ignore[dict-item]
    url = f"sqlite:///{hall.folder}/lixiao.sqlite3"
    book = open_desk_book(DatabaseSettings(url=url), ZoneInfo("UTC"), RowKeyStore(None))
    return DeskConnector(read_config(section, "hall"), book)


def test_a_desk_works_on_postgresql_alike(tmp_path: Path) -> None:
    with running_postgres() as server:
        folder = tmp_path / "hall"
        folder.mkdir()
        made = make_installation(folder)
        url = server.owner.url.render_as_string(hide_password=False)
        hall = Installation(folder, {**made.environment, "LIXIAO_DATABASE__URL": url})
        assert hall.flask("db", "upgrade").returncode == 0
        for _ in range(2):
            done = run_import(hall, hall.write("a.csv", make_csv(GOOD, OTHER)))
            assert done.returncode == 0, done.stderr
        assert done.stdout.startswith("0 new, 0 changed, 2 as before")
        changed = run_import(hall, hall.write("b.csv", make_csv(GOOD.replace("已审核", "在办"))))
        assert changed.stdout.startswith("0 new, 1 changed")
        answer = ask(connect(hall))
        assert isinstance(answer, Reading)
        assert answer.records[0]["state"] == "在办"


# --- on the page


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Installation, Visitor]]:
    """A running service whose archive is a desk, shown with who recorded what and when."""
    folder = tmp_path_factory.mktemp("office")
    demo = "\n".join(
        (PROJECT / "config" / name).read_text("utf-8") for name in ("demo.toml", "demo_desk.toml")
    )
    (folder / "config.toml").write_text(demo, encoding="utf-8")
    mini_app = folder / "graduate_departure"
    shutil.copytree(PROJECT / "miniapp_templates" / "graduate_departure", mini_app)
    manifest = (mini_app / "manifest.toml").read_text("utf-8")
    shown = '[[steps.facts]]\nkey = "recorded_by"\nlabel = "登记人"\ntype = "text"\n\n'
    shown += '[[steps.facts]]\nkey = "recorded_at"\nlabel = "登记时间"\ntype = "text"\n\n'
    mark = '[steps.reasons.state]\nsays = "档案馆'
    assert mark in manifest
    (mini_app / "manifest.toml").write_text(manifest.replace(mark, shown + mark), encoding="utf-8")
    with (mini_app / "en.toml").open("a", encoding="utf-8") as english:
        english.write('\n"登记人" = "Recorded by"\n"登记时间" = "Recorded at"\n')
    with running_campus() as campus:
        changes = {
            "LIXIAO_CONFIG": str(folder / "config.toml"),
            "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__FOLDER": str(mini_app),
            "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__STEPS__ARCHIVE": "archive_desk",
        }
        with running_service(campus, folder, changes) as service:
            yield Installation(folder, service.environment), service.visit()


def test_a_desks_item_goes_from_unavailable_to_cleared_and_tells_who_recorded_it(
    office: tuple[Installation, Visitor],
) -> None:
    hall, visitor = office
    assert list_statuses(visitor.sign_in("TS23000002", f"{APP}/clearance?wait=1"))["archive"] == "unavailable"
    assert visitor.submit().status_code == 422
    for state, status in (("已提交", "pending"), ("已审核", "cleared")):
        path = hall.write("a.csv", f"学号,论文状态,审核日期\nTS23000002,{state},2026-06-05\n")
        assert hall.flask("desk", "import", "archive_desk", path, "--by", CLERK).returncode == 0
        page = visitor.get(f"{APP}/clearance?wait=1")
        assert list_statuses(page)["archive"] == status
    assert "登记人" in page.text
    assert CLERK in page.text
    path = hall.write("b.csv", "学号,论文状态,审核日期\nTS23000002,不知,2026-06-05\n")
    skipping = ("--by", CLERK, "--skip-refused", "--confirm", "1")
    assert hall.flask("desk", "import", "archive_desk", path, *skipping).returncode == 3
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1"))["archive"] == "unavailable"
    assert visitor.submit().status_code == 422
    cells = ("论文状态=已审核", "审核日期=2026-06-05")
    hall.flask("desk", "record", "archive_desk", "TS23000002", *cells, "--by", CLERK)
    assert visitor.submit().status_code == 303
