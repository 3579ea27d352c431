"""Grants given, extended and ended at the command line and by the service, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import select, update

from app.domain import giving as rules
from app.domain.errors import UnknownMiniApp, UnknownStep
from app.domain.giving import CannotGive, Fault, Offer
from app.domain.person import Role
from app.domain.staff import Right, Scope, StaffRole
from app.extensions import db
from app.models import AuditEvent, StaffGrant, write_transaction
from app.services.audit import find_broken_event
from app.services.authenticated_rows import get_moment
from app.services.clock import get_now
from app.services.staff import giving, grants
from app.services.staff.doubts import Doubt, Doubtful, list_doubts
from app.services.staff.giving import Decider, Given, end_grants, give_grant, read_scope
from app.services.staff.granted import list_all_standing, list_granted
from app.services.staff.grants import load_grants
from app.services.staff.roster import add_listed
from tests.fixtures.departments import make_graduate
from tests.fixtures.forged_rows import copy
from tests.fixtures.office import Office, open_office
from tests.fixtures.staff import grant as store_grant
from tests.postgres import Postgres

STUDENT = "TS23000005"
ADMIN, HEAD, CLERK, COLLEAGUE = "00420022", "00420019", "00420018", "00420013"
APP = "graduate_departure"
DORMITORY = Scope(APP, "dormitory")
SCHOOL_TWO = ("00420014", "00420015")
WHY = "值班"


def run(office: Office, *words: str) -> Result:
    """`flask staff <words>` in this application."""
    db.session.rollback()
    return office.app.test_cli_runner().invoke(args=["staff", *words])


def give(office: Office, *words: str, by: str = ADMIN) -> Result:
    """`flask staff grant`."""
    return run(office, "grant", *words, "--by", by, "--reason", WHY)


def end(office: Office, *words: str, by: str = ADMIN) -> Result:
    """`flask staff end`."""
    return run(office, "end", *words, "--by", by, "--reason", "离岗")


def stand_in(office: Office, days: int = 2, *, number: str = COLLEAGUE, by: str = HEAD) -> Given:
    """Let somebody work at the desk of the dormitory."""
    today = office.installation.get_local_time(get_now()).date()
    offer = Offer(number, StaffRole.DESK, DORMITORY, today + timedelta(days=days), WHY)
    return give_grant(office.installation, offer, Decider(by), accepts=tuple(Doubt))


def list_rights(office: Office, number: str) -> set[Right]:
    """What somebody may do now at the dormitory."""
    grants = load_grants(office.installation, number, get_now())
    return {right for right in Right if grants.allows(right, DORMITORY)}


def list_events(kind: str) -> list[AuditEvent]:
    """The audit events of a kind."""
    db.session.rollback()
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.kind == kind)))


def verify(office: Office) -> str:
    """What `flask audit verify` says, "" where all is well."""
    db.session.rollback()
    told = office.app.test_cli_runner().invoke(args=["audit", "verify"])
    return "" if told.exit_code == 0 else told.output


@pytest.fixture
def head(office: Office) -> int:
    """The head of the dormitory; the grant's id."""
    return store_grant(office.app, HEAD, "head", mini_app=APP, step="dormitory")


def test_a_grant_holds_and_ends_at_once_and_each_has_its_event(office: Office) -> None:
    assert list_rights(office, CLERK) == set()
    given = give(office, CLERK, "desk", "--app", "graduate-departure", "--step", "dormitory")
    assert given.exit_code == 0, given.output
    assert list_rights(office, CLERK) == {Right.STATUS, Right.FACTS, Right.DECIDE}
    assert end(office, CLERK).exit_code == 0
    assert list_rights(office, CLERK) == set()
    (told,), (ended,) = list_events("grant_given"), list_events("grant_ended")
    assert (told.actor, told.subject, ended.actor, ended.subject) == (ADMIN, CLERK, ADMIN, CLERK)
    assert (told.details["role"], told.details["step"], told.details["reason"]) == ("desk", "dormitory", WHY)
    assert "keyboard" in told.details
    assert verify(office) == ""


def test_mini_apps_are_named_by_either_spelling(office: Office) -> None:
    for number, name in ((CLERK, "graduate-departure"), (COLLEAGUE, "graduate_departure")):
        assert give(office, number, "desk", "--app", name, "--step", "dormitory").exit_code == 0
    found = list_all_standing(office.installation, get_now())
    assert {one.scope for one in found} == {DORMITORY}


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("desk",), "needs --app"),
        (("desk", "--app", APP), "needs --step"),
        (("head", "--step", "dormitory"), "needs --app"),
        (("college",), "needs --college"),
        (("college", "--college", "无"), "--college says nothing"),
        (("college", "--college", "学" * 81), "--college says nothing"),
        (("desk", "--app", "nowhere", "--step", "dormitory"), "there is no mini-app nowhere"),
        (("desk", "--app", APP, "--step", "cellar"), "there is no step cellar"),
        (("admin", "--app", APP), "--app does not go with this role"),
        (("school", "--app", APP, "--step", "dormitory"), "--step does not go with this role"),
        (("desk", "--app", APP, "--step", "dormitory", "--until", "2020-01-01"), "--until is past"),
    ],
)
def test_a_wrong_scope_is_told_in_words_and_gives_nothing(
    office: Office, words: tuple[str, ...], told: str
) -> None:
    answer = give(office, CLERK, *words)
    assert (answer.exit_code, told in answer.output) == (1, True), answer.output
    assert list_all_standing(office.installation, get_now()) == []


def test_numbers_are_folded_and_nobodys_are_refused(office: Office) -> None:
    store_grant(office.app, "TS1", "school")
    assert give(office, "ｔｓ１", "auditor").exit_code == 0
    assert {one.staff_number for one in list_all_standing(office.installation, get_now())} == {"TS1"}
    for nobody in ("0", "none", "学号"):
        assert give(office, nobody, "auditor").exit_code != 0


def test_a_number_that_nobody_signed_in_with_is_given_with_a_warning(office: Office) -> None:
    answer = give(office, CLERK, "auditor")
    assert (answer.exit_code, "warning: nobody has signed in" in answer.output) == (0, True)
    offer = Offer(COLLEAGUE, StaffRole.AUDITOR, Scope(), None, WHY)
    with pytest.raises(Doubtful):
        give_grant(office.installation, offer, Decider(ADMIN, is_operator=True))


@pytest.mark.parametrize("day", ["9999-12-31", "0001-01-01"])
def test_a_day_at_the_end_of_all_calendars_is_refused_in_words(office: Office, day: str) -> None:
    told = give(office, CLERK, "school", "--until", day)
    assert (told.exit_code, "no day between" in told.output) == (2, True)
    assert not isinstance(told.exception, OverflowError)
    assert give(office, CLERK, "school", "--until", "9998-12-31").exit_code == 0
    for option in ("--from", "--to"):
        exported = office.app.test_cli_runner().invoke(args=["audit", "export", option, day])
        assert (exported.exit_code, "no day between" in exported.output) == (2, True)


def test_what_looks_mistyped_is_told_and_given_where_it_is_meant(office: Office) -> None:
    installed = office.installation.mini_apps["graduate-departure"]
    with write_transaction() as session:
        add_listed(session.connection(), installed, make_graduate(STUDENT), source="sign_in")
    college = read_scope(office.installation, college=" 计算机　学院 ")
    assert college == Scope(college="计算机学院")
    for number, scope, doubts in (
        (CLERK, Scope(college="不存在学院"), (Doubt.NUMBER, Doubt.COLLEGE)),
        (CLERK, Scope(APP, period="1999-99", college="计算机学院"), (Doubt.NUMBER, Doubt.PERIOD)),
        (CLERK, Scope(APP, period=installed.settings.period, college="计算机学院"), (Doubt.NUMBER,)),
        (STUDENT, college, (Doubt.NUMBER, Doubt.STUDENT)),
    ):
        offer = Offer(number, StaffRole.COLLEGE, scope, None, WHY)
        assert list_doubts(office.installation, offer) == doubts
        if doubts[1:]:
            with pytest.raises(Doubtful):
                give_grant(office.installation, offer, Decider(ADMIN, is_operator=True), accepts=doubts[:1])
        given = give_grant(office.installation, offer, Decider(ADMIN, is_operator=True), accepts=doubts)
        assert given.doubts == doubts
    told = give(office, STUDENT, "college", "--college", "无此学院")
    assert told.exit_code == 0
    assert f"{STUDENT} is a student" in told.output
    assert "no roster has the college 无此学院" in told.output


def test_nobody_gives_to_oneself(office: Office) -> None:
    answer = give(office, ADMIN, "admin")
    assert (answer.exit_code, "somebody else must give it" in answer.output) == (1, True)


def test_the_same_grant_again_extends_or_says_that_it_stands(office: Office) -> None:
    words = (CLERK, "desk", "--app", APP, "--step", "dormitory")
    assert give(office, *words, "--until", "2999-01-01").exit_code == 0
    shorter = give(office, *words, "--until", "2998-12-31")
    assert (shorter.exit_code, "stands already, until 2999-01-02 00:00" in shorter.output) == (1, True)
    longer = give(office, *words, by="00420014")
    assert (longer.exit_code, "is extended" in longer.output) == (0, True)
    again = give(office, *words)
    assert (again.exit_code, "stands already, without end" in again.output) == (1, True)
    (one,) = list_all_standing(office.installation, get_now())
    assert one.valid_until is None
    assert len(list_events("grant_given")) == 2
    assert verify(office) == ""


def test_one_whose_time_is_over_does_not_stand_in_the_way_of_a_new_one(office: Office) -> None:
    over = get_now() - timedelta(minutes=1)
    store_grant(office.app, CLERK, "desk", valid_until=over, mini_app=APP, step="dormitory")
    assert list_rights(office, CLERK) == set()
    assert give(office, CLERK, "desk", "--app", APP, "--step", "dormitory").exit_code == 0
    assert Right.DECIDE in list_rights(office, CLERK)
    assert verify(office) == ""


def test_the_command_ends_what_fits_and_says_so_where_nothing_does(office: Office) -> None:
    for step in ("dormitory", "archive"):
        give(office, CLERK, "desk", "--app", APP, "--step", step)
    assert end(office, CLERK, "--step", "archive").exit_code == 0
    assert [one.scope.step for one in list_all_standing(office.installation, get_now())] == ["dormitory"]
    none = end(office, CLERK, "--role", "head")
    assert (none.exit_code, "has no such grant" in none.output) == (1, True)
    listed = run(office, "list", CLERK)
    assert "dormitory" in listed.output
    assert "1 grant(s)" in listed.output
    assert "0 grant(s)" in run(office, "list", HEAD).output


def test_a_head_lets_a_colleague_stand_in_who_lets_nobody_else(office: Office, head: int) -> None:
    given = stand_in(office)
    assert given.grant.delegated_from == head
    with pytest.raises(CannotGive) as refused:
        stand_in(office, number=CLERK, by=COLLEAGUE)
    assert refused.value.fault is Fault.NOT_OWN


def test_with_the_head_those_end_who_stand_in_an_event_each(office: Office, head: int) -> None:
    stand_in(office)
    stand_in(office, number=CLERK)
    assert end(office, HEAD).exit_code == 0
    assert (list_rights(office, COLLEAGUE), list_rights(office, CLERK)) == (set(), set())
    assert {event.subject for event in list_events("grant_ended")} == {HEAD, COLLEAGUE, CLERK}
    assert verify(office) == ""
    (ended,) = load_grants(office.installation, COLLEAGUE, get_now()).ended
    assert ended.ended_by == ADMIN


def test_a_stand_in_does_not_stand_without_the_one_it_was_given_from(office: Office) -> None:
    soon = get_now() + timedelta(hours=1)
    parent = store_grant(office.app, HEAD, "head", valid_until=soon, mini_app=APP, step="dormitory")
    place = {"mini_app": APP, "step": "dormitory"}
    store_grant(office.app, COLLEAGUE, "desk", delegated_from=parent, **place)
    assert Right.DECIDE in list_rights(office, COLLEAGUE)
    after = load_grants(office.installation, COLLEAGUE, soon)
    assert not after
    assert [(one.ended_at, one.ended_by) for one in after.ended] == [(soon, "")]
    with write_transaction() as session:
        session.execute(update(StaffGrant).where(StaffGrant.id == parent).values(valid_until=None))
    assert not load_grants(office.installation, COLLEAGUE, get_now()), "its giver's is not authentic"
    store_grant(office.app, CLERK, "desk", delegated_from=999, **place)
    assert not load_grants(office.installation, CLERK, get_now())


def test_extending_leaves_those_that_were_given_from_it(office: Office) -> None:
    soon = get_now() + timedelta(days=5)
    store_grant(office.app, HEAD, "head", valid_until=soon, mini_app=APP, step="dormitory")
    stand_in(office)
    assert give(office, HEAD, "head", "--app", APP, "--step", "dormitory").exit_code == 0
    assert Right.DECIDE in list_rights(office, COLLEAGUE)
    assert stand_in(office, 30).is_extended
    assert verify(office) == ""


def test_a_head_does_not_extend_what_an_administrator_gave(office: Office, head: int) -> None:
    until = get_now() + timedelta(days=1)
    store_grant(office.app, COLLEAGUE, "desk", valid_until=until, mini_app=APP, step="dormitory")
    with pytest.raises(CannotGive) as refused:
        stand_in(office, 30)
    assert refused.value.fault is Fault.NOT_ONES_TO_EXTEND


def test_whoever_gives_is_looked_up_when_it_is_written(office: Office, head: int) -> None:
    end_grants(office.installation, [head], Decider(ADMIN, is_operator=True), "离岗")
    with pytest.raises(CannotGive) as refused:
        stand_in(office)
    assert refused.value.fault is Fault.NOT_OWN


def test_administrators_of_the_configuration_or_the_sign_in_need_no_row(office: Office) -> None:
    now = get_now()
    assert not load_grants(office.installation, ADMIN, now)
    told = load_grants(office.installation, ADMIN, now, Role.ADMINISTRATOR)
    assert [(one.id, one.role) for one in told.standing] == [(0, StaffRole.ADMIN)]
    assert told.allows(Right.GRANT)
    assert not told.allows(Right.STATUS)
    for role in (Role.CLERK, Role.GUARD, Role.TEACHER):
        assert not load_grants(office.installation, ADMIN, now, role)
    offer = Offer(COLLEAGUE, StaffRole.AUDITOR, Scope(), None, WHY)
    given = give_grant(office.installation, offer, Decider(ADMIN, Role.ADMINISTRATOR), accepts=tuple(Doubt))
    assert given.grant.delegated_from is None
    with pytest.raises(CannotGive):
        give_grant(office.installation, offer, Decider(ADMIN, Role.CLERK), accepts=tuple(Doubt))


def test_a_list_holds_what_its_reader_may_see(office: Office, head: int) -> None:
    place = {"mini_app": APP, "step": "archive"}
    store_grant(office.app, CLERK, "desk", **place)
    store_grant(office.app, "00420014", "school")
    store_grant(office.app, "00420020", "college", college="矿业工程学院")
    store_grant(office.app, ADMIN, "admin")
    store_grant(office.app, "00420021", "auditor")
    stand_in(office)

    def see(number: str) -> set[str]:
        viewer = load_grants(office.installation, number, get_now())
        listed = list_granted(office.installation, viewer, get_now())
        return {one.grant.staff_number for one in (*listed.standing, *listed.ended)}

    everybody = {CLERK, HEAD, COLLEAGUE, ADMIN, "00420014", "00420020", "00420021"}
    assert see(ADMIN) == see("00420021") == everybody
    assert see(HEAD) == {HEAD, COLLEAGUE}
    for alone in (CLERK, COLLEAGUE, "00420014", "00420020"):
        assert see(alone) == {alone}


def test_a_forged_grant_is_none_and_is_found(office: Office) -> None:
    given = store_grant(office.app, CLERK, "desk", mini_app=APP, step="dormitory")
    with write_transaction() as session:
        session.execute(update(StaffGrant).where(StaffGrant.id == given).values(step="archive"))
    assert not load_grants(office.installation, CLERK, get_now())
    assert "not authentic" in verify(office)


def end_and_put_back(office: Office, number: str) -> int:
    """End somebody's grant, and write its old row back, whose code is as true as ever; its id."""
    (row,) = db.session.scalars(select(StaffGrant).where(StaffGrant.staff_number == number))
    grant_id, put_back = row.id, copy("staff_grants")
    end_grants(office.installation, [grant_id], Decider(ADMIN, is_operator=True), WHY)
    assert list_rights(office, COLLEAGUE) == set()
    put_back()
    return grant_id


@pytest.fixture
def is_unguarded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What events ended is not asked."""
    for module in (grants, giving):
        monkeypatch.setattr(module, "was_ended", lambda *_: False)


@pytest.mark.parametrize("whose", [COLLEAGUE, HEAD])
def test_an_ended_grant_that_is_put_back_opens_nothing(office: Office, head: int, whose: str) -> None:
    """One's own, and the one that it was given from."""
    stand_in(office)
    grant_id = end_and_put_back(office, whose)
    assert list_rights(office, COLLEAGUE) == set()
    assert list_rights(office, whose) == set()
    assert grant_id not in {one.id for one in list_all_standing(office.installation, get_now())}
    assert "is there again" in verify(office)


@pytest.mark.parametrize("whose", [COLLEAGUE, HEAD])
def test_without_the_events_it_would(office: Office, head: int, whose: str, is_unguarded: None) -> None:
    stand_in(office)
    end_and_put_back(office, whose)
    assert Right.DECIDE in list_rights(office, COLLEAGUE)


def test_of_a_parent_alone_that_is_put_back_comes_nothing(office: Office, head: int) -> None:
    """The stand-in's own row never ended: only the events of the other person tell."""
    stand_in(office)
    put_back = copy("staff_grants")
    end_grants(office.installation, [head], Decider(ADMIN, is_operator=True), WHY)
    put_back()
    with write_transaction() as session:  # as if the child's end had not been told
        session.execute(update(AuditEvent).where(AuditEvent.subject == COLLEAGUE).values(kind="other"))
    assert list_rights(office, COLLEAGUE) == set()


def test_a_grant_that_was_put_back_does_not_stand_in_the_way_of_a_new_one(office: Office, head: int) -> None:
    stand_in(office)
    old = end_and_put_back(office, COLLEAGUE)
    given = stand_in(office)
    assert given.grant.id != old
    assert not given.is_extended
    assert Right.DECIDE in list_rights(office, COLLEAGUE)


def test_a_shorter_state_of_an_extended_grant_does_not_count(office: Office, head: int) -> None:
    stand_in(office, 2)
    put_back = copy("staff_grants")
    stand_in(office, 5)
    assert Right.DECIDE in list_rights(office, COLLEAGUE)
    put_back()
    assert list_rights(office, COLLEAGUE) == set()


def test_events_that_cannot_be_read_give_nobody_a_right(office: Office) -> None:
    store_grant(office.app, CLERK, "desk", mini_app=APP, step="dormitory")
    assert Right.DECIDE in list_rights(office, CLERK)
    with write_transaction() as session:
        session.execute(
            update(AuditEvent).where(AuditEvent.subject == CLERK).values(details={"rows": {"removed": 1}})
        )
    assert list_rights(office, CLERK) == set()


def test_moments_that_lie_ahead_are_not_when_a_row_was_written(office: Office) -> None:
    store_grant(
        office.app,
        CLERK,
        "desk",
        valid_until=datetime(2999, 1, 1, tzinfo=UTC),
        mini_app=APP,
        step="dormitory",
    )
    row = db.session.scalars(select(StaffGrant)).one()
    assert get_moment(StaffGrant, row) == row.granted_at


def race(office: Office, *acts: Callable[[], Any]) -> list[BaseException | None]:
    """Do these at once, each in a thread of its own; what each raised."""
    start = threading.Barrier(len(acts))
    raised: list[BaseException | None] = [None] * len(acts)

    def do(place: int, act: Callable[[], Any]) -> None:
        with office.app.app_context():
            start.wait()
            try:
                act()
            except Exception as error:  # noqa: BLE001
                raised[place] = error
            finally:
                db.session.remove()

    threads = [threading.Thread(target=do, args=one) for one in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def end_both_of_the_school(office: Office) -> tuple[list[BaseException | None], int]:
    """One administrator ends the last two at once: what each act raised, and how many stand."""
    store_grant(office.app, ADMIN, "admin")
    both = [store_grant(office.app, number, "school") for number in SCHOOL_TWO]
    acts = [
        lambda given=given: end_grants(office.installation, [given], Decider(ADMIN), WHY)  # type: ignore[misc]
        for given in both
    ]
    raised = race(office, *acts)
    standing = list_all_standing(office.installation, get_now())
    return raised, sum(one.role is StaffRole.SCHOOL for one in standing)


def test_one_person_cannot_end_the_last_two_of_the_school_at_once(office: Office) -> None:
    raised, left = end_both_of_the_school(office)
    assert left == 1
    (refused,) = [error for error in raised if error is not None]
    assert isinstance(refused, CannotGive)
    assert refused.fault is Fault.LAST_OF_SCHOOL


def test_without_the_rule_both_would_end(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(giving, "check_end", lambda *_, **__: None)
    assert end_both_of_the_school(office) == ([None, None], 0)


def test_without_the_audits_head_first_neither_would_see_the_other(
    tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    meet = threading.Barrier(2)

    def look(*arguments: Any, **options: Any) -> None:
        meet.wait(30)
        rules.check_end(*arguments, **options)

    monkeypatch.setattr(giving, "lock_audit", lambda _: "")
    monkeypatch.setattr(giving, "check_end", look)
    # SQLite has one writer at a time in any case.
    with open_office(tmp_path, database_url=postgres.get_url(postgres.create_database())) as office:
        assert end_both_of_the_school(office) == ([None, None], 0)


def test_of_two_who_give_the_same_at_once_one_gives_and_the_other_is_told(office: Office) -> None:
    offer = Offer(CLERK, StaffRole.AUDITOR, Scope(), None, WHY)

    def act() -> None:
        give_grant(office.installation, offer, Decider(ADMIN, is_operator=True), accepts=tuple(Doubt))

    raised = race(office, act, act, act)
    assert sum(error is None for error in raised) == 1
    assert {error.fault for error in raised if isinstance(error, CannotGive)} == {Fault.STANDS}
    assert len(list_all_standing(office.installation, get_now())) == 1
    assert find_broken_event() is None


def test_ones_own_administrators_grant_stays_while_it_is_the_last(office: Office) -> None:
    mine = store_grant(office.app, ADMIN, "admin")
    with pytest.raises(CannotGive) as refused:
        end_grants(office.installation, [mine], Decider(ADMIN), WHY)
    assert refused.value.fault is Fault.LAST_ADMINISTRATOR
    answer = end(office, ADMIN)
    assert (answer.exit_code, "last of the administrators" in answer.output) == (1, True)


def test_a_scope_is_read_from_what_was_typed(office: Office) -> None:
    installation = office.installation
    assert read_scope(installation, "graduate-departure", "dormitory") == DORMITORY
    assert read_scope(installation, college=" 矿业工程学院\u200b ") == Scope(college="矿业工程学院")
    for words, error in ((("nowhere", ""), UnknownMiniApp), ((APP, "cellar"), UnknownStep)):
        with pytest.raises(error):
            read_scope(installation, *words)


def test_the_database_holds_one_of_the_same_that_stands(office: Office) -> None:
    store_grant(office.app, CLERK, "auditor")
    with pytest.raises(Exception, match=r"(?i)unique"):
        store_grant(office.app, CLERK, "auditor")
