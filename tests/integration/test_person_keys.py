"""A student whose department knows people by card number: from the sign-in to the slip, and nowhere else."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.client import running_campus
from tests.campus.run import DATABASE
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import APP, list_statuses

STUDENT, CARD = "TS23000002", "83000002"
WITHOUT_CARD = "TS90000001"
DEPARTMENT = """
[card_archive]
title = "档案馆（按卡号）"
path = "/{card}"
method = "GET"
number_in = "path"
number_name = "card"
credential_in = "none"
known_as = { TS23000002 = ["83000002"], TS23000005 = ["83000005"], TS00000001 = ["80000001"], TS00000002 = ["80000002"] }
answer = '{"code": 0, "card": "{number}", "items": "{records}"}'
record = '{"state": "{state}", "day": "{day}"}'
error = '{"code": 5}'

[card_archive.facts]
state = { label = "状态", choices = ["", "已审核"], usual = "已审核" }
day = { label = "日期", kind = "day", usual = "2026-06-05" }

[card_archive.students]
TS23000005 = { state = "" }
TS00000002 = { state = "" }
"""
CONFIG = """
[person_keys.card_number]
label = "一卡通号"
contact = "校园卡中心（图书馆一楼）"
pattern = "[0-9]{8}"
canaries = { TS00000001 = "80000001", TS00000002 = "80000002" }

[sign_in.campus.keys]
card_number = "card_number"

[english]
"一卡通号" = "campus card number"
"校园卡中心（图书馆一楼）" = "the card centre"

[mini_apps.graduate_departure.steps]
archive = "card_archive"

[connectors.card_archive]
kind = "http_json"
asked_by = "card_number"
path = "/systems/card_archive/{student_number}"
method = "GET"
number_in = "path"
credential_in = "none"
success = { code = 0 }
echo = "card"
rows_path = "items"
rows = "one"
no_record = "never"

[connectors.card_archive.fields]
state = { path = "state", type = "text", known = ["已提交", "已审核"], empty = true }
reviewed_on = { path = "day", type = "day", empty = true }
"""


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("keys")
    departments, config = folder / "departments.toml", folder / "config.toml"
    departments.write_text(DEPARTMENT, encoding="utf-8")
    config.write_text(CONFIG, encoding="utf-8")
    with (
        running_campus(0, "--departments", str(departments)) as campus,
        running_service(campus, folder / "data", configs=[config], departments=[departments]) as running,
    ):
        yield running


def read_database(service: Service) -> str:
    """All that the database holds, as text."""
    with sqlite3.connect(service.data_dir / DATABASE) as connection:
        text = "\n".join(connection.iterdump())
    connection.close()
    return text


def list_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".key"]


def test_the_department_is_asked_by_the_card_and_the_key_is_stored_nowhere(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in(STUDENT, f"{APP}/clearance?wait=1")
    assert list_statuses(page)["archive"] == "cleared", page.text
    answer = visitor.submit()
    assert answer.headers["Location"].startswith("/slips/"), answer.text
    asked = {call["student"] for call in service.campus.calls("card_archive")}
    assert asked == {CARD, "80000001", "80000002"}
    for path in ("", ".pdf"):
        assert CARD.encode() not in visitor.get(answer.headers["Location"] + path).content
    assert CARD not in page.text
    stored = read_database(service)
    assert STUDENT in stored
    assert "person_keys" in stored, "control: the session has it sealed"
    for text in (stored, service.log.read_text(encoding="utf-8"), service.visit().get("/metrics").text):
        assert CARD not in text
    for path in list_files(service.data_dir):
        assert CARD.encode() not in path.read_bytes(), path


def test_what_keeps_a_student_from_passing_is_shown_as_ever(service: Service) -> None:
    page = service.visit().sign_in("TS23000005", f"{APP}/clearance?wait=1")
    assert list_statuses(page)["archive"] == "outstanding"


def test_whose_key_is_not_known_is_told_what_is_missing_and_whom_to_ask(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in(WITHOUT_CARD, f"{APP}/clearance?wait=1")
    assert list_statuses(page)["archive"] == "unavailable"
    assert "学校没有提供您的一卡通号" in page.text
    assert "请联系校园卡中心（图书馆一楼）。" in page.text
    refused = visitor.submit()
    assert (refused.status_code, 'data-error="StepsOutstanding"' in refused.text) == (422, True)
    assert WITHOUT_CARD not in {call["student"] for call in service.campus.calls("card_archive")}
    assert '"fault": "no_key"' in service.log.read_text(encoding="utf-8")


def test_another_tab_of_the_same_student_asks_with_the_same_key(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in("TS23000005", f"{APP}/clearance?wait=1")
    again = visitor.post(f"{APP}/clearance/archive/refresh", page)
    assert again.status_code == 303
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1"))["archive"] == "outstanding"
