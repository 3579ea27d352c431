"""Rows that decide, written past the service by SQL: none lets a student pass, and `flask audit verify` finds each."""

from __future__ import annotations

import pytest
from click.testing import Result
from sqlalchemy import false

from app.connectors.base import FailureCode
from app.connectors.desk import KeptEntry
from app.domain.clearance import DepartmentUnavailable
from app.domain.errors import UnknownSlip
from app.domain.row_mac import get_row_digest
from app.extensions import db
from app.services import audit
from app.services.clearance import waivers
from app.services.clearance.waivers import list_standing
from app.services.desk import desk
from app.services.operations.readiness import check_readiness
from app.services.sign_in import consents
from app.services.slips import slips
from app.services.slips.slips import get_slip, list_slips
from tests.fixtures.departments import PASSES as CANARY
from tests.fixtures.departments import install, make_departments
from tests.fixtures.forged_rows import (
    DEBTOR,
    FOUND_BY_EVENTS,
    OTHER,
    PASSES,
    THIEF,
    Forgery,
    Target,
    change_entry,
    delete_entry,
    delete_refusal,
    insert_entry,
    insert_waiver,
    replay_waiver,
    sql,
)
from tests.fixtures.office import Office


@pytest.fixture
def target(office: Office) -> Target:
    """Whose archive lets nobody go without a waiver."""
    departments = make_departments()
    archive = departments["archive"]
    archive.of_student[CANARY] = archive.records
    archive.records = ({"state": "未审核", "reviewed_on": None},)
    return Target(office, *install(office.installation, departments))


def run(target: Target, *words: str) -> Result:
    """`flask <words>`."""
    db.session.rollback()
    return target.office.app.test_cli_runner().invoke(args=list(words))


def read_readiness(target: Target) -> str:
    """What /readyz says of rows."""
    db.session.rollback()
    return next(one.message for one in check_readiness(target.installation) if one.name == "rows")


def switch_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """The service as it would be without codes."""
    for module in (waivers, desk, consents):
        monkeypatch.setattr(module, "is_authentic", lambda *_: True)
    monkeypatch.setattr(waivers, "_FIND_ENDED", waivers._FIND_ENDED.where(false()))
    monkeypatch.setattr(desk, "_is_in_force", lambda _keys, completion, _ended: bool(completion["connector"]))
    monkeypatch.setattr(desk, "is_on_roll", lambda *_: False)
    monkeypatch.setattr(desk, "rests_on", lambda *_: True)
    monkeypatch.setattr(desk, "_says_nothing", lambda *_: True)
    monkeypatch.setattr(KeptEntry, "is_doubted", False)


@pytest.mark.parametrize("forge", PASSES, ids=lambda forge: forge.__name__)
def test_no_forged_row_lets_anybody_pass_and_the_audit_finds_it(target: Target, forge: Forgery) -> None:
    forge(target)
    assert not PASSES[forge](target)
    assert run(target, "audit", "verify").exit_code == 1


@pytest.mark.parametrize("forge", PASSES, ids=lambda forge: forge.__name__)
def test_without_codes_each_would_pass_and_nobody_would_notice(
    target: Target, forge: Forgery, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_off(monkeypatch)
    monkeypatch.setattr(audit, "find_row_faults", lambda *_: [])
    monkeypatch.setattr(audit, "find_history_faults", lambda *_: [])
    forge(target)
    assert PASSES[forge](target)
    assert run(target, "audit", "verify").exit_code == 0


@pytest.mark.parametrize("change", FOUND_BY_EVENTS, ids=lambda change: change.__name__)
def test_what_no_code_can_show_the_audit_finds(target: Target, change: Forgery) -> None:
    change(target)
    done = run(target, "audit", "verify")
    assert (done.exit_code, "row of" in done.output or "the row" in done.output) == (1, True), done.output


def test_what_the_service_itself_does_is_whole_in_every_state(target: Target) -> None:
    """The control of the audit's findings."""
    target.waive(OTHER)
    target.take_back(OTHER)
    target.waive(OTHER)
    target.record(DEBTOR, "500")
    target.record(DEBTOR, "0")
    target.declare(1)
    target.record(OTHER, "1")
    target.refuse(DEBTOR)
    target.record(DEBTOR, "0")
    target.record(THIEF, "0")
    target.doubt_everybody()
    assert not target.owes_nothing(THIEF)
    target.declare(3)
    assert (target.is_waived(OTHER), target.owes_nothing(DEBTOR), target.owes_nothing(OTHER)) == (
        True,
        True,
        False,
    )
    assert target.owes_nothing(THIEF)
    done = run(target, "audit", "verify")
    assert done.exit_code == 0, done.output


def test_a_debt_that_is_deleted_passes_nobody_though_the_list_is_complete(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    delete_entry(target)
    answer = target.ask_desk(DEBTOR)
    assert isinstance(answer, DepartmentUnavailable)
    assert answer.fault == FailureCode.FORGED_ROW
    assert target.owes_nothing(THIEF), "who was never on the list"
    switch_off(monkeypatch)
    assert target.owes_nothing(DEBTOR), "the control: without the roll"


def test_a_refused_row_that_is_deleted_is_noticed_and_a_good_row_mends_it(target: Target) -> None:
    delete_refusal(target)
    assert "refused rows of 1 student(s) of desks are gone" in read_readiness(target)
    told = run(target, "doctor").output
    assert "1 row(s) of desk_refusals that events tell of are gone" in told
    target.record(DEBTOR, "0")
    assert target.owes_nothing(DEBTOR)
    assert "of desks are gone" not in read_readiness(target)


def test_a_debt_recorded_after_the_declaration_is_on_its_roll(target: Target) -> None:
    target.declare(0)
    target.record(DEBTOR, "500")
    sql("DELETE FROM desk_entries")
    assert not target.owes_nothing(DEBTOR)
    assert target.owes_nothing(OTHER)


def test_a_student_named_by_a_forgery_gets_words_no_error_and_the_log_no_name(
    target: Target, caplog: pytest.LogCaptureFixture
) -> None:
    change_entry(target)
    answer = target.ask_desk(DEBTOR)
    assert isinstance(answer, DepartmentUnavailable)
    assert answer.fault == FailureCode.FORGED_ROW
    insert_waiver(target)
    assert not target.is_waived()
    assert "not authentic" in caplog.text
    assert not any(number in caplog.text for number in (DEBTOR, THIEF, OTHER))


def test_a_forged_waiver_is_shown_as_such_and_a_true_one_can_take_its_place(target: Target) -> None:
    insert_waiver(target)
    listed = run(target, "waivers", "list", "--student", THIEF).output
    assert "WITHOUT EFFECT: it is not authentic" in listed
    assert "1 waiver(s) of archive are without effect" in run(target, "doctor").output
    target.waive(THIEF)
    assert target.is_waived()
    assert run(target, "audit", "verify").exit_code == 0


def test_a_withdrawn_waiver_that_is_put_back_is_shown_as_such_wherever_waivers_are(target: Target) -> None:
    replay_waiver(target)
    for words in (("waivers", "list"), ("students", "show", THIEF)):
        assert "WITHOUT EFFECT: it was withdrawn, and its row was put back" in run(target, *words).output
    told = run(target, "doctor").output
    assert "1 waiver(s) of archive are without effect" in told
    assert "1 row(s) of waivers were put back past the service" in told
    assert list_standing(target.installed) == {}
    target.waive(THIEF)
    assert target.is_waived()


def test_a_forged_entry_is_mended_by_recording_the_student_anew(target: Target) -> None:
    insert_entry(target)
    target.record(DEBTOR, "0")
    assert target.owes_nothing(DEBTOR)
    assert run(target, "audit", "verify").exit_code == 0


def test_a_row_that_cannot_even_be_read_is_no_error_page(target: Target) -> None:
    """SQLite takes any text for a moment or for JSON; PostgreSQL refuses it."""
    if db.engine.dialect.name == "postgresql":
        return
    target.waive(THIEF)
    target.record(DEBTOR, "0")
    sql("UPDATE waivers SET granted_at = 'x'")
    sql("UPDATE desk_entries SET facts = '{'")
    assert not target.is_waived()
    assert not target.owes_nothing(DEBTOR)
    assert "cannot be read at all" in run(target, "audit", "verify").output


def test_a_digest_without_a_key_makes_no_code(target: Target) -> None:
    """Events hold digests: they must not serve as codes."""
    target.waive(THIEF)
    sql("UPDATE waivers SET mac = :mac", mac=get_row_digest("waivers", {}))
    assert not target.is_waived()


def test_nobody_gets_another_ones_slip_by_a_number_written_over(
    target: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = target.office.issue(student_number=OTHER)
    assert get_slip(target.installation, number, OTHER).number == number
    sql(f"UPDATE submissions SET person_number = '{THIEF}'")
    with pytest.raises(UnknownSlip):
        get_slip(target.installation, number, THIEF)
    assert list_slips(target.installation, THIEF) == []
    assert "number was altered" in run(target, "slips", "log", "verify").output
    monkeypatch.setattr(slips, "_is_holders", lambda *_: True)
    assert list_slips(target.installation, THIEF)[0].number == number, "the control"
