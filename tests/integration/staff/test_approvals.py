"""Two persons 复核: what one asks another decides, exactly that, once; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import time_machine
from sqlalchemy import select, text

from app.domain.errors import (
    AlreadySubmitted,
    AlreadyWaived,
    ChangedSinceAsked,
    Conflict,
    DomainError,
    GrantEnded,
    NeedsSecondPerson,
    NotFound,
    NotWaived,
    OwnDecision,
    SlipRevoked,
)
from app.domain.slip_log import CodeState
from app.extensions import db
from app.models import Approval, AuditEvent, write_transaction
from app.services.audit import find_audit_faults
from app.services.clearance.waivers import grant_waiver, list_waivers, withdraw_waiver
from app.services.clock import get_now
from app.services.installation import InstalledMiniApp
from app.services.slips.issuing import reissue_slip, revoke_slip
from app.services.staff import approvals, requests
from app.services.staff.acts import ask_revocation, waive, withdraw
from app.services.staff.approvals import (
    OPEN_FOR,
    Asked,
    ask,
    decide,
)
from app.services.staff.approved_acts import Kind, Subject
from app.services.staff.grants import load_grants
from app.services.staff.requests import (
    Request,
    Verdict,
    find_change,
    find_request,
    list_open,
    list_open_about,
)
from app.services.staff.roster import Listed, add_listed, find_listed
from tests.fixtures.departments import make_graduate
from tests.fixtures.forged_rows import copy
from tests.fixtures.office import Office
from tests.fixtures.staff import end_grant, grant

STUDENT = "TS23000005"
ASKER, SECOND, THIRD, COUNSELLOR = "00420014", "00420015", "00420023", "00420020"
WHY, NOTE = "论文涉密，线下归档", "已与档案馆核对"
ENOUGH = 60


@pytest.fixture
def installed(office: Office) -> InstalledMiniApp:
    """The graduate departure, with its school."""
    for number in (ASKER, SECOND, THIRD):
        grant(office.app, number, "school")
    return office.installation.mini_apps["graduate-departure"]


@pytest.fixture
def student(installed: InstalledMiniApp) -> Listed:
    """One on the roster."""
    with write_transaction() as session:
        add_listed(session.connection(), installed, make_graduate(STUDENT), source="sign_in")
    listed = find_listed(installed, STUDENT)
    assert listed is not None
    return listed


def ask_waiver(office: Office, installed: InstalledMiniApp, by: str = ASKER, reason: str = WHY) -> Asked:
    """A request to waive the archive."""
    shown = {"status": "outstanding"}
    return ask(office.installation, Kind.WAIVE, Subject(installed, STUDENT, "archive"), reason, by, shown)


def approve(office: Office, asked: Asked, by: str = SECOND) -> None:
    """Approve a request."""
    decide(office.installation, asked.id, Verdict.APPROVED, NOTE, by)


def get_request(office: Office, asked: Asked, by: str = SECOND) -> Request:
    """A request as somebody of the school sees it."""
    return find_request(office.installation, load_grants(office.installation, by, get_now()), asked.id)


def list_waiting(office: Office, by: str) -> list[int]:
    """The ids of the open requests that somebody sees."""
    now = get_now()
    grants = load_grants(office.installation, by, now)
    return [one.id for one in list_open(office.installation, grants, now)]


def list_events(kind: str) -> list[AuditEvent]:
    """The audit events of a kind."""
    db.session.rollback()
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.kind == kind).order_by(AuditEvent.id)))


def find_faults(office: Office) -> list[str]:
    """What `flask audit verify` would say."""
    return list(find_audit_faults(lambda: None, office.installation.row_keys))


def test_a_revocation_is_asked_by_one_and_done_by_the_other(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    number = office.issue(student_number=STUDENT)
    asked = ask_revocation(office.installation, installed, student, WHY, ASKER)
    assert office.get_codes(number)[-1].state == CodeState.ISSUED
    assert list_waiting(office, SECOND) == [asked.id]

    approve(office, asked)
    assert office.get_codes(number)[-1].state == CodeState.REVOKED
    (event,) = list_events("slip_revoked")
    assert (event.actor, event.details["persons"], event.details["asked_by"]) == (SECOND, 2, ASKER)
    assert event.details["reason"] == WHY
    (decided,) = list_events("approval_decided")
    assert (decided.subject, decided.details["decision"], decided.details["note"]) == (
        STUDENT,
        "approved",
        NOTE,
    )
    assert list_waiting(office, SECOND) == []
    assert find_faults(office) == []


def test_a_waiver_and_its_withdrawal_by_two(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    assert list_waivers(installed, STUDENT) == {}
    assert [event.actor for event in list_events("waiver_asked")] == [ASKER]
    approve(office, asked)
    assert list_waivers(installed, STUDENT)["archive"].granted_by == SECOND

    subject = Subject(installed, STUDENT, "archive")
    again = ask(office.installation, Kind.WITHDRAW, subject, WHY, SECOND, {})
    approve(office, again, by=ASKER)
    assert list_waivers(installed, STUDENT) == {}
    assert list_events("waiver_withdrawn")[0].details["persons"] == 2
    assert find_faults(office) == []


def test_refused_nothing_is_done_and_it_may_be_asked_again(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    decide(office.installation, asked.id, Verdict.REFUSED, "材料不全", SECOND)
    assert list_waivers(installed, STUDENT) == {}
    assert get_request(office, asked).verdict is Verdict.REFUSED
    assert ask_waiver(office, installed).is_new
    assert find_faults(office) == []


def test_there_is_one_open_request_of_a_kind_and_subject(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    first = ask_waiver(office, installed)
    assert ask_waiver(office, installed) == Asked(first.id, is_new=False)
    assert ask_waiver(office, installed, by=SECOND, reason="另一原因") == Asked(first.id, is_new=False)
    assert len(list_events("waiver_asked")) == 1


def test_the_asker_does_not_decide_whatever_the_verdict(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    for verdict in (Verdict.APPROVED, Verdict.REFUSED):
        with pytest.raises(NeedsSecondPerson):
            decide(office.installation, asked.id, verdict, "", ASKER)
    assert list_waiting(office, SECOND) == [asked.id]


def test_without_the_guard_the_database_still_refuses_the_asker(
    office: Office, installed: InstalledMiniApp, student: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask_waiver(office, installed)
    monkeypatch.setattr(approvals, "_require_second_person", lambda *_arguments: None)
    with pytest.raises(Exception, match=r"(?i)second_person"):
        approve(office, asked, by=ASKER)
    assert list_waivers(installed, STUDENT) == {}


@pytest.mark.parametrize("is_giver_the_asker", [True, False])
def test_who_stands_in_for_the_other_does_not_decide(
    office: Office, installed: InstalledMiniApp, student: Listed, is_giver_the_asker: bool
) -> None:
    giver, taker = (ASKER, "00420031") if is_giver_the_asker else ("00420031", ASKER)
    own = grant(office.app, giver, "school", period="2026-06")
    grant(office.app, taker, "school", mini_app="graduate_departure", delegated_from=own)
    asked = ask_waiver(office, installed)
    with pytest.raises(NeedsSecondPerson):
        approve(office, asked, by="00420031")
    assert list_waivers(installed, STUDENT) == {}


def test_control_who_got_the_right_from_elsewhere_decides(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    own = grant(office.app, THIRD, "school", period="2026-06")
    grant(office.app, "00420031", "school", delegated_from=own)
    approve(office, ask_waiver(office, installed), by="00420031")
    assert "archive" in list_waivers(installed, STUDENT)


def test_nobody_decides_about_oneself(office: Office, installed: InstalledMiniApp, student: Listed) -> None:
    grant(office.app, STUDENT, "school")
    with pytest.raises(OwnDecision):
        ask_waiver(office, installed, by=STUDENT)
    asked = ask_waiver(office, installed)
    with pytest.raises(OwnDecision):
        approve(office, asked, by=STUDENT)


@pytest.mark.parametrize("by", [COUNSELLOR, "00420022", "00420013"])
def test_without_the_right_there_is_no_request(
    office: Office, installed: InstalledMiniApp, student: Listed, by: str
) -> None:
    grant(office.app, COUNSELLOR, "college", college=student.college)
    grant(office.app, "00420022", "admin")
    asked = ask_waiver(office, installed)
    with pytest.raises(NotFound):
        approve(office, asked, by=by)
    with pytest.raises(NotFound):
        get_request(office, asked, by=by)
    with pytest.raises(NotFound):
        ask_waiver(office, installed, by=by)
    assert list_waiting(office, by) == []


def test_outside_a_scope_there_is_no_request(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    grant(office.app, "00420032", "school", college="矿业工程学院")
    grant(office.app, "00420033", "school", step="finance", mini_app="graduate_departure")
    grant(office.app, "00420034", "school", college=student.college, step="archive")
    asked = ask_waiver(office, installed)
    for outside in ("00420032", "00420033"):
        assert list_waiting(office, outside) == []
        with pytest.raises(NotFound):
            approve(office, asked, by=outside)
    assert list_waiting(office, "00420034") == [asked.id]
    approve(office, asked, by="00420034")


def test_a_grant_that_ended_meanwhile_neither_asks_nor_decides(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    given = grant(office.app, "00420035", "school")
    asked = ask_waiver(office, installed)
    end_grant(office.app, given)
    with pytest.raises(GrantEnded):
        approve(office, asked, by="00420035")
    with pytest.raises(GrantEnded):
        ask_waiver(office, installed, by="00420035")
    with pytest.raises(GrantEnded):
        waive(office.installation, installed, student, "finance", WHY, "00420035")
    assert list_waivers(installed, STUDENT) == {}


def test_after_72_hours_it_is_too_late_and_may_be_asked_anew(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    with time_machine.travel(get_now() + OPEN_FOR + timedelta(seconds=1), tick=True):
        assert list_waiting(office, SECOND) == []
        with pytest.raises(ChangedSinceAsked):
            approve(office, asked)
        again = ask_waiver(office, installed)
        assert again.is_new
        assert get_request(office, asked).verdict is Verdict.EXPIRED
        approve(office, again)
    assert "archive" in list_waivers(installed, STUDENT)
    assert find_faults(office) == []


def test_control_shortly_before_it_is_not_too_late(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    with time_machine.travel(get_now() + OPEN_FOR - timedelta(minutes=1), tick=True):
        approve(office, asked)
    assert "archive" in list_waivers(installed, STUDENT)


def waive_it(office: Office, installed: InstalledMiniApp) -> None:
    """At the command line."""
    grant_waiver(installed, "archive", STUDENT, "另一原因", THIRD, accepts_unknown=True)


def submit_it(office: Office, installed: InstalledMiniApp) -> None:
    """By the student."""
    office.issue(student_number=STUDENT)


@pytest.mark.parametrize("change", [waive_it, submit_it])
def test_a_waiver_is_not_granted_on_what_changed_since(
    office: Office,
    installed: InstalledMiniApp,
    student: Listed,
    change: Callable[[Office, InstalledMiniApp], None],
) -> None:
    asked = ask_waiver(office, installed)
    assert find_change(office.installation, get_request(office, asked)) == ""
    change(office, installed)
    assert find_change(office.installation, get_request(office, asked)) != ""
    with pytest.raises(ChangedSinceAsked):
        approve(office, asked)
    assert all(one.granted_by != SECOND for one in list_waivers(installed, STUDENT).values())
    assert get_request(office, asked).verdict is None


def test_a_waiver_that_was_granted_anew_is_not_the_one_that_was_asked_about(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    grant_waiver(installed, "archive", STUDENT, WHY, THIRD, accepts_unknown=True)
    asked = ask(office.installation, Kind.WITHDRAW, Subject(installed, STUDENT, "archive"), WHY, ASKER, {})
    withdraw_waiver(installed, "archive", STUDENT, WHY, THIRD)
    grant_waiver(installed, "archive", STUDENT, WHY, THIRD, accepts_unknown=True)
    with pytest.raises(ChangedSinceAsked):
        approve(office, asked)
    assert "archive" in list_waivers(installed, STUDENT)


@pytest.mark.parametrize("change", ["revoke", "reissue"])
def test_a_slip_that_changed_since_is_not_revoked(
    office: Office, installed: InstalledMiniApp, student: Listed, change: str
) -> None:
    number = office.issue(student_number=STUDENT)
    asked = ask_revocation(office.installation, installed, student, WHY, ASKER)
    if change == "revoke":
        revoke_slip(number, reason=WHY, by=THIRD)
    else:
        reissue_slip(office.installation, number, reason=WHY, by=THIRD)
    with pytest.raises(ChangedSinceAsked):
        approve(office, asked)
    expected = CodeState.REVOKED if change == "revoke" else CodeState.ISSUED
    assert office.get_codes(number)[-1].state == expected


ALTERED = {
    "reason": "UPDATE approvals SET reason = '另一原因'",
    "payload": "UPDATE approvals SET payload = REPLACE(CAST(payload AS TEXT), 'archive', 'finance')",
    "payload and digest": "UPDATE approvals SET payload_digest = 'x', payload = '{\"kind\": \"waive\"}'",
    "time": "UPDATE approvals SET expires_at = '2099-01-01 00:00:00'",
    "asker": "UPDATE approvals SET asked_by = '00420099'",
    "kind": "UPDATE approvals SET kind = 'withdraw'",
    "no such kind": "UPDATE approvals SET kind = 'delete'",
    "student": "UPDATE approvals SET student_number = 'TS23000006'",
    "mac": "UPDATE approvals SET mac = NULL",
}


@pytest.mark.parametrize("what", ALTERED)
def test_a_request_that_was_altered_behind_the_service_is_refused(
    office: Office, installed: InstalledMiniApp, student: Listed, what: str
) -> None:
    asked = ask_waiver(office, installed)
    statement = ALTERED[what]
    if db.engine.dialect.name == "postgresql":
        statement = statement.replace("'archive', 'finance')", "'archive', 'finance')::json")
    with write_transaction() as session:
        session.execute(text(statement))
    assert list_waiting(office, SECOND) == []
    with pytest.raises(ChangedSinceAsked):
        approve(office, asked)
    assert list_waivers(installed, STUDENT) == {}
    assert any("approvals" in fault for fault in find_faults(office))


def refuse_and_put_back(office: Office, asked: Asked) -> None:
    """Refuse a request, and write its open row back, whose code is as true as ever."""
    put_back = copy("approvals")
    decide(office.installation, asked.id, Verdict.REFUSED, NOTE, SECOND)
    put_back()


def test_a_decided_request_that_is_put_back_is_none(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    refuse_and_put_back(office, asked)
    assert list_waiting(office, THIRD) == []
    assert list_open_about(office.installation, installed, STUDENT, get_now()) == []
    with pytest.raises(ChangedSinceAsked):
        approve(office, asked, by=THIRD)
    assert list_waivers(installed, STUDENT) == {}
    assert any("approvals is there again" in fault for fault in find_faults(office))
    assert ask_waiver(office, installed).is_new


def test_without_the_events_it_would_be_done(
    office: Office, installed: InstalledMiniApp, student: Listed, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = ask_waiver(office, installed)
    monkeypatch.setattr(requests, "was_ended", lambda *_: False)
    refuse_and_put_back(office, asked)
    assert list_waiting(office, THIRD) == [asked.id]
    approve(office, asked, by=THIRD)
    assert "archive" in list_waivers(installed, STUDENT)


def test_an_altered_request_does_not_stand_in_the_way_of_a_new_one(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    with write_transaction() as session:
        session.execute(text("UPDATE approvals SET reason = 'x'"))
    again = ask_waiver(office, installed)
    assert again.is_new
    assert again.id != asked.id
    assert list_events("approval_decided")[0].details["was_authentic"] is False


def test_the_same_decision_again_changes_nothing_and_another_is_told_who_decided(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    approve(office, asked)
    approve(office, asked)
    assert len(list_events("step_waived")) == 1
    for verdict, by in ((Verdict.REFUSED, SECOND), (Verdict.APPROVED, THIRD), (Verdict.REFUSED, THIRD)):
        with pytest.raises(Conflict) as told:
            decide(office.installation, asked.id, verdict, "", by)
        assert isinstance(told.value.current, Request)
        assert (told.value.current.decided_by, told.value.current.verdict) == (SECOND, Verdict.APPROVED)


def race(office: Office, *calls: Callable[[], object]) -> list[object]:
    """What each call comes to, all at once."""
    barrier = threading.Barrier(len(calls))
    outcomes: list[object] = [None] * len(calls)

    def run(place: int) -> None:
        with office.app.app_context():
            barrier.wait(ENOUGH)
            try:
                outcomes[place] = calls[place]()
            except DomainError as fact:
                outcomes[place] = type(fact)
            finally:
                db.session.remove()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(calls))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH)
    return outcomes


def test_of_two_approvers_at_once_one_wins_and_the_other_is_told(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    number = office.issue(student_number=STUDENT)
    asked = ask_revocation(office.installation, installed, student, WHY, ASKER)
    db.session.rollback()
    outcomes = race(office, *(lambda by=by: approve(office, asked, by) for by in (SECOND, THIRD)))
    assert sorted(map(str, outcomes)) == sorted([str(None), str(Conflict)])
    assert len(list_events("slip_revoked")) == 1
    assert office.get_codes(number)[-1].state == CodeState.REVOKED
    assert find_faults(office) == []


def test_approve_against_refuse_at_once_is_decided_once(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    asked = ask_waiver(office, installed)
    db.session.rollback()
    outcomes = race(
        office,
        lambda: approve(office, asked),
        lambda: decide(office.installation, asked.id, Verdict.REFUSED, "", THIRD),
    )
    assert outcomes.count(Conflict) == 1
    (decided,) = list_events("approval_decided")
    is_waived = "archive" in list_waivers(installed, STUDENT)
    assert is_waived is (decided.details["decision"] == "approved")


def test_of_many_who_ask_at_once_there_is_one_request(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    outcomes = race(
        office, *(lambda by=by: ask_waiver(office, installed, by) for by in (ASKER, SECOND, THIRD, ASKER))
    )
    asked = [one for one in outcomes if isinstance(one, Asked)]
    assert (len(asked), len({one.id for one in asked}), sum(one.is_new for one in asked)) == (4, 1, 1)


def test_the_index_alone_keeps_a_second_open_request_out(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    ask_waiver(office, installed)
    row = db.session.scalars(select(Approval)).one()
    values = {
        column.name: getattr(row, column.name) for column in Approval.__table__.c if column.name != "id"
    }
    with pytest.raises(Exception, match=r"(?i)unique"), write_transaction() as session:
        session.add(Approval(**values))


def test_a_waiver_by_one_holds_at_once_and_says_so(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    assert waive(office.installation, installed, student, "archive", WHY, ASKER) is None
    assert list_waivers(installed, STUDENT)["archive"].granted_by == ASKER
    assert waive(office.installation, installed, student, "archive", WHY, ASKER) is None
    with pytest.raises(AlreadyWaived):
        waive(office.installation, installed, student, "archive", WHY, SECOND)
    (event,) = list_events("step_waived")
    assert (event.details["persons"], event.details["via"]) == (1, "page")

    assert withdraw(office.installation, installed, student, "archive", "录错", SECOND) is None
    assert withdraw(office.installation, installed, student, "archive", "录错", SECOND) is None
    with pytest.raises(NotWaived):
        withdraw(office.installation, installed, student, "archive", "别的", SECOND)
    assert len(list_events("waiver_withdrawn")) == 1


def test_after_submission_neither_waiver_nor_withdrawal(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    waive(office.installation, installed, student, "archive", WHY, ASKER)
    number = office.issue(student_number=STUDENT)
    with pytest.raises(AlreadySubmitted):
        withdraw(office.installation, installed, student, "archive", WHY, ASKER)
    with pytest.raises(AlreadySubmitted):
        waive(office.installation, installed, student, "finance", WHY, ASKER)
    revoke_slip(number, reason=WHY, by=THIRD)
    with pytest.raises(SlipRevoked):
        ask_revocation(office.installation, installed, student, WHY, ASKER)


def test_the_command_line_needs_one_person_and_its_events_say_so(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    number = office.issue(student_number="TS23000077")
    runner = office.app.test_cli_runner()
    decided = ("--reason", WHY, "--by", ASKER)
    about = ("graduate_departure", "archive", STUDENT)
    for words in (
        ("waive", *about, *decided, "--unknown-number"),
        ("waivers", "withdraw", *about, *decided),
        ("slips", "revoke", number, *decided),
    ):
        db.session.rollback()
        assert runner.invoke(args=list(words)).exit_code == 0
    for kind in ("step_waived", "waiver_withdrawn", "slip_revoked"):
        (event,) = list_events(kind)
        assert (event.details["persons"], event.details["via"]) == (1, "command"), kind


def test_a_listed_student_of_another_college_is_out_of_a_narrow_right(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    grant(office.app, "00420036", "school", college="矿业工程学院")
    with pytest.raises(NotFound):
        waive(office.installation, installed, student, "archive", WHY, "00420036")
    elsewhere = replace(student, college="矿业工程学院")
    with pytest.raises(NotFound):
        ask_revocation(office.installation, installed, elsewhere, WHY, "00420036")


def test_a_request_that_nobody_decided_goes_by_its_time_like_any_other(
    office: Office, installed: InstalledMiniApp, student: Listed
) -> None:
    ask_waiver(office, installed)
    kept = timedelta(days=office.installation.settings.retention.audit_days)
    for days, left in ((2, 1), (4, 0)):
        with time_machine.travel(get_now() + kept + timedelta(days=days), tick=True):
            office.app.test_cli_runner().invoke(args=["purge", "--by", THIRD])
            db.session.rollback()
            assert db.session.query(Approval).count() == left
