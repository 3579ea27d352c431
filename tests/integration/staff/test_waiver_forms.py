"""Forms about a student that are older than what stands, and steps at which two persons decide, as staff use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import requests

from app.services.slips.issuing import reissue_slip
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.counter_service import ARCHIVE, CONFIG
from tests.fixtures.issued_slips import issue_slip
from tests.fixtures.staff import end_grant, grant
from tests.fixtures.stored import query
from tests.integration.staff.counter_pages import Clerk, inside, list_forms
from tests.integration.staff.staff_pages import DORMITORY, sign_in_staff
from tests.integration.staff.test_student_page import LIST, get_error, list_items, post
from tests.running import running_service
from tests.visitor import Visitor

SCHOOL, SECOND, CLERK = "00420014", "00420015", "00420017"
WHY, OTHER_WHY = "论文涉密，线下归档", "另有原因，见附件"
DESKS = "/staff/desk/graduate-departure"


@pytest.fixture(scope="module")
def service_for_two(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service of config/demo_staff.toml, where two decide about waivers of the archive."""
    folder = tmp_path_factory.mktemp("for_two")
    extra = folder / "two.toml"
    extra.write_text('[console]\ntwo_for = ["graduate_departure.archive"]\n', encoding="utf-8")
    with running_service(campus, folder, configs=(CONFIG, extra)) as started:
        grant(started.environment, SCHOOL, "school", name="张老师")
        grant(started.environment, SECOND, "school", name="王老师")
        grant(started.environment, CLERK, "desk", name="何建平", **ARCHIVE)
        grant(started.environment, CLERK, "desk", name="何建平", **DORMITORY)
        yield started


@dataclass(frozen=True)
class Case:
    """A student who looked once, and whom no desk handled."""

    service: Service
    number: str
    page: str

    def sign_in(self, number: str) -> Visitor:
        """Somebody of the staff."""
        return sign_in_staff(self.service, number)

    def draw(self, visitor: Visitor, form: str, step: str = "dormitory") -> dict[str, str]:
        """The fields of a form as the student's page has it now."""
        forms = list_forms(visitor.get(self.page), form)
        return next(one for one in forms if one.get("step", "") == step)

    def send(self, visitor: Visitor, form: str, fields: dict[str, str], reason: str) -> requests.Response:
        """Send such a form."""
        data = {name: value for name, value in fields.items() if name != "csrf_token"}
        return post(visitor, f"{self.page}/{form}", **data, reason=reason)

    def get_status(self, visitor: Visitor, step: str = "dormitory") -> str:
        """How the item stands on the student's page."""
        return list_items(visitor.get(self.page))[step]

    def decide(self, outcome: str, step: str = "dormitory", **data: str) -> None:
        """Let the clerk decide."""
        clerk = Clerk(self.sign_in(CLERK), f"{DESKS}/{step}")
        assert clerk.decide(clerk.open_item(self.number), outcome, **data).status_code == 303


@pytest.fixture
def case(service_for_two: Service, fresh_student: str) -> Case:
    """Such a student."""
    service_for_two.visit().sign_in(fresh_student, "/graduate-departure/clearance?wait=1")
    ((key,),) = query(
        service_for_two.environment,
        "SELECT key FROM roster_entries WHERE student_number = :number",
        number=fresh_student,
    )
    return Case(service_for_two, fresh_student, f"{LIST}/{key}")


def test_a_waiver_that_was_withdrawn_does_not_come_back_by_the_old_form(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    form = case.draw(school, "waive")
    assert case.send(school, "waive", form, WHY).status_code == 303
    assert case.send(second, "withdraw", case.draw(second, "withdraw"), "录错").status_code == 303

    again = case.send(school, "waive", form, WHY)
    assert (again.status_code, again.headers["Location"]) == (303, f"{case.page}#dormitory")
    for old in ({**form, "nonce": "a" * 32}, {"step": "dormitory"}):
        answer = case.send(school, "waive", old, WHY)
        assert (answer.status_code, get_error(answer)) == (409, "Conflict")
        assert re.search(r"现在的记录：[^<]*王老师[^<]*撤回", answer.text)
        assert f"您填写的原因：{WHY}" in answer.text
    assert case.get_status(school) == "outstanding"

    control = case.send(school, "waive", case.draw(school, "waive"), WHY)
    assert control.status_code == 303
    assert case.get_status(school) == "waived"


def test_a_form_that_withdraws_one_waiver_does_not_withdraw_the_next(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    case.send(school, "waive", case.draw(school, "waive"), WHY)
    old = case.draw(school, "withdraw")
    case.send(second, "withdraw", case.draw(second, "withdraw"), "录错")
    case.send(second, "waive", case.draw(second, "waive"), OTHER_WHY)
    for form in (old, {"step": "dormitory"}):
        answer = case.send(school, "withdraw", form, "不该豁免")
        assert (answer.status_code, get_error(answer)) == (409, "Conflict")
        assert re.search(r"现在的记录：[^<]*王老师[^<]*豁免", answer.text)
    assert case.get_status(school) == "waived"
    assert case.send(school, "withdraw", case.draw(school, "withdraw"), "不该豁免").status_code == 303


def test_a_waiver_is_not_granted_over_what_a_clerk_decided_meanwhile(case: Case) -> None:
    school = case.sign_in(SCHOOL)
    form = case.draw(school, "waive")
    case.decide("done")
    answer = case.send(school, "waive", form, WHY)
    assert (answer.status_code, get_error(answer)) == (409, "Conflict")
    assert re.search(r"现在的记录：[^<]*何建平[^<]*办结", answer.text)
    by_hand = case.send(school, "waive", {"step": "dormitory"}, WHY)
    assert (by_hand.status_code, get_error(by_hand)) == (409, "NothingToWaive")
    assert case.get_status(school) == "cleared"


def test_a_department_that_lets_somebody_pass_is_not_waived_by_hand(case: Case) -> None:
    school = case.sign_in(SCHOOL)
    assert case.get_status(school, "finance") == "cleared"
    answer = case.send(school, "waive", {"step": "finance"}, WHY)
    assert (answer.status_code, get_error(answer)) == (409, "NothingToWaive")
    assert case.get_status(school, "finance") == "cleared"


@pytest.mark.parametrize("field", ["version", "nonce"])
@pytest.mark.parametrize("value", ["-1", "x", "１", "9" * 40])
def test_a_form_that_is_none_of_ours_is_400(case: Case, field: str, value: str) -> None:
    school = case.sign_in(SCHOOL)
    form = {**case.draw(school, "waive"), field: value}
    assert case.send(school, "waive", form, WHY).status_code == 400
    assert case.get_status(school) == "outstanding"


def test_the_nonce_of_a_colleague_is_nobody_elses(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    form = case.draw(school, "waive")
    case.send(school, "waive", form, WHY)
    stolen = {**case.draw(second, "withdraw"), "nonce": form["nonce"]}
    assert case.send(second, "withdraw", stolen, "录错").status_code == 409
    assert case.get_status(school) == "waived"


def test_a_form_says_that_a_second_person_is_needed(case: Case) -> None:
    school = case.sign_in(SCHOOL)
    articles = dict(
        re.findall(
            r'<article [^>]*id="(archive|dormitory)"(.*?)</article>', school.get(case.page).text, re.DOTALL
        )
    )
    assert "由另一位同事复核后才豁免" in articles["archive"]
    assert "确认豁免" not in articles["archive"]
    assert "确认豁免" in articles["dormitory"]
    assert "由另一位同事复核" not in articles["dormitory"]


@pytest.mark.parametrize("outcome", ["done", "not_done"])
def test_a_request_is_not_carried_out_over_what_a_clerk_decided_meanwhile(case: Case, outcome: str) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    address = case.send(school, "waive", case.draw(school, "waive", "archive"), WHY).headers["Location"]
    assert second.get(address).text.count("没有办理记录") == 2
    case.decide(outcome, "archive", **({"reason": "thesis_missing"} if outcome == "not_done" else {}))
    answer = post(second, address, decision="approve", note="")
    assert (answer.status_code, get_error(answer)) == (409, "ChangedSinceAsked")
    assert "data-changed" in answer.text
    assert re.search(r"何建平[^<]*办结", answer.text)
    assert case.get_status(second, "archive") == ("cleared" if outcome == "done" else "outstanding")


def test_control_a_request_is_carried_out_where_nobody_decided(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    address = case.send(school, "waive", case.draw(school, "waive", "archive"), WHY).headers["Location"]
    assert post(second, address, decision="approve", note="").status_code == 303
    assert case.get_status(second, "archive") == "waived"


def test_a_refused_request_does_not_come_back_by_the_old_form(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    form = case.draw(school, "waive", "archive")
    address = case.send(school, "waive", form, WHY).headers["Location"]
    post(second, address, decision="refuse", note="")
    assert case.send(school, "waive", form, WHY).headers["Location"] == address
    anew = case.send(school, "waive", case.draw(school, "waive", "archive"), WHY).headers["Location"]
    assert anew != address


def test_the_asker_takes_an_own_request_back_and_nobody_else_does(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    address = case.send(school, "waive", case.draw(school, "waive", "archive"), WHY).headers["Location"]
    assert 'value="withdraw"' in school.get(address).text
    assert 'value="withdraw"' not in second.get(address).text
    assert post(second, address, decision="withdraw").status_code == 404
    for _ in range(2):
        assert post(school, address, decision="withdraw").status_code == 303
    assert "撤回这项申请" in school.get(address).text
    late = post(second, address, decision="approve", note="")
    assert (late.status_code, get_error(late)) == (409, "Conflict")
    assert case.get_status(second, "archive") == "outstanding"
    assert "申请" in second.get(case.page).text


def test_a_reason_that_was_typed_for_what_was_asked_before_is_given_back(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    case.send(school, "waive", case.draw(school, "waive", "archive"), WHY)
    answer = case.send(second, "waive", case.draw(second, "waive", "archive"), OTHER_WHY)
    page = second.get(answer.headers["Location"])
    assert f"您填写的原因没有保存：{OTHER_WHY}" in page.text
    assert OTHER_WHY not in second.get(answer.headers["Location"]).text


def test_a_request_that_nobody_can_approve_gives_way_to_a_new_one(case: Case) -> None:
    school, second = case.sign_in(SCHOOL), case.sign_in(SECOND)
    case.decide("done")
    case.decide("done", "archive")
    slip = issue_slip(case.service, case.number)
    address = case.send(school, "revoke", case.draw(school, "revoke", ""), WHY).headers["Location"]
    assert not list_forms(school.get(case.page), "revoke")
    with inside(case.service) as installation:
        reissue_slip(installation, slip.number, reason=WHY, by="00420023")
    assert "已换发" in second.get(address).text
    anew = case.send(school, "revoke", case.draw(school, "revoke", ""), OTHER_WHY).headers["Location"]
    assert re.fullmatch(r"/staff/approvals/\d+", anew)
    assert anew != address
    assert post(second, anew, decision="approve", note="").status_code == 303
    assert "由新的申请代替" in second.get(address).text
    assert 'data-slip-state="revoked"' in school.get(case.page).text


def test_a_request_does_not_outlive_the_right_of_who_asked(case: Case) -> None:
    asker, second = "00420013", case.sign_in(SECOND)
    given = grant(case.service.environment, asker, "school")
    visitor = case.sign_in(asker)
    address = case.send(visitor, "waive", case.draw(visitor, "waive", "archive"), WHY).headers["Location"]
    end_grant(case.service.environment, given)
    assert "没有提出这项申请的权限" in second.get(address).text
    answer = post(second, address, decision="approve", note="")
    assert (answer.status_code, get_error(answer)) == (409, "ChangedSinceAsked")
    assert case.get_status(second, "archive") == "outstanding"
    assert (
        case.send(second, "waive", case.draw(second, "waive", "archive"), WHY).headers["Location"] != address
    )


def test_an_undo_of_the_items_own_page_is_not_told_as_one_of_the_list(case: Case) -> None:
    clerk = Clerk(case.sign_in(CLERK), f"{DESKS}/dormitory")
    case.decide("done")
    assert clerk.undo(clerk.open_item(case.number)).status_code == 303
    vias = query(
        case.service.environment,
        "SELECT via FROM desk_decisions WHERE student_number = :number ORDER BY id",
        number=case.number,
    )
    assert [via for (via,) in vias] == ["typed", "typed"]


def test_staff_do_not_read_what_a_student_may_do_here(case: Case) -> None:
    case.service.visit().sign_in("TS23000001", "/graduate-departure/clearance?wait=1")
    ((key,),) = query(
        case.service.environment, "SELECT key FROM roster_entries WHERE student_number = 'TS23000001'"
    )
    page = case.sign_in(SCHOOL).get(f"{LIST}/{key}")
    assert list_items(page)["library_loans"] == "outstanding"
    assert "可在此" not in page.text
    assert "可以在此" not in page.text
