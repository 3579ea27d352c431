"""Who may not submit is told the truth: whom the service is for, whether its days have begun or are over, and whom to ask."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.names import UNPRINTABLE
from tests.fixtures.signed_in import tell_of
from tests.running import running_service
from tests.visitor import APP, Visitor

OPENS = "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__OPENS_ON"
CLOSES = "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__CLOSES_ON"
PAST = {OPENS: "2020-06-01", CLOSES: "2020-07-10"}
FUTURE = {OPENS: "2098-06-01", CLOSES: "2098-07-10"}
SUPPORT = "313963892"
SUBMIT = f'href="{APP}/submission"'
HOLDER = "TS97777771"
OTHER = "TS97777772"
JSON = {"Accept": "application/json"}


def sign_in_as(service: Service, number: str, **told: str) -> Visitor:
    """A browser whose sign-in told this of the student."""
    visitor = service.visit()
    visitor.sign_in(number)
    tell_of(service.environment, number, **told)
    return visitor


@pytest.mark.parametrize(
    ("told", "reason", "message"),
    [
        ({"level": ""}, "level_missing", ("没有提供您的培养层次", "不表示您不能毕业", "技术支持")),
        ({"level": "硕士研究生"}, "other_level", ("您的培养层次“硕士研究生”不在", "硕士、博士")),
        ({"graduation_period": "2028-06"}, "other_period", ("您的毕业批次“2028-06”不是",)),
        ({"graduation_period": ""}, "period_missing", ("没有提供您的毕业批次", "技术支持")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_student_who_may_not_clear_here_is_told_why_with_a_code_that_the_log_has(
    service: Service, fresh_student: str, told: dict[str, str], reason: str, message: tuple[str, ...]
) -> None:
    visitor = sign_in_as(service, fresh_student, **told)
    answer = visitor.get(f"{APP}/clearance")
    assert answer.status_code == 403
    assert 'data-error="NotGraduating"' in answer.text
    for words in (*message, SUPPORT, f'<dd class="number">{reason}</dd>'):
        assert words in answer.text, words
    assert "您不在本批次离校名单中" not in answer.text
    assert visitor.get(f"{APP}/clearance", headers=JSON).json()["reason"] == reason
    lines = service.log.read_text("utf-8").splitlines()
    (line,) = [line for line in lines if answer.headers["X-Request-ID"] in line]
    assert json.loads(line)["reason"] == reason


def test_a_period_or_level_that_differs_in_width_or_spaces_is_the_same(
    service: Service, fresh_student: str
) -> None:
    period = json.loads(_read_person(service, fresh_student))["graduation_period"]
    wide = "".join(chr(ord(sign) + 0xFEE0) for sign in period)
    visitor = sign_in_as(service, fresh_student, graduation_period=f"{wide[:4]} {wide[4:]}", level="硕 士")
    assert visitor.get(f"{APP}/clearance").status_code == 200


def _read_person(service: Service, number: str) -> str:
    service.visit().sign_in(number)
    with closing(sqlite3.connect(service.data_dir / "lixiao.sqlite3", timeout=30)) as database:
        query = "SELECT json_extract(data, '$.person') FROM browser_sessions WHERE person_number = ?"
        person: str = database.execute(query, (number,)).fetchone()[0]
    return person


def test_who_has_a_slip_and_may_not_clear_any_more_is_led_to_it(service: Service, fresh_student: str) -> None:
    visitor = service.visit()
    visitor.sign_in(fresh_student)
    visitor.submit()
    later = sign_in_as(service, fresh_student, graduation_period="2028-06")
    answer = later.get(f"{APP}/clearance")
    assert answer.status_code == 403
    assert 'href="/completed">已完成事项（本人的离校单）' in answer.text


def test_a_page_that_is_not_there_leads_who_is_signed_in_to_the_own_slips(
    service: Service, fresh_student: str
) -> None:
    visitor = service.visit()
    link = 'href="/completed">已完成事项'
    assert link not in visitor.get("/nowhere").text.partition("<main")[2]
    visitor.sign_in(fresh_student)
    for path in ("/nowhere", "/slips/LX260000000000000"):
        answer = visitor.get(path)
        assert answer.status_code == 404
        assert link in answer.text.partition("<main")[2], path


def test_a_name_that_cannot_be_printed_takes_the_way_to_submit_and_says_why(
    service: Service, fresh_student: str
) -> None:
    visitor = service.visit()
    assert SUBMIT in visitor.sign_in(fresh_student).text, "control"
    bar = sign_in_as(service, fresh_student, name=next(iter(UNPRINTABLE))).get(f"{APP}/clearance?wait=1")
    message = bar.text.partition('<div class="bar"')[2]
    assert SUBMIT not in bar.text
    assert "有暂时无法打印的字，现在不能提交" in message
    assert 'href="#unprintable"' in message


@pytest.fixture(scope="module")
def over(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose days are over, at which one student submitted in time."""
    folder = tmp_path_factory.mktemp("over")
    with running_service(campus, folder) as service:
        holder = service.visit()
        holder.sign_in(HOLDER)
        assert holder.submit().status_code == 303
    with running_service(campus, folder, PAST) as service:
        yield service


@pytest.fixture(scope="module")
def not_yet(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose days have not begun."""
    with running_service(campus, tmp_path_factory.mktemp("not_yet"), FUTURE) as service:
        yield service


@pytest.mark.parametrize(
    ("name", "chinese", "english"),
    [
        (
            "over",
            ("办理已截止", "已于2020年7月10日截止", SUPPORT),
            ("Submissions are closed", "10 Jul 2020"),
        ),
        ("not_yet", ("还没有开始办理", "2098年6月1日起可以提交"), ("have not opened yet", "1 Jun 2098")),
    ],
)
def test_outside_its_days_guide_clearance_and_refusal_say_which_it_is(
    request: pytest.FixtureRequest, name: str, chinese: tuple[str, ...], english: tuple[str, ...]
) -> None:
    service: Service = request.getfixturevalue(name)
    visitor = service.visit()
    visitor.sign_in(OTHER)
    for path, status in ((f"{APP}/", 200), (f"{APP}/clearance?wait=1", 200), (f"{APP}/submission", 403)):
        answer = visitor.get(path)
        assert answer.status_code == status
        marks = [f'data-window="{name}"'] if status == 200 else ['data-error="OutsidePeriod"', name]
        for words in (*chinese, *marks):
            assert words in answer.text, (path, words)
        assert SUBMIT not in answer.text
        assert "到办理时间再提交" not in answer.text
        told = visitor.get(path, headers={"Accept-Language": "en"}).text
        assert all(words in told for words in english), path
    posted = visitor.post(f"{APP}/submission", visitor.get(f"{APP}/privacy"))
    assert (posted.status_code, chinese[0] in posted.text) == (403, True)


def test_who_submitted_in_time_sees_the_slip_as_ever(over: Service) -> None:
    holder = over.visit()
    page = holder.sign_in(HOLDER)
    assert "查看离校单" in page.text
    assert "data-window" not in page.text
    assert "/slips/LX" in holder.get(f"{APP}/submission").url
