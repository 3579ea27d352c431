"""What signed-in guards and clerks get on a verdict's page, that it is logged, and what they are told when their session has
ended.
"""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest
import requests

from app.domain.person import Person, Role
from app.extensions import db
from app.models import IssuedCode
from app.services.clock import get_now
from app.services.verification.full_views import LoggedView, list_views, record_view
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    CLERK,
    GUARD,
    IssuedSlip,
    end_sessions,
    issue_slip,
    open_office,
    sign_in_staff,
    unreadable_log,
    unwritable_views,
)
from tests.fixtures.office import Office
from tests.programs import run_flask
from tests.visitor import get_verdict


@pytest.fixture
def slip(service: Service, fresh_student: str) -> IssuedSlip:
    """A slip that was just issued."""
    return issue_slip(service, fresh_student)


def list_viewers(service: Service, slip: IssuedSlip) -> list[tuple[str, Role]]:
    """Who was shown all of the slip, and in which role."""
    with open_office(service):
        return [(view.viewer_number, view.role) for view in list_views(slip_number=slip.number)]


def test_who_sees_all_of_a_slip_is_logged_by_number_once_a_minute(service: Service, slip: IssuedSlip) -> None:
    guard, clerk = sign_in_staff(service, GUARD), sign_in_staff(service, CLERK)
    for visitor in (guard, guard, clerk):
        page = visitor.get(slip.url)
        assert "data-full" in page.text
        assert "已按您的工号记录" in page.text
    assert list_viewers(service, slip) == [(GUARD, Role.GUARD), (CLERK, Role.CLERK)]


@pytest.mark.parametrize("way", ["typed", "file", "compared"])
def test_every_way_to_all_of_a_slip_is_logged(service: Service, slip: IssuedSlip, way: str) -> None:
    guard = sign_in_staff(service, GUARD)
    if way == "compared":
        answer = guard.http.post(slip.url, data={"name": "某"}, timeout=30)
    elif way == "typed":
        answer = guard.http.post(f"{service.url}/verify", data={"code": slip.short_code}, timeout=30)
    else:
        holder = service.visit()
        holder.sign_in(slip.student_number)
        file = holder.get(f"/slips/{slip.number}.png").content
        answer = guard.http.post(f"{service.url}/verify", files={"file": file}, timeout=30)
    assert "data-full" in answer.text
    assert list_viewers(service, slip) == [(GUARD, Role.GUARD)]


def test_who_sees_what_a_stranger_sees_is_not_logged(service: Service, slip: IssuedSlip) -> None:
    requests.get(slip.url, timeout=30)
    for viewer in ("TS23000002", "00420013"):
        sign_in_staff(service, viewer).get(slip.url)
    sign_in_staff(service, GUARD).http.get(slip.url, headers={"Accept": "application/json"}, timeout=30)
    assert list_viewers(service, slip) == []


def test_what_cannot_be_logged_is_not_shown(service: Service, slip: IssuedSlip) -> None:
    guard = sign_in_staff(service, GUARD)
    with unwritable_views(service):
        page = guard.get(slip.url)
    assert (page.status_code, get_verdict(page)) == (200, "valid")
    assert "data-unlogged" in page.text
    assert slip.student_number not in page.text
    assert slip.name not in page.text
    again = guard.get(slip.url)
    assert slip.student_number in again.text
    assert "data-unlogged" not in again.text


def test_no_number_of_a_viewer_or_student_stands_in_the_service_s_log(
    service: Service, slip: IssuedSlip
) -> None:
    sign_in_staff(service, GUARD).get(slip.url)
    with unwritable_views(service):
        sign_in_staff(service, CLERK).get(slip.url)
    text = service.log.read_text(encoding="utf-8")
    assert "a full view could not be logged" in text
    for secret in (GUARD, CLERK, slip.student_number, slip.name, slip.digits):
        assert secret not in text


def test_auditors_list_views_by_slip_person_and_day(
    service: Service, slip: IssuedSlip, fresh_student: str
) -> None:
    other = issue_slip(service, f"TS97{fresh_student[-6:]}")
    for viewer in (GUARD, CLERK):
        sign_in_staff(service, viewer).get(slip.url)
    sign_in_staff(service, GUARD).get(other.url)

    def list_lines(*words: str) -> list[str]:
        done = run_flask(service.environment, "audit", "views", *words)
        assert done.code == 0, done.err
        return done.out.splitlines()

    of_slip = list_lines("--slip", slip.number)
    assert [line.split()[2:] for line in of_slip] == [
        [GUARD, "guard", slip.number],
        [CLERK, "clerk", slip.number],
    ]
    assert all(re.match(r"20\d\d-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in of_slip)
    of_person = [line.split()[-1] for line in list_lines("--person", GUARD)]
    assert of_person[-2:] == [slip.number, other.number]
    assert {*of_slip} <= {*list_lines("--since", "2020-01-01")}
    assert list_lines("--since", "2999-01-01") == []
    assert list_lines("--slip", slip.number, "--person", CLERK) == of_slip[1:]


def get_slip_id(office: Office, number: str) -> int:
    """The slip's row."""
    return office.get_codes(number)[-1].slip_id


def test_a_view_is_one_line_a_minute_for_each_person_and_slip(office: Office) -> None:
    first, second = (get_slip_id(office, office.issue()) for _ in range(2))
    guard, clerk = Person("00420016", "门卫", Role.GUARD), Person("00420014", "职员", Role.CLERK)
    start = get_now()
    for seconds, person, slip_id in (
        (0, guard, first), (59, guard, first), (59, guard, second), (59, clerk, first), (60, guard, first),
    ):  # fmt: skip
        record_view(person, slip_id, start + timedelta(seconds=seconds))
    found = [(view.viewer_number, view.slip_number) for view in list_views()]
    one, two = (
        db.session.query(IssuedCode).filter_by(slip_id=row).one().slip.number for row in (first, second)
    )
    assert sorted(found) == sorted(
        [("00420016", one), ("00420016", two), ("00420014", one), ("00420016", one)]
    )
    assert [view.viewed_at for view in list_views(since=start + timedelta(seconds=60))] == [
        start + timedelta(seconds=60)
    ]
    assert isinstance(next(iter(list_views())), LoggedView)


def test_after_the_session_a_guard_is_led_back_to_the_same_slip(service: Service, slip: IssuedSlip) -> None:
    guard = sign_in_staff(service, GUARD)
    assert "data-session-over" not in guard.get(slip.url).text
    end_sessions(service, GUARD)
    page = guard.get(slip.url)
    assert slip.student_number not in page.text
    door = re.search(r'data-session-over>([^<]+)<a href="([^"]+)">登录后回到这张离校单</a>', page.text)
    assert door
    assert "登录已经结束" in door[1]
    back = guard.get(unescape(door[2]))  # the campus knows the browser still
    assert (back.status_code, back.url) == (200, slip.url)
    assert slip.student_number in back.text
    assert "data-session-over" not in back.text


def test_a_stranger_s_door_leads_to_the_same_slip_with_all_fields(service: Service, slip: IssuedSlip) -> None:
    visitor = service.visit()
    page = visitor.get(slip.url)
    assert "data-session-over" not in page.text
    door = re.search(r'<p class="help staff"><a href="([^"]+)">', page.text)
    assert door
    assert len(door[1]) > 250
    back = visitor.arrive(GUARD, unescape(door[1]))
    assert back.url == slip.url
    assert slip.student_number in back.text


def test_a_typed_code_leads_back_to_its_slip_as_well(service: Service, slip: IssuedSlip) -> None:
    guard = sign_in_staff(service, GUARD)
    end_sessions(service, GUARD)
    page = guard.http.post(f"{service.url}/verify", data={"code": slip.short_code}, timeout=30)
    assert f'/sign-in?next=/v/{slip.digits}">登录后回到这张离校单</a>' in page.text


def test_while_the_database_is_silent_no_session_is_said_to_be_over(
    service: Service, slip: IssuedSlip
) -> None:
    guard = sign_in_staff(service, GUARD)
    with unreadable_log(service):
        page = guard.get(slip.url)
    assert get_verdict(page) == "status_unknown"
    assert "data-session-over" not in page.text


@pytest.mark.parametrize(
    ("viewer", "came_from", "leads_to"),
    [
        (GUARD, "", "/gate"),
        (GUARD, "/gate", "/gate"),
        (GUARD, "/verify", "/verify"),
        (CLERK, "", "/verify"),
        (CLERK, "/gate", "/gate"),
        (CLERK, "https://evil.example/else", "/verify"),
    ],
)
def test_staff_see_who_they_are_and_go_on_scanning_where_they_came_from(
    service: Service, slip: IssuedSlip, viewer: str, came_from: str, leads_to: str
) -> None:
    visitor = sign_in_staff(service, viewer)
    referrer = service.url + came_from if came_from.startswith("/") else came_from
    page = visitor.http.get(slip.url, headers={"Referer": referrer} if referrer else {}, timeout=30).text
    buttons = re.findall(r'<a class="button[^"]*" href="([^"]+)"', page)
    assert buttons[0] == leads_to
    assert f'href="{leads_to}" data-scan>继续扫描</a>' in page
    assert "data-account" in page
    assert ">退出</button>" in page


def test_a_guard_who_typed_a_code_goes_on_typing(service: Service, slip: IssuedSlip) -> None:
    guard = sign_in_staff(service, GUARD)
    page = guard.http.post(f"{service.url}/verify", data={"code": slip.short_code}, timeout=30).text
    assert 'href="/verify" data-scan' in page


def test_the_privacy_notice_says_that_views_are_recorded_and_how_long(service: Service) -> None:
    page = requests.get(f"{service.url}/graduate-departure/privacy", timeout=30).text
    assert "谁在什么时候看过哪一张，都有记录" in page
    assert "离校单查看记录 365 天" in page


def test_the_privacy_notice_says_what_staff_see_and_that_each_look_is_recorded(service: Service) -> None:
    page = requests.get(f"{service.url}/graduate-departure/privacy", timeout=30).text
    assert "每查看一位学生，都按人、按天记录在案" in page
    assert "系统管理员</b>看不到学生信息" in page
    assert "学生查看记录 365 天" in page
