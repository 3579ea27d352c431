"""`/staff/grants`, as people use it: what each role sees, gives, extends and ends, and what holds at the next request."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape

import pytest
import requests
from flask import Flask
from werkzeug.routing import IntegerConverter

from app.extensions import db
from app.factory import create_app
from app.models import write_transaction
from app.services.clock import get_now
from app.services.staff.granted import list_all_standing
from app.services.staff.grants import find_names
from app.services.staff.roster import add_listed
from app.settings import load_settings
from tests import running
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.departments import make_graduate
from tests.fixtures.signed_in import sign_in_all
from tests.fixtures.staff import end_grant, grant
from tests.integration.conftest import MakeDatabase
from tests.integration.staff import staff_pages
from tests.integration.staff.staff_pages import count_prompt_ends, sign_in_staff
from tests.visitor import Visitor

PAGE = "/staff/grants"
APP = "graduate_departure"
DORMITORY = {"mini_app": APP, "step": "dormitory"}
ARCHIVE = {"mini_app": APP, "step": "archive"}
HEAD, ADMIN, OTHER = "00420014", "00420015", "00420016"
REASON = "出差到本周五"
_ROW = re.compile(r'data-grant="(\d+)" data-staff="(\w+)" data-role="(\w+)" data-step="(\w*)"')


@pytest.fixture(scope="module")
def staffed(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase
) -> Iterator[Service]:
    """A service on either database."""
    folder = tmp_path_factory.mktemp("grants")
    changes = {"LIXIAO_DATABASE__URL": make_database(folder)}
    with running.running_service(campus, folder, changes) as service:
        yield service


@pytest.fixture(scope="module")
def place(staffed: Service) -> Iterator[Flask]:
    """The service's database, in this process."""
    app = create_app(load_settings(staffed.environment))
    with app.app_context():
        yield app
        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def grants(place: Flask) -> Iterator[None]:
    """What is given in a test ends with it."""
    yield
    for one in list_all_standing(place.extensions["installation"], get_now()):
        end_grant(place, one.id)


@pytest.fixture(scope="module")
def browsers(staffed: Service) -> dict[str, Visitor]:
    """Those of the head and the administrator, who sign in once."""
    return {number: sign_in_staff(staffed, number) for number in (HEAD, ADMIN)}


@pytest.fixture
def head(browsers: dict[str, Visitor], place: Flask, grants: None) -> Visitor:
    """The head of the dormitory."""
    grant(place, HEAD, "head", name="许丽华", **DORMITORY)
    return browsers[HEAD]


@pytest.fixture
def admin(browsers: dict[str, Visitor], place: Flask, grants: None) -> Visitor:
    """An administrator."""
    grant(place, ADMIN, "admin", name="高志强")
    return browsers[ADMIN]


@dataclass(frozen=True)
class Colleague:
    """Somebody without any grant, who has signed in once."""

    number: str
    visitor: Visitor


@pytest.fixture
def colleague(staffed: Service, fresh_student: str) -> Colleague:
    """A person of whom nothing was ever granted."""
    return Colleague(fresh_student, sign_in_staff(staffed, fresh_student))


def list_rows(page: requests.Response) -> list[tuple[int, str, str, str]]:
    """The grants that stand on a page."""
    return [(int(one), number, role, step) for one, number, role, step in _ROW.findall(page.text)]


def find_row(page: requests.Response, number: str) -> int:
    """The id of this person's only grant on a page."""
    (found,) = [one for one, owner, _, _ in list_rows(page) if owner == number]
    return found


def get_field(page: requests.Response, name: str, form: str = "give") -> str:
    """The value of a field of a form."""
    found = re.search(rf'id="{form}-{name}"[^>]* value="([^"]*)"', page.text)
    assert found, page.text[:4000]
    return unescape(found[1])


def stand_in(visitor: Visitor, number: str, **more: str) -> requests.Response:
    """Send the head's short form as it stands on the page, for a colleague."""
    page = visitor.get(PAGE)
    own = re.search(r'name="own" value="(\d+)"', page.text)
    form = {
        "own": own[1] if own else "",
        "role": "desk",
        "number": number,
        "until": get_field(page, "until") if own else "",
        "reason": REASON,
        "student_number": "1",
    }
    return visitor.post(PAGE, page, **form | more)


def give(visitor: Visitor, number: str, role: str, **more: str) -> requests.Response:
    """Send the administrator's form."""
    form = {"number": number, "role": role, "reason": REASON, "student_number": "1", **more}
    return visitor.post(PAGE, visitor.get(PAGE), **form)


def test_a_head_lets_a_colleague_stand_in_from_now_on(head: Visitor, colleague: Colleague) -> None:
    assert colleague.visitor.get(PAGE).status_code == 403
    answer = stand_in(head, colleague.number)
    assert (answer.status_code, PAGE in answer.headers["Location"]) == (303, True)
    page = colleague.visitor.get(PAGE)
    assert [row[1:] for row in list_rows(page)] == [(colleague.number, "desk", "dormitory")]
    assert "委托" in page.text
    assert "/end" not in page.text
    given = find_row(head.get(PAGE), colleague.number)
    ended = head.post(f"{PAGE}/{given}/end", head.get(PAGE), reason="已返岗")
    assert ended.status_code == 303
    assert colleague.visitor.get(PAGE).status_code == 403


def test_each_sees_the_grants_that_concern_them(
    place: Flask, head: Visitor, admin: Visitor, colleague: Colleague
) -> None:
    grant(place, colleague.number, "desk", **ARCHIVE)
    assert {row[1] for row in list_rows(head.get(PAGE))} == {HEAD}
    assert {row[1] for row in list_rows(admin.get(PAGE))} >= {HEAD, ADMIN, colleague.number}
    own = colleague.visitor.get(PAGE)
    assert {row[1] for row in list_rows(own)} == {colleague.number}
    assert HEAD not in own.text
    assert "<form" not in own.text.partition("<main")[2].partition("</main")[0]


@pytest.mark.parametrize(
    "form",
    [
        {"own": "", "place": "graduate_departure/archive"},
        {"own": "", "mini_app": "graduate-departure", "step": "archive"},
        {"own": "", "role": "school"},
        {"own": "", "role": "college", "college": "矿业工程学院"},
        {"own": "999999"},
        {"own": "", "place": "nowhere/nothing"},
    ],
)
def test_outside_the_own_scope_nothing_exists_to_be_given(
    head: Visitor, colleague: Colleague, form: dict[str, str]
) -> None:
    assert stand_in(head, colleague.number, **form).status_code == 404
    assert {row[1] for row in list_rows(head.get(PAGE))} == {HEAD}


@pytest.mark.parametrize(
    ("form", "field", "words"),
    [
        ({"number": "工号"}, "number", "请填写工号"),
        ({"number": "0"}, "number", "不是某一个人的工号"),
        ({"number": HEAD}, "number", "不能给本人授权"),
        ({"number": "00429999"}, "number", "还没有人用这个工号登录过"),
        ({"until": ""}, "until", "委托必须有期限"),
        ({"until": "2020-01-01"}, "until", "已经过去"),
        ({"until": "2999-01-01"}, "until", "委托最长 90 天"),
        ({"until": "周五"}, "until", "填写日期"),
        ({"reason": " \u3000"}, "reason", "请用文字填写原因"),
        ({"until": "9999-12-31"}, "until", "请核对年份"),
        ({"until": "0001-01-01"}, "until", "请核对年份"),
        ({"reason": "。。。"}, "reason", "请用文字填写原因"),
        ({"role": "admin"}, "", "没有这项权限"),
        ({"role": "boss"}, "role", "请选择角色"),
    ],
)
def test_what_is_wrong_is_told_at_its_field_and_what_was_typed_stays(
    head: Visitor, colleague: Colleague, form: dict[str, str], field: str, words: str
) -> None:
    sent = {"number": colleague.number, "reason": REASON} | form
    answer = stand_in(head, **sent)
    assert answer.status_code == 422
    assert words in answer.text
    if field in ("number", "until", "reason"):
        at = re.search(rf'<input[^>]* id="give-{field}"[^>]*>', answer.text)
        assert at
        assert 'aria-invalid="true" autofocus' in at[0]
    kept = [name for name in ("number", "reason") if get_field(answer, name) != sent[name]]
    assert kept == []
    assert {row[1] for row in list_rows(head.get(PAGE))} == {HEAD}


def test_a_number_may_hold_spaces_as_on_a_card(head: Visitor) -> None:
    assert stand_in(head, "0042 9997", unknown_number="1").status_code == 303
    assert "00429997" in {row[1] for row in list_rows(head.get(PAGE))}


def test_numbers_and_days_at_the_end_of_all_reckoning_fail_no_page(admin: Visitor) -> None:
    for number in (2**31 - 1, 2**31, 10**20):
        assert admin.post(f"{PAGE}/{number}/end", admin.get(PAGE), reason=REASON).status_code == 404
        assert admin.post(f"{PAGE}/{number}/extend", admin.get(PAGE), reason=REASON).status_code == 404
    given = give(admin, "00429996", "school", until="9999-12-31", unknown_number="1")
    assert (given.status_code, get_field(given, "until")) == (422, "9999-12-31")


def test_no_number_in_an_address_of_staff_is_longer_than_the_databases(place: Flask) -> None:
    found = [
        converter
        for rule in place.url_map.iter_rules()
        for converter in rule._converters.values()
        if rule.rule.startswith("/staff") and isinstance(converter, IntegerConverter)
    ]
    assert len(found) >= 4
    assert {one.max for one in found} == {2**31 - 1}


def test_who_was_granted_before_the_first_sign_in_is_named_afterwards(
    head: Visitor, place: Flask, colleague: Colleague
) -> None:
    grant(place, colleague.number, "desk", name="", **DORMITORY)
    name = find_names([colleague.number])[colleague.number]
    assert name
    assert f'<h3>{name} <span class="number">{colleague.number}</span>' in head.get(PAGE).text
    assert colleague.number not in find_names(["00429995"])


def test_who_is_led_straight_to_one_page_finds_the_own_grants_there(
    place: Flask, colleague: Colleague, grants: None
) -> None:
    grant(place, colleague.number, "college", college="矿业工程学院")
    led = colleague.visitor.get("/staff")
    assert not led.url.endswith("/staff")
    assert f'href="{PAGE}"' in led.text
    assert colleague.number in {row[1] for row in list_rows(colleague.visitor.get(PAGE))}


def test_a_number_that_nobody_signed_in_with_needs_a_tick(head: Visitor) -> None:
    assert 'name="unknown_number"' not in head.get(PAGE).text
    warned = stand_in(head, "00429998")
    assert 'name="unknown_number" value="1"' in warned.text
    assert stand_in(head, "00429998", unknown_number="1").status_code == 303
    assert "00429998" in {row[1] for row in list_rows(head.get(PAGE))}


def list_ticks(page: requests.Response) -> dict[str, bool]:
    """What looked mistyped, and whether it is ticked."""
    found = re.findall(r'<input type="checkbox" name="(\w+)" value="1"( checked)?>', page.text)
    return {name: bool(checked) for name, checked in found}


def test_what_looks_mistyped_is_asked_for_at_its_field(
    admin: Visitor, place: Flask, colleague: Colleague
) -> None:
    installed = place.extensions["installation"].mini_apps["graduate-departure"]
    with write_transaction() as session:
        add_listed(session.connection(), installed, make_graduate(colleague.number), source="sign_in")
    wrong = {"college": "不存在学院", "period": "1999-99", "student_number": ""}
    warned = give(admin, colleague.number, "college", **wrong)
    assert (warned.status_code, "这是一名学生的学号" in warned.text) == (422, True)
    assert list_ticks(warned) == dict.fromkeys(("student_number", "unknown_college", "unknown_period"), False)
    wrong["student_number"] = "1"
    warned = give(admin, colleague.number, "college", **wrong)
    assert (warned.status_code, "名单中没有这个学院" in warned.text) == (422, True)
    assert list_ticks(warned)["student_number"]
    assert get_field(warned, "college") == "不存在学院"
    meant = wrong | {"unknown_college": "1", "unknown_period": "1"}
    assert give(admin, colleague.number, "college", **meant).status_code == 303
    assert "不存在学院" not in admin.get(PAGE).text.partition("<datalist")[2].partition("</datalist>")[0]


def test_a_student_stands_in_for_nobody_without_a_tick(
    head: Visitor, place: Flask, colleague: Colleague
) -> None:
    installed = place.extensions["installation"].mini_apps["graduate-departure"]
    with write_transaction() as session:
        add_listed(session.connection(), installed, make_graduate(colleague.number), source="sign_in")
    warned = stand_in(head, colleague.number, student_number="")
    assert (warned.status_code, list_ticks(warned)) == (422, {"student_number": False})
    assert stand_in(head, colleague.number).status_code == 303


def test_who_stands_in_lets_nobody_else_stand_in(head: Visitor, colleague: Colleague) -> None:
    assert stand_in(head, colleague.number, role="head").status_code == 303
    page = colleague.visitor.get(PAGE)
    assert "不能再委托给别人" in page.text
    given = find_row(page, colleague.number)
    form = {"own": str(given), "role": "desk", "number": OTHER, "until": "2999-01-01", "reason": REASON}
    refused = colleague.visitor.post(PAGE, page, **form)
    assert (refused.status_code, "不能再委托给别人" in refused.text) == (422, True)


def test_the_same_again_extends_or_says_that_it_stands(head: Visitor, colleague: Colleague) -> None:
    assert stand_in(head, colleague.number).status_code == 303
    again = stand_in(head, colleague.number)
    assert (again.status_code, "对方已有这项授权" in again.text) == (422, True)
    page = head.get(PAGE)
    given = find_row(page, colleague.number)
    later = (get_now() + timedelta(days=40)).date().isoformat()
    extended = head.post(f"{PAGE}/{given}/extend", page, until=later, reason=REASON)
    assert extended.status_code == 303
    assert find_row(head.get(PAGE), colleague.number) == given
    too_long = (get_now() + timedelta(days=100)).date().isoformat()
    refused = head.post(f"{PAGE}/{given}/extend", page, until=too_long, reason=REASON)
    assert (refused.status_code, "委托最长" in refused.text) == (422, True)
    assert get_field(refused, "until", f"extend-{given}") == too_long


@pytest.mark.parametrize(
    ("role", "form", "status"),
    [
        ("desk", {"place": f"{APP}/dormitory"}, 303),
        ("desk", {"mini_app": "graduate-departure", "step": "dormitory"}, 303),
        ("desk", {}, 422),
        ("desk", {"place": APP}, 422),
        ("head", {"place": f"{APP}/nowhere"}, 422),
        ("college", {"college": "矿业工程学院", "unknown_college": "1"}, 303),
        ("college", {}, 422),
        ("college", {"college": "无"}, 422),
        ("school", {}, 303),
        ("school", {"place": APP}, 303),
        ("school", {"place": f"{APP}/dormitory"}, 422),
        ("auditor", {"college": "矿业工程学院"}, 422),
        ("admin", {"place": APP}, 422),
        ("admin", {"until": "2999-01-01"}, 303),
        ("admin", {"period": "2026-06"}, 422),
        ("", {}, 422),
    ],
)
def test_an_administrator_gives_what_a_role_can_have(
    admin: Visitor, colleague: Colleague, role: str, form: dict[str, str], status: int
) -> None:
    answer = give(admin, colleague.number, role, **form)
    assert answer.status_code == status, answer.text
    assert (colleague.number in {row[1] for row in list_rows(admin.get(PAGE))}) == (status == 303)


def test_an_end_needs_a_reason_and_is_told_afterwards(
    place: Flask, admin: Visitor, colleague: Colleague
) -> None:
    given = grant(place, colleague.number, "desk", name="何建平", **DORMITORY)
    refused = admin.post(f"{PAGE}/{given}/end", admin.get(PAGE), reason=" ")
    assert (refused.status_code, f'id="end-{given}-wrong"' in refused.text) == (422, True)
    assert re.search(rf'<input[^>]* id="end-{given}-reason"[^>]*autofocus', refused.text)
    assert admin.post(f"{PAGE}/{given}/end", refused, reason="调离岗位").status_code == 303
    page = admin.get(PAGE)
    assert given not in {row[0] for row in list_rows(page)}
    assert "调离岗位" in page.text
    again = admin.post(f"{PAGE}/{given}/end", page, reason="再次结束")
    assert (again.status_code, "不用再结束" in again.text, "再次结束" in again.text) == (422, True, True)


def test_the_last_administrators_own_grant_stays(place: Flask, admin: Visitor) -> None:
    for one, number, role, _ in list_rows(admin.get(PAGE)):
        if (number, role) != (ADMIN, "admin"):
            end_grant(place, one)
    own = find_row(admin.get(PAGE), ADMIN)
    refused = admin.post(f"{PAGE}/{own}/end", admin.get(PAGE), reason="退休")
    assert (refused.status_code, "最后一位系统管理员" in refused.text) == (422, True)


def test_what_is_not_the_readers_is_not_there_to_be_ended(
    place: Flask, head: Visitor, colleague: Colleague
) -> None:
    other = grant(place, colleague.number, "desk", **ARCHIVE)
    page = head.get(PAGE)
    for address in (f"{PAGE}/{other}/end", f"{PAGE}/{other}/extend", f"{PAGE}/999999/end"):
        assert head.post(address, page, reason=REASON, until="2999-01-01").status_code == 404
    own = find_row(page, HEAD)
    refused = head.post(f"{PAGE}/{own}/end", page, reason=REASON)
    assert (refused.status_code, "不由您管理" in refused.text) == (422, True)


def test_a_clerk_of_a_desk_gives_and_ends_nothing(place: Flask, grants: None, colleague: Colleague) -> None:
    given = grant(place, colleague.number, "desk", **DORMITORY)
    clerk = colleague.visitor
    page = clerk.get("/staff")
    form = {"place": f"{APP}/dormitory", "role": "desk", "number": OTHER, "reason": REASON}
    assert clerk.post(PAGE, page, until="2999-01-01", **form).status_code == 404
    for act in ("end", "extend"):
        assert clerk.post(f"{PAGE}/{given}/{act}", page, reason=REASON).status_code == 404


def test_a_form_sent_after_the_end_is_told_who_ended_it_and_keeps_what_was_typed(
    place: Flask, head: Visitor, colleague: Colleague
) -> None:
    page = head.get(PAGE)
    own = find_row(page, HEAD)
    end_grant(place, own, ended_by=ADMIN)
    form = {"own": str(own), "role": "desk", "number": colleague.number, "until": "2999-01-01"}
    answer = head.post(PAGE, page, reason="写了很久的原因", **form)
    assert answer.status_code == 403
    assert 'data-error="GrantEnded"' in answer.text
    assert ADMIN in answer.text
    assert "写了很久的原因" in answer.text
    assert "系统管理员" in answer.text
    assert head.get(PAGE).status_code == 403


def test_with_another_grant_left_the_ended_one_is_told_all_the_same(
    place: Flask, head: Visitor, colleague: Colleague
) -> None:
    page = head.get(PAGE)
    own = find_row(page, HEAD)
    grant(place, HEAD, "desk", **ARCHIVE)
    end_grant(place, own, ended_by=ADMIN)
    form = {"own": str(own), "role": "desk", "number": colleague.number, "until": "2999-01-01"}
    answer = head.post(PAGE, page, reason="写了很久的原因", **form)
    assert (answer.status_code, 'data-error="GrantEnded"' in answer.text) == (403, True)
    answer = head.post(f"{PAGE}/{own}/end", page, reason=REASON)
    assert (answer.status_code, 'data-error="GrantEnded"' in answer.text) == (403, True)


def test_a_grant_holds_and_ends_at_the_next_request(staffed: Service, place: Flask) -> None:
    (person,) = sign_in_all(staffed.environment, ["TS81000000"])
    assert count_prompt_ends(staffed.url, place, [person], 5) == 5


def test_a_right_that_was_kept_for_later_requests_is_noticed(
    staffed: Service, place: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    (person,) = sign_in_all(staffed.environment, ["TS81000001"])
    monkeypatch.setattr(staff_pages, "end_grant", lambda *_, **__: None)
    assert count_prompt_ends(staffed.url, place, [person], 1) == 0


def test_claims_alone_open_nothing_of_staff(browsers: dict[str, Visitor], grants: None) -> None:
    for visitor in browsers.values():
        assert visitor.get("/staff").status_code == 403
        assert visitor.get(PAGE).status_code == 403
