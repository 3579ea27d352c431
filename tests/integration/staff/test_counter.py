"""The counter: who is found, what is decided of whom, and what a clerk is told who comes second, or too late."""

from __future__ import annotations

from datetime import timedelta
from io import BytesIO

import pytest

from app.services.clock import get_now
from app.services.desk.deciding import Decision, Via, open_desk_step, read_item
from app.services.desk.desk_code import make_address, make_code
from app.services.staff.views import list_views
from tests.conftest import Service
from tests.fixtures.counter_service import ARCHIVE, CLERK, DESK, GUARD, HEAD, OTHER_CLERK
from tests.fixtures.photos import draw_qr
from tests.fixtures.staff import end_grant, grant
from tests.integration.staff.counter_pages import (
    Clerk,
    get_status,
    get_version,
    inside,
    list_forms,
    list_rows,
)
from tests.integration.staff.staff_pages import sign_in_staff
from tests.visitor import get_csrf_token, list_statuses

DORMITORY = "/staff/desk/graduate-departure/dormitory"
LANGUAGES = ("zh-CN", "en")


@pytest.fixture
def service(counter_service: Service) -> Service:
    """The service whose archive is a desk."""
    counter_service.campus.reset()
    return counter_service


@pytest.fixture(params=LANGUAGES)
def clerk(service: Service, request: pytest.FixtureRequest) -> Clerk:
    """A clerk of the archive's desk, once in each language."""
    opened = Clerk(sign_in_staff(service, CLERK))
    opened.visitor.http.headers["Accept-Language"] = request.param
    return opened


@pytest.fixture
def other(service: Service) -> Clerk:
    """A colleague at the same desk."""
    return Clerk(sign_in_staff(service, OTHER_CLERK))


@pytest.fixture
def student(service: Service, fresh_student: str) -> str:
    """The number of a student who signed in, and has not been handled."""
    service.visit().sign_in(fresh_student)
    return fresh_student


def make_desk_code(service: Service, student: str, age: timedelta = timedelta(0)) -> str:
    """What a scanner types of a student's code that was made so long ago."""
    with inside(service) as installation:
        return make_address(installation, make_code(installation, student, get_now() - age))


def find_last(service: Service, student: str) -> Decision:
    """The newest decision about a student at the archive's desk."""
    with inside(service) as installation:
        item = read_item(open_desk_step(installation, "graduate-departure", "archive"), student)
    assert item.last is not None
    return item.last


def test_a_number_leads_to_the_item_and_done_leads_back_to_the_counter(
    service: Service, clerk: Clerk, student: str
) -> None:
    found = clerk.find(student)
    assert found.status_code == 303
    assert found.headers["Location"].startswith(f"{DESK}/")
    assert student not in found.headers["Location"]

    page = clerk.visitor.get(found.headers["Location"])
    assert student in page.text
    assert (get_status(page), get_version(page)) == ("outstanding", "0")

    answer = clerk.decide(page, "done")
    assert (answer.status_code, answer.headers["Location"]) == (303, DESK)

    counter = clerk.open_counter()
    assert list_rows(counter)[0] == page.url.rpartition("/")[2]
    assert 'class="notice good told-line"' in counter.text
    assert get_status(clerk.open_item(student)) == "cleared"
    assert list_statuses(service.visit().sign_in(student))["archive"] == "cleared"


def test_last_digits_and_names_find_all_whom_they_fit(service: Service, clerk: Clerk, student: str) -> None:
    twin = f"{student[:3]}{(int(student[3]) + 1) % 10}{student[4:]}"
    service.visit().sign_in(twin)
    keys = {clerk.open_item(number).url.rpartition("/")[2] for number in (student, twin)}

    answer = clerk.find(student[-6:])
    assert answer.status_code == 200
    assert set(list_rows(answer)) == keys
    assert student in answer.text
    assert twin in answer.text
    assert list_rows(clerk.find("测试")), "a part of a name"


def test_a_code_leads_to_its_student_and_the_decision_says_that_it_was_scanned(
    service: Service, clerk: Clerk, student: str
) -> None:
    found = clerk.find(make_desk_code(service, student))
    assert found.status_code == 303
    page = clerk.visitor.get(found.headers["Location"])
    assert student in page.text
    assert clerk.decide(page, "done").status_code == 303
    assert [form["via"] for form in list_forms(page, "decision")] == ["scan", "scan"]


def test_a_code_that_is_too_old_or_not_ours_finds_nobody(
    service: Service, clerk: Clerk, student: str
) -> None:
    old = clerk.find(make_desk_code(service, student, timedelta(minutes=6)))
    assert (old.status_code, 'data-error="CodeTooOld"' in old.text) == (410, True)

    address = make_desk_code(service, student)
    forged = clerk.find(address[:-1] + str((int(address[-1]) + 1) % 10))
    assert (forged.status_code, 'data-error="MalformedCode"' in forged.text) == (422, True)


def test_a_photo_of_a_code_is_read_by_the_service(service: Service, clerk: Clerk, student: str) -> None:
    def draw(text: str) -> bytes:
        file = BytesIO()
        draw_qr(text, 6).convert("RGB").save(file, "PNG")
        return file.getvalue()

    answer = clerk.send_photo(draw(make_desk_code(service, student)))
    assert answer.status_code == 303
    assert student in clerk.visitor.get(answer.headers["Location"]).text

    files = {"file": ("code.png", draw(make_desk_code(service, student)))}
    verified = service.visit().http.post(f"{service.url}/verify", files=files, timeout=60)
    assert 'data-error="ForeignCode"' in verified.text, "no slip is in it"
    foreign = clerk.send_photo(draw("https://example.org/c/1"))
    assert (foreign.status_code, 'data-error="ForeignCode"' in foreign.text) == (422, True)
    broken = clerk.send_photo(b"no picture")
    assert (broken.status_code, 'data-error="NotAPicture"' in broken.text) == (422, True)


def test_who_is_on_no_roster_is_noted_only_once_the_number_is_confirmed(
    service: Service, clerk: Clerk, fresh_student: str
) -> None:
    answer = clerk.find(fresh_student)
    assert (answer.status_code, 'data-error="NothingFound"' in answer.text) == (404, True)
    assert list_forms(answer, "note") == [{"csrf_token": get_csrf_token(answer), "number": fresh_student}]

    unsure = clerk.visitor.post(f"{DESK}/note", answer, number=fresh_student)
    assert unsure.status_code == 400
    assert clerk.find(fresh_student).status_code == 404

    noted = clerk.visitor.post(f"{DESK}/note", answer, number=fresh_student, confirmed="1")
    assert noted.status_code == 303
    assert fresh_student in clerk.visitor.get(noted.headers["Location"]).text


def test_not_done_needs_one_of_the_reasons_and_loses_nothing_that_was_typed(
    service: Service, clerk: Clerk, student: str
) -> None:
    page = clerk.open_item(student)
    refused = clerk.decide(page, "not_done", note="装订有误")
    assert (refused.status_code, 'data-error="ReasonMissing"' in refused.text) == (422, True)
    assert "装订有误" in refused.text

    answer = clerk.decide(page, "not_done", reason="signature_missing", note="装订有误")
    assert answer.status_code == 303
    page = clerk.open_item(student)
    assert get_status(page) == "outstanding"
    assert "装订有误" in page.text
    assert get_version(page) == "1"


def test_the_same_form_again_is_the_same_decision(clerk: Clerk, student: str) -> None:
    page = clerk.open_item(student)
    first, second = clerk.decide(page, "done"), clerk.decide(page, "done")
    assert [first.status_code, second.status_code] == [303, 303]
    assert get_version(clerk.open_item(student)) == "1"


def test_who_comes_second_with_another_outcome_is_told_who_was_first_and_may_decide_anew(
    clerk: Clerk, other: Clerk, student: str
) -> None:
    seen = other.open_item(student)
    clerk.decide(clerk.open_item(student), "not_done", reason="thesis_missing")

    conflict = other.decide(seen, "done")
    assert (conflict.status_code, 'data-error="Conflict"' in conflict.text) == (409, True)
    assert f"何建平（{CLERK}）" in conflict.text
    assert get_version(other.open_item(student)) == "1", "nothing was overruled"

    (anew,) = list_forms(conflict, "decision")
    assert anew["version"] == "1"
    answer = other.visitor.http.post(seen.url + "/decision", data=anew, allow_redirects=False, timeout=30)
    assert answer.status_code == 303
    assert get_status(other.open_item(student)) == "cleared"


def test_who_comes_second_with_the_same_outcome_is_told_that_it_is_done(
    clerk: Clerk, other: Clerk, student: str
) -> None:
    seen = other.open_item(student)
    clerk.decide(clerk.open_item(student), "done")
    assert other.decide(seen, "done").status_code == 303
    assert f"何建平（{CLERK}）" in other.open_counter().text
    assert f"何建平（{CLERK}）" not in other.open_counter().text, "said once"
    assert get_version(clerk.open_item(student)) == "1"


def test_ones_own_decision_is_taken_back_and_the_item_is_as_before(clerk: Clerk, student: str) -> None:
    clerk.decide(clerk.open_item(student), "done")
    page = clerk.open_item(student)
    assert list_forms(page, "decision") == []
    answer = clerk.undo(page)
    assert (answer.status_code, answer.headers["Location"]) == (303, DESK)
    page = clerk.open_item(student)
    assert (get_status(page), get_version(page)) == ("outstanding", "2")
    assert list_forms(page, "undo") == [], "an undo is not taken back"


def test_what_another_decided_only_the_head_takes_back_and_says_why(
    service: Service, clerk: Clerk, other: Clerk, student: str
) -> None:
    clerk.decide(clerk.open_item(student), "done")
    page = other.open_item(student)
    assert list_forms(page, "undo") == []
    (form,) = list_forms(clerk.open_item(student), "undo")
    stolen = other.visitor.http.post(
        page.url + "/undo",
        data=form | {"csrf_token": get_csrf_token(page), "nonce": "f" * 32},
        timeout=30,
        allow_redirects=False,
    )
    assert (stolen.status_code, 'data-error="UndoTooLate"' in stolen.text) == (409, True)
    assert f"高志强（{HEAD}）" in stolen.text, "whom to ask"

    head = Clerk(sign_in_staff(service, HEAD))
    page = head.open_item(student)
    blank = head.undo(page, reason=" ")
    assert (blank.status_code, 'data-error="ReasonMissing"' in blank.text) == (422, True)
    assert head.undo(page, reason="登记错了人").status_code == 303
    page = head.open_item(student)
    assert get_status(page) == "outstanding"
    assert find_last(service, student).via is Via.TYPED
    assert "已撤回此前的办理" in other.open_item(student).text


def test_a_clerk_cannot_reverse_by_a_field_of_the_heads_form(
    clerk: Clerk, other: Clerk, student: str
) -> None:
    clerk.decide(clerk.open_item(student), "done")
    (form,) = list_forms(clerk.open_item(student), "undo")
    page = other.open_item(student)
    data = form | {
        "csrf_token": get_csrf_token(page),
        "nonce": "e" * 32,
        "reverses": "1",
        "reason": "登记错了人",
    }
    answer = other.visitor.http.post(page.url + "/undo", data=data, timeout=30, allow_redirects=False)
    assert answer.status_code == 409
    assert get_status(other.open_item(student)) == "cleared"


def test_a_stale_undo_is_a_conflict(clerk: Clerk, other: Clerk, student: str) -> None:
    clerk.decide(clerk.open_item(student), "not_done", reason="thesis_missing")
    stale = clerk.open_item(student)
    other.decide(other.open_item(student), "done")
    answer = clerk.undo(stale)
    assert (answer.status_code, 'data-error="Conflict"' in answer.text) == (409, True)


def test_ones_own_undo_again_is_told_as_what_it_is(clerk: Clerk, student: str) -> None:
    clerk.visitor.http.headers["Accept-Language"] = "zh-CN"
    clerk.decide(clerk.open_item(student), "done")
    stale = clerk.open_item(student)
    clerk.undo(stale)
    answer = clerk.undo(stale, nonce="c" * 32)
    assert (answer.status_code, 'data-error="Conflict"' in answer.text) == (409, True)
    assert "这一项此前已经撤销" in answer.text
    assert "刚刚有人办理了这一项" not in answer.text
    assert '<span class="badge outstanding">尚未办理</span>' in answer.text, "what it is now"


def test_an_undo_says_whether_it_came_from_the_list_of_the_day(
    service: Service, clerk: Clerk, student: str
) -> None:
    for from_list in (True, False):
        clerk.decide(clerk.open_item(student), "done")
        if from_list:
            form = next(one for one in list_forms(clerk.open_counter(), "undo") if one["via"] == "list")
            item = clerk.open_item(student)
            clerk.visitor.http.post(item.url + "/undo", data=form, timeout=30, allow_redirects=False)
        else:
            clerk.undo(clerk.open_item(student))
        assert find_last(service, student).via is (Via.LIST if from_list else Via.TYPED)


def test_a_desk_of_another_step_does_not_exist(service: Service, clerk: Clerk, student: str) -> None:
    assert clerk.visitor.get(DORMITORY).status_code == 404
    assert clerk.visitor.get("/staff/desk/graduate-departure/finance").status_code == 404
    assert clerk.visitor.get("/staff/desk/other/archive").status_code == 404
    key = clerk.open_item(student).url.rpartition("/")[2]
    assert clerk.visitor.get(f"{DORMITORY}/{key}").status_code == 404
    assert clerk.visitor.get(f"{DESK}/000000000000").status_code == 404


def test_who_has_no_right_reads_the_number_to_tell(service: Service) -> None:
    visitor = sign_in_staff(service, GUARD)
    answer = visitor.get(DESK)
    assert (answer.status_code, 'data-error="NoGrant"' in answer.text) == (403, True)
    assert GUARD in answer.text


def test_a_form_that_is_sent_after_the_right_ended_gives_back_what_was_typed(
    service: Service, student: str
) -> None:
    given = grant(service.environment, GUARD, "desk", name="马国栋", **ARCHIVE)
    guard = Clerk(sign_in_staff(service, GUARD))
    page = guard.open_item(student)
    end_grant(service.environment, given, ended_by=HEAD)

    answer = guard.decide(page, "not_done", reason="thesis_missing", note="少一本")
    assert (answer.status_code, 'data-error="GrantEnded"' in answer.text) == (403, True)
    assert "少一本" in answer.text
    assert "还没有收到您的纸质论文" in answer.text, "the reason in words"
    assert f"高志强（{HEAD}）" in answer.text
    assert guard.visitor.get(page.url).status_code == 403


def test_a_right_for_one_college_sees_nobody_of_another(service: Service, student: str) -> None:
    given = grant(service.environment, GUARD, "desk", college="没有的学院", **ARCHIVE)
    guard = Clerk(sign_in_staff(service, GUARD))
    key = Clerk(sign_in_staff(service, CLERK)).open_item(student).url.rpartition("/")[2]
    assert guard.open_counter().status_code == 200
    answer = guard.find(student)
    assert (answer.status_code, list_forms(answer, "note")) == (404, [])
    assert guard.visitor.get(f"{DESK}/{key}").status_code == 404
    noted = guard.visitor.post(f"{DESK}/note", guard.open_counter(), number=student, confirmed="1")
    assert noted.status_code == 404
    end_grant(service.environment, given)


def test_scan_mode_decides_at_once_and_a_code_that_is_held_too_long_counts_once(
    service: Service, clerk: Clerk, student: str
) -> None:
    code = make_desk_code(service, student)
    first, second = clerk.find(code, mode="scan"), clerk.find(code, mode="scan")
    assert [first.status_code, second.status_code] == [303, 303]
    assert first.headers["Location"] == f"{DESK}?mode=scan"
    page = clerk.open_item(student)
    assert (get_status(page), get_version(page)) == ("cleared", "1")


def test_scan_mode_alarms_at_whatever_is_not_a_clean_done(
    clerk: Clerk, other: Clerk, student: str, fresh_student: str
) -> None:
    nobody = clerk.find("TS98765432", mode="scan")
    assert (nobody.status_code, "data-alarm" in nobody.text) == (404, True)
    vague = clerk.find(student[-6:], mode="scan")
    assert "data-alarm" in vague.text
    assert get_version(clerk.open_item(student)) == "0"

    other.decide(other.open_item(student), "done")
    again = clerk.find(student, mode="scan")
    assert (again.status_code, 'data-error="AlreadyDone"' in again.text) == (409, True)
    assert "data-alarm" in again.text


def test_who_submitted_is_closed_and_stays_as_submitted(service: Service, clerk: Clerk, student: str) -> None:
    given = grant(service.environment, CLERK, "desk", mini_app="graduate_departure", step="dormitory")
    stale = clerk.open_item(student)
    try:
        clerk.decide(stale, "done")
        stale = clerk.open_item(student)
        warden = Clerk(clerk.visitor, DORMITORY)
        warden.decide(warden.open_item(student), "done")
        visitor = service.visit()
        visitor.sign_in(student)
        assert visitor.submit().status_code == 303
    finally:
        end_grant(service.environment, given)

    answer = clerk.undo(stale)
    assert (answer.status_code, 'data-error="AlreadySubmitted"' in answer.text) == (409, True)
    assert student in answer.text, "who it is"
    noted = clerk.visitor.http.post(
        stale.url + "/decision",
        data={**list_forms(stale, "undo")[0], "outcome": "not_done", "nonce": "d" * 32}
        | {"reason": "thesis_missing", "note": "少一本"},
        timeout=30,
    )
    assert (noted.status_code, 'data-error="AlreadySubmitted"' in noted.text) == (409, True)
    assert "少一本" in noted.text
    assert "还没有收到您的纸质论文" in noted.text or clerk.visitor.http.headers["Accept-Language"] == "en"
    page = clerk.open_item(student)
    assert list_forms(page, "decision") + list_forms(page, "undo") == []
    assert get_status(page) == "cleared"
    scanned = clerk.find(student, mode="scan")
    assert "data-alarm" in scanned.text


def test_each_look_at_an_item_is_logged(service: Service, clerk: Clerk, student: str) -> None:
    for _ in range(2):
        clerk.open_item(student)
    with inside(service):
        (views,) = list_views(subject=student, viewer=CLERK)
    assert (views.page, views.count) == ("archive", 2)


def test_one_grant_that_opens_one_page_leads_straight_there(service: Service, clerk: Clerk) -> None:
    answer = clerk.visitor.get("/staff", allow_redirects=False)
    assert answer.headers["Location"] == DESK
