"""Departments that a file describes: the example of the documents, and one that answers XML."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.campus.client import PROJECT, CampusClient, running_campus
from tests.campus.described import DescriptionError, read_departments
from tests.campus.run import make_environment

TITLE = "## Departments of the pretend campus"
XML = """
[gym]
title = "体育部"
method = "POST"
number_in = "xml"
number_name = "sno"
credential_in = "xml"
credential_name = "key"
credential = "demo-gym-key"
format = "xml"
known_as = { TS23000002 = ["60010002", "60000002"], TS23000003 = ["60010003"] }
answer = '<r><code>0</code><sno>{number}</sno><items>{records}</items></r>'
record = '<i no="{number}"><locker>{locker}</locker><lent>{lent}</lent></i>'
error = '<r><code>500</code></r>'

[gym.facts]
locker = { label = "储物柜", choices = ["未退", "已退"], usual = "已退" }
lent = { label = "未还器材", kind = "count" }

[gym.students.TS23000003]
lent = 2
"""


def read_example() -> str:
    """The file that the documents show."""
    section = (PROJECT / "config" / "DEPARTMENTS.md").read_text(encoding="utf-8").split(TITLE)[1]
    found = re.search(r"```toml\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("departments")
    (made / "union.toml").write_text(read_example(), encoding="utf-8")
    (made / "gym.toml").write_text(XML, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[CampusClient]:
    with running_campus(0, "--departments", str(folder)) as started:
        yield started


@pytest.fixture
def campus(running: CampusClient) -> CampusClient:
    running.reset()
    return running


def ask_union(campus: CampusClient, number: str, key: str = "demo-union-key") -> requests.Response:
    address = f"{campus.url}/systems/union/members/{number}"
    return requests.get(address, headers={"X-Union-Key": key}, timeout=30)


def ask_gym(campus: CampusClient, number: str) -> str:
    body = f"<s:q xmlns:s='urn:q'><s:key>demo-gym-key</s:key><s:sno>{number}</s:sno></s:q>"
    answer = requests.post(f"{campus.url}/systems/gym", data=body, timeout=30)
    assert answer.headers["Content-Type"] == "text/xml; charset=utf-8"
    return answer.text


def make_union(number: str, **record: Any) -> dict[str, Any]:
    usual = {"gh": number, "state": "9", "dues": 0, "left_on": "2026-06-02"}
    return {"code": 0, "gh": number, "total": 1, "list": [usual | record]}


def test_it_answers_what_the_file_holds_of_each_student(campus: CampusClient) -> None:
    assert ask_union(campus, "TS23000002").json() == make_union("TS23000002")
    assert ask_union(campus, "TS23000003").json() == make_union("TS23000003", state="1", dues=3000)
    nobody = {"code": 0, "gh": "TS23000007", "total": 0, "list": []}
    assert ask_union(campus, "TS23000007").json() == nobody


def test_it_refuses_another_credential(campus: CampusClient) -> None:
    assert ask_union(campus, "TS23000002", "wrong").status_code == 401


def test_it_is_changed_and_counted_by_control_and_shown_in_front(campus: CampusClient) -> None:
    campus.set_facts("TS23000002", "union", dues="1.50")
    assert ask_union(campus, "TS23000002").json() == make_union("TS23000002", dues=150)
    with pytest.raises(ValueError, match="dues: expected yuan"):
        campus.set_facts("TS23000002", "union", dues="much")
    assert [call["student"] for call in campus.calls("union")] == ["TS23000002"]
    page = requests.get(campus.url, timeout=30).text
    assert "校工会" in page
    assert "会员状态 已退会 · 欠会费（元） 1.50 · 退会日期 2026-06-02" in page


@pytest.mark.parametrize(
    ("fault", "wanted"),
    [
        ("error_envelope", {"code": 500, "gh": "TS23000009", "total": 0, "list": []}),
        ("null_data", {"code": 0, "gh": "TS23000009", "total": 0, "list": None}),
        ("missing_fields", {"code": 0, "gh": "TS23000009", "total": 1, "list": [{"gh": "TS23000009"}]}),
        ("wrong_student", make_union("TS23000002")),
        ("unknown_value", make_union("TS23000009", state="待核（不明）")),
    ],
)
def test_its_faults_are_near_to_a_cleared_answer(
    campus: CampusClient, fault: str, wanted: dict[str, Any]
) -> None:
    campus.set_fault("union", fault)
    assert ask_union(campus, "TS23000009").json() == wanted


def test_its_other_faults_are_those_of_every_department(campus: CampusClient) -> None:
    cleared = ask_union(campus, "TS23000009").text
    texts = {}
    for fault in ("bad_json", "empty", "nan", "duplicate_keys", "two_students", "html_login"):
        campus.set_fault("union", fault)
        texts[fault] = ask_union(campus, "TS23000009").text
    assert (texts["bad_json"], texts["empty"]) == (cleared[:-1], "")
    assert '"dues": NaN' in texts["nan"]
    assert '"state":"待核（不明）","state": "9"' in texts["duplicate_keys"]
    assert texts["two_students"].count('"gh"') == 3
    assert texts["html_login"].startswith("<!doctype html>")
    for fault, status in {"http_500": 500, "http_401": 401, "redirect": 302}.items():
        campus.set_fault("union", fault)
        address = f"{campus.url}/systems/union/members/TS23000009"
        headers = {"X-Union-Key": "demo-union-key"}
        assert requests.get(address, headers=headers, timeout=30, allow_redirects=False).status_code == status


def test_one_that_answers_xml_knows_students_by_numbers_of_its_own(campus: CampusClient) -> None:
    held = "<r><code>0</code><sno>{0}</sno><items>{1}</items></r>"
    record = '<i no="{0}"><locker>已退</locker><lent>{1}</lent></i>'
    assert ask_gym(campus, "60010003") == held.format("60010003", record.format("60010003", 2))
    assert ask_gym(campus, "60000002") == held.format("60000002", record.format("60000002", 0))
    assert ask_gym(campus, "TS23000003") == held.format("TS23000003", "")
    campus.set_fault("gym", "missing_fields")
    assert ask_gym(campus, "60000002") == held.format("60000002", '<i no="60000002"></i>')
    campus.set_fault("gym", "null_data")
    assert ask_gym(campus, "60000002") == "<r><code>0</code><sno>60000002</sno></r>"
    campus.set_fault("gym", "duplicate_keys")
    assert "<locker>待核（不明）</locker><locker>已退</locker>" in ask_gym(campus, "60000002")
    campus.set_fault("gym", "huge")
    assert len(ask_gym(campus, "60000002")) > 8_000_000


def test_the_demo_knows_its_address_and_credential(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[connectors.union]\nkind = "http_json"\n', encoding="utf-8")
    made = make_environment(tmp_path / "data", 1, "http://127.0.0.1:9", [config], [folder])
    assert made["LIXIAO_CONNECTORS__UNION__BASE_URL"] == "http://127.0.0.1:9"
    assert made["LIXIAO_CONNECTORS__UNION__CREDENTIAL"] == "demo-union-key"
    assert "LIXIAO_CONNECTORS__GYM__BASE_URL" not in made


@pytest.mark.parametrize(
    ("old", "new", "named"),
    [
        ('record = \'{"gh"', 'record = \'{"x": "{statte}", "gh"', "record has {statte}"),
        ('dues = "30.00"', 'dues = "30"', "TS23000003: dues: expected yuan"),
        ('method = "GET"', 'methods = "GET"', "union.methods: "),
        ("[union]", "[finance]", "finance is taken"),
        ("title =", "title", "cannot be read"),
    ],
)
def test_a_file_that_makes_no_sense_says_why(tmp_path: Path, old: str, new: str, named: str) -> None:
    path = tmp_path / "departments.toml"
    path.write_text(read_example().replace(old, new), encoding="utf-8")
    with pytest.raises(DescriptionError, match=re.escape(named)):
        read_departments([path])
    command = [sys.executable, "-m", "tests.campus", "--port", "0", "--departments", str(path)]
    done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=False)
    assert (done.returncode, named in done.stderr) == (2, True)


def test_each_mistake_of_all_files_has_a_line_of_its_own(tmp_path: Path) -> None:
    example = read_example()
    texts = {
        "a.toml": example.replace('method = "GET"', 'method = "PUT"').replace("title", "titel"),
        "b.toml": example.replace("union", "gym")
        .replace('"30.00"\n', '"30"\nstatte = "1"\n')
        .replace("record = '{", "record = '{{statte}"),
        "c.toml": "title =",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DescriptionError) as refusal:
        read_departments([tmp_path])
    lines = [line.removeprefix("  - ") for line in str(refusal.value).splitlines() if line]
    begun = (
        "a.toml: union.title: ",
        "a.toml: union.method: ",
        "a.toml: union.titel: ",
        "b.toml: gym: record has {statte}",
        "b.toml: gym: TS23000003: statte: no such fact",
        "b.toml: gym: TS23000003: dues: expected yuan",
        "c.toml cannot be read: ",
    )
    assert [line.startswith(start) for line, start in zip(lines, begun, strict=True)] == [True] * len(begun)
