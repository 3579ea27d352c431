"""One student's page, and the requests that it makes, as staff use them: who sees what, and what forms do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

import pytest
import requests
from sqlalchemy import create_engine, text

from tests.conftest import Service
from tests.fixtures.issued_slips import issue_slip
from tests.fixtures.staff import end_grant, grant
from tests.fixtures.stored import query
from tests.integration.staff.staff_pages import sign_in_staff
from tests.visitor import Visitor

LIST = "/staff/graduate-departure/2026-06/students"
SCHOOL, SECOND, COUNSELLOR, OTHER_COUNSELLOR, AUDITOR, CLERK = (
    *("00420014", "00420015", "00420020"),
    *("00420019", "00420021", "00420017"),
)
WHY, SECRET = "论文涉密，线下归档", "机密原因7731"
COLLEGE = "研究生院"


@dataclass(frozen=True)
class Place:
    """A service with staff, and a student who has looked at the clearance page once."""

    service: Service
    number: str
    key: str

    @property
    def page(self) -> str:
        """The student's address."""
        return f"{LIST}/{self.key}"

    def sign_in(self, number: str) -> Visitor:
        """Somebody of the staff."""
        return sign_in_staff(self.service, number)


@pytest.fixture(scope="module")
def staff(running_service: Service) -> Iterator[None]:
    """Those who have their grants for as long as these tests run."""
    environment = running_service.environment
    given = [
        grant(environment, SCHOOL, "school", name="张老师"),
        grant(environment, SECOND, "school", name="王老师"),
        grant(environment, COUNSELLOR, "college", college=COLLEGE),
        grant(environment, OTHER_COUNSELLOR, "college", college="别的学院"),
        grant(environment, AUDITOR, "auditor"),
        grant(environment, CLERK, "desk", mini_app="graduate_departure", step="archive"),
    ]
    yield
    for one in given:
        end_grant(environment, one)


@pytest.fixture
def place(service: Service, staff: None, fresh_student: str) -> Place:
    """The demo, and a student who just looked."""
    service.visit().sign_in(fresh_student, "/graduate-departure/clearance?wait=1")
    ((key, college),) = query(
        service.environment,
        "SELECT key, college FROM roster_entries WHERE student_number = :number",
        number=fresh_student,
    )
    assert college == COLLEGE
    # Everything passes for this student: the archive gets a status that a waiver changes.
    forget_answer(service, fresh_student, "archive")
    return Place(service, fresh_student, str(key))


def forget_answer(service: Service, number: str, step: str) -> None:
    """Let nothing be known of an item."""
    engine = create_engine(service.environment["LIXIAO_DATABASE__URL"])
    with engine.begin() as connection:
        connection.execute(
            text("DELETE FROM known_answers WHERE student_number = :number AND step = :step"),
            {"number": number, "step": step},
        )
    engine.dispose()


def post(visitor: Visitor, path: str, **data: str) -> requests.Response:
    """Send a form of staff, with the token of a page of theirs."""
    return visitor.post(path, visitor.get("/staff"), **data)


def list_items(page: requests.Response) -> dict[str, str]:
    """The status of each item, by step."""
    return dict(re.findall(r'data-item="([^"]+)" data-status="([^"]+)"', page.text))


def get_error(page: requests.Response) -> str:
    """The fact that a page names."""
    found = re.search(r'data-error="([^"]+)"', page.text)
    return found[1] if found else ""


def test_the_search_finds_a_student_without_a_number_in_any_address(place: Place) -> None:
    visitor = place.sign_in(SCHOOL)
    answer = post(visitor, LIST, q=place.number)
    assert answer.status_code == 303
    assert re.fullmatch(rf"{LIST}\?s=\w{{4,12}}", answer.headers["Location"])
    page = visitor.get(answer.headers["Location"])
    assert f'data-row="{place.key}"' in page.text
    assert 'data-total="1"' in page.text

    answer = post(visitor, LIST, q="没有这个人")
    assert 'data-total="0"' in visitor.get(answer.headers["Location"]).text
    assert post(visitor, LIST, q=" ").headers["Location"] == LIST


def test_a_college_finds_only_its_own(place: Place) -> None:
    for number, total in ((COUNSELLOR, 1), (OTHER_COUNSELLOR, 0)):
        visitor = place.sign_in(number)
        page = visitor.get(post(visitor, LIST, q=place.number).headers["Location"])
        assert f'data-total="{total}"' in page.text
        assert (place.key in page.text) is bool(total)


def test_the_school_sees_each_item_with_what_departments_hold(place: Place) -> None:
    page = place.sign_in(SCHOOL).get(place.page)
    assert page.status_code == 200
    assert set(list_items(page)) == {"library_loans", "library_thesis", "archive", "dormitory", "finance"}
    assert place.number in page.text
    assert "竹园" in page.text or "房间" in page.text


CANARIES = ("66.60", "第七号楼", "9931")


def store_canaries(place: Place) -> None:
    """Facts that nobody has but this student, kept as the departments' answers."""
    statements = (
        "UPDATE known_answers SET records = REPLACE(CAST(records AS TEXT), '\"0.00\"', '\"66.60\"')",
        'UPDATE known_answers SET records = REPLACE(CAST(records AS TEXT), \'"building": "\', \'"building": "第七号楼\')',
        'UPDATE known_answers SET records = REPLACE(CAST(records AS TEXT), \'"room": "\', \'"room": "9931\')',
    )
    engine = create_engine(place.service.environment["LIXIAO_DATABASE__URL"])
    with engine.begin() as connection:
        for statement in statements:
            of_student = f"{statement} WHERE student_number = :number"
            connection.execute(text(of_student), {"number": place.number})
        known = connection.execute(
            text("SELECT records FROM known_answers WHERE student_number = :number"),
            {"number": place.number},
        )
        found = "".join(str(row[0]) for row in known)
    engine.dispose()
    assert "9931" in found.encode().decode("unicode_escape", "replace") or "9931" in found


def test_facts_and_what_was_written_are_for_who_may_see_them_alone(place: Place) -> None:
    store_canaries(place)
    school = place.sign_in(SCHOOL)
    assert post(school, f"{place.page}/waive", step="archive", reason=SECRET).status_code == 303
    seen = school.get(place.page).text
    assert "9931" in seen
    assert SECRET in seen
    assert SECRET in place.sign_in(AUDITOR).get(place.page).text

    college = place.sign_in(COUNSELLOR).get(place.page)
    assert college.status_code == 200
    assert len(list_items(college)) == 5
    assert not [canary for canary in (*CANARIES, SECRET) if canary in college.text]
    assert "/waive" not in college.text
    assert "/withdraw" not in college.text


def test_a_step_that_holds_amounts_names_the_fact_alone_to_a_college(place: Place) -> None:
    owing = place.service.visit()
    owing.sign_in("TS23000008", "/graduate-departure/clearance?wait=1")
    ((key, college),) = query(
        place.service.environment,
        "SELECT key, college FROM roster_entries WHERE student_number = 'TS23000008'",
    )
    given = grant(place.service.environment, COUNSELLOR, "college", college=str(college), period="2026-06")
    page = place.sign_in(COUNSELLOR).get(f"{LIST}/{key}")
    end_grant(place.service.environment, given)
    assert list_items(page)["finance"] == "outstanding"
    assert "800" not in page.text
    assert "800" in place.sign_in(SCHOOL).get(f"{LIST}/{key}").text


def test_a_desk_sees_its_own_step_alone(place: Place) -> None:
    store_canaries(place)
    page = place.sign_in(CLERK).get(place.page)
    assert list(list_items(page)) == ["archive"]
    assert not [canary for canary in CANARIES if canary in page.text]
    assert place.sign_in(CLERK).get(LIST).status_code == 404


def test_of_another_college_a_student_does_not_exist(place: Place) -> None:
    visitor = place.sign_in(OTHER_COUNSELLOR)
    for path in (
        place.page,
        f"{LIST}/000000000000",
        f"/staff/graduate-departure/2025-01/students/{place.key}",
    ):
        page = visitor.get(path)
        assert page.status_code == 404
        assert place.number not in page.text


@pytest.mark.parametrize("number", [COUNSELLOR, OTHER_COUNSELLOR, AUDITOR, CLERK])
@pytest.mark.parametrize("form", ["waive", "withdraw", "revoke"])
def test_without_the_right_the_forms_addresses_do_not_exist(place: Place, number: str, form: str) -> None:
    visitor = place.sign_in(number)
    answer = post(visitor, f"{place.page}/{form}", step="archive", reason=WHY)
    assert answer.status_code == 404
    assert (
        query(place.service.environment, "SELECT * FROM waivers WHERE student_number = :n", n=place.number)
        == []
    )


def test_a_waiver_holds_at_once_and_is_withdrawn(place: Place) -> None:
    visitor = place.sign_in(SCHOOL)
    answer = post(visitor, f"{place.page}/waive", step="archive", reason=WHY)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{place.page}#archive")
    assert post(visitor, f"{place.page}/waive", step="archive", reason=WHY).status_code == 303
    page = visitor.get(place.page)
    assert list_items(page)["archive"] == "waived"
    assert "张老师" in page.text
    assert WHY in page.text

    taken = place.sign_in(SECOND)
    again = post(taken, f"{place.page}/waive", step="archive", reason="另一原因")
    assert (again.status_code, get_error(again)) == (409, "AlreadyWaived")
    answer = post(taken, f"{place.page}/withdraw", step="archive", reason="录错")
    assert answer.status_code == 303
    assert list_items(taken.get(place.page))["archive"] != "waived"
    gone = post(visitor, f"{place.page}/withdraw", step="archive", reason="别的原因")
    assert (gone.status_code, get_error(gone)) == (409, "NotWaived")


@pytest.mark.parametrize("form", ["waive", "withdraw"])
@pytest.mark.parametrize("reason", ["", "   ", "\u3000", "无", "好" * 201])
def test_a_reason_that_is_none_is_422_with_what_was_typed(place: Place, form: str, reason: str) -> None:
    visitor = place.sign_in(SCHOOL)
    if form == "withdraw":
        post(visitor, f"{place.page}/waive", step="archive", reason=WHY)
    store = place.service.environment
    before = query(store, "SELECT count(*) FROM audit_events")
    answer = post(visitor, f"{place.page}/{form}", step="archive", reason=reason)
    assert answer.status_code == 422
    assert query(store, "SELECT count(*) FROM audit_events") == before
    if form == "withdraw":
        assert get_error(answer) == "ReasonMissing"
        field = re.search(r'<input[^>]*name="reason"[^>]*autofocus[^>]*>', answer.text)
        assert field
        assert unescape(f'value="{reason}"') in unescape(field[0])


@pytest.mark.parametrize("step", ["", "nothing", "archive' --"])
def test_a_step_that_there_is_not_is_404(place: Place, step: str) -> None:
    answer = post(place.sign_in(SCHOOL), f"{place.page}/waive", step=step, reason=WHY)
    assert answer.status_code == 404


def test_after_submission_a_waiver_stays_and_the_slip_is_revoked_by_two(place: Place) -> None:
    school, second = place.sign_in(SCHOOL), place.sign_in(SECOND)
    post(school, f"{place.page}/waive", step="archive", reason=WHY)
    slip = issue_slip(place.service, place.number)
    answer = post(school, f"{place.page}/withdraw", step="archive", reason="录错")
    assert (answer.status_code, get_error(answer)) == (409, "AlreadySubmitted")
    assert "/withdraw" not in school.get(place.page).text

    assert post(school, f"{place.page}/revoke", reason="  ").status_code == 422
    asked = post(school, f"{place.page}/revoke", reason=SECRET)
    address = asked.headers["Location"]
    assert asked.status_code == 303
    assert re.fullmatch(r"/staff/approvals/\d+", address)
    own = post(school, address, decision="approve", note="")
    assert (own.status_code, get_error(own)) == (409, "NeedsSecondPerson")

    assert 'data-waiting="approvals"' in second.get("/staff").text
    number = address.rpartition("/")[2]
    assert f'data-approval="{number}"' in second.get("/staff/approvals").text
    page = second.get(address)
    assert SECRET in page.text
    assert post(second, f"{place.page}/revoke", reason="我也要撤销").headers["Location"].startswith(address)

    college = place.sign_in(COUNSELLOR)
    for answer in (
        college.get(address),
        college.get("/staff/approvals"),
        post(college, address, decision="approve"),
    ):
        assert answer.status_code == 404
        assert SECRET not in answer.text

    assert post(second, address, decision="approve", note="同意").headers["Location"] == address
    assert post(second, address, decision="approve", note="同意").status_code == 303
    late = post(second, address, decision="refuse", note="")
    assert (late.status_code, get_error(late)) == (409, "Conflict")
    assert "王老师" in late.text
    page = school.get(place.page)
    assert 'data-slip-state="revoked"' in page.text
    assert slip.number in page.text
    assert SECRET not in college.get(place.page).text


def test_what_no_request_has_is_404_and_no_decision_400(place: Place) -> None:
    visitor = place.sign_in(SCHOOL)
    assert visitor.get("/staff/approvals/999999").status_code == 404
    assert post(visitor, "/staff/approvals/999999", decision="approve").status_code == 404
    assert post(visitor, "/staff/approvals/1", decision="maybe").status_code == 400
    assert post(visitor, "/staff/approvals/1", decision="approve", note="好" * 201).status_code in (404, 422)


def test_a_form_sent_after_the_grants_end_says_so_and_keeps_what_was_typed(place: Place) -> None:
    given = grant(place.service.environment, "00420013", "school")
    grant(place.service.environment, "00420013", "auditor")
    visitor = place.sign_in("00420013")
    token_page = visitor.get(place.page)
    end_grant(place.service.environment, given)
    answer = visitor.post(f"{place.page}/waive", token_page, step="archive", reason=SECRET)
    assert (answer.status_code, get_error(answer)) == (403, "GrantEnded")
    assert SECRET in answer.text


def test_a_look_at_a_student_is_logged_by_page(place: Place) -> None:
    place.sign_in(AUDITOR).get(place.page)
    ((page, count),) = query(
        place.service.environment,
        "SELECT page, count FROM staff_views WHERE viewer = :viewer AND subject = :subject",
        viewer=AUDITOR,
        subject=place.number,
    )
    assert (page, count) == ("student", 1)


def test_nothing_of_the_kind_without_a_sign_in(place: Place) -> None:
    stranger = place.service.visit()
    for path in (place.page, LIST, "/staff/approvals"):
        answer = stranger.get(path, allow_redirects=False)
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in")
