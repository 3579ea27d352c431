"""One student's timeline and items for staff: all that was done, in few statements, and nothing of what departments hold; on
both databases.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, event, insert, text

from app.domain.clearance import Status
from app.domain.errors import NeedsSecondPerson
from app.extensions import db
from app.models import Slip, SlipView, write_transaction
from app.services.clearance.waivers import grant_waiver, list_waivers, withdraw_waiver
from app.services.clock import get_now
from app.services.slips.issuing import revoke_slip
from app.services.staff.acts import ask_revocation, waive, withdraw
from app.services.staff.approvals import Asked, decide
from app.services.staff.requests import Verdict
from app.services.staff.roster import add_listed, find_listed
from app.services.staff.student_states import UNASKED, get_status, judge_items
from app.services.staff.timeline import Entry, What, limit_entries, read_timeline
from tests.fixtures.counters import CLERK, HEAD, SLUG, STUDENT, Counter, Outcome, open_counter
from tests.fixtures.departments import make_graduate
from tests.fixtures.staff import grant
from tests.integration.conftest import MakeDatabase

ASKER, SECOND, GUARD = "00420014", "00420015", "00420016"
WHY = "论文涉密，线下归档"
MOST_STATEMENTS = 6


@pytest.fixture
def counter(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Counter]:
    """The archive's counter, with a student on the roster and two of the school."""
    with open_counter(tmp_path, make_database(tmp_path)) as counter:
        for number in (ASKER, SECOND):
            grant(counter.office.app, number, "school")
        with write_transaction() as session:
            person = make_graduate(STUDENT)
            add_listed(session.connection(), counter.step.installed, person, source="sign_in")
        yield counter


@contextmanager
def counted() -> Iterator[list[str]]:
    """The statements that are sent meanwhile."""
    sent: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        sent.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def read(counter: Counter) -> list[Entry]:
    """The student's timeline."""
    db.session.rollback()
    return read_timeline(counter.step.installed, STUDENT)


def list_whats(counter: Counter) -> list[What]:
    """What happened, the oldest first."""
    return [entry.what for entry in reversed(read(counter))]


def live(counter: Counter) -> str:
    """A student's whole life: desk, waivers, requests, submission, scans, revocation; the slip's number."""
    installed, installation = counter.step.installed, counter.installation
    listed = find_listed(installed, STUDENT)
    assert listed is not None
    counter.decide(Outcome.NOT_DONE, note="缺封面")
    counter.undo(1)
    counter.decide(version=2)
    waive(installation, installed, listed, "finance", WHY, ASKER)
    withdraw(installation, installed, listed, "finance", "录错", ASKER)
    grant_waiver(installed, "library_loans", STUDENT, "命令行", ASKER, accepts_unknown=True)
    withdraw_waiver(installed, "library_loans", STUDENT, "命令行", ASKER)
    number = counter.submit()
    with write_transaction() as session:
        (slip_id,) = session.query(Slip.id).filter_by(number=number).one()
        scan = {"viewed_at": get_now(), "viewer_number": GUARD, "role": "guard", "slip_id": slip_id}
        session.execute(insert(SlipView), scan)
    asked = ask_revocation(installation, installed, listed, WHY, ASKER)
    decide(installation, asked.id, Verdict.REFUSED, "先核对", SECOND)
    asked = ask_revocation(installation, installed, listed, WHY, ASKER)
    decide(installation, asked.id, Verdict.APPROVED, "", SECOND)
    return number


def test_all_that_was_done_is_told_once_in_its_order(counter: Counter) -> None:
    number = live(counter)
    entries = read(counter)
    *whats, last, other = [entry.what for entry in reversed(entries)]
    assert whats == [
        *(What.NOT_DONE, What.UNDONE, What.DONE),
        *(What.WAIVED, What.WITHDRAWN, What.WAIVED, What.WITHDRAWN),
        *(What.SUBMITTED, What.SCANNED, What.ASKED, What.REFUSED, What.ASKED),
    ]
    assert {last, other} == {What.APPROVED, What.REVOKED}  # of one moment
    told = {(entry.what, entry.via): entry for entry in entries}
    assert told[What.NOT_DONE, "typed"].reason_key == "thesis_missing"
    assert told[What.WAIVED, "page"].persons == 1
    assert told[What.WAIVED, "command"].actor == ASKER
    revoked = told[What.REVOKED, "page"]
    assert (revoked.actor, revoked.asked_by, revoked.persons) == (SECOND, ASKER, 2)
    assert next(entry for entry in entries if entry.what is What.SUBMITTED).slip == number


def test_it_takes_six_statements_however_much_was_done(counter: Counter) -> None:
    with counted() as before:
        read_timeline(counter.step.installed, STUDENT)
    live(counter)
    db.session.rollback()
    with counted() as sent:
        read_timeline(counter.step.installed, STUDENT)
    assert len([one for one in sent if one.startswith("SELECT")]) <= MOST_STATEMENTS
    assert len(before) <= len(sent) <= MOST_STATEMENTS + 1


def test_what_a_desk_holds_is_no_part_of_it(counter: Counter) -> None:
    live(counter)
    told = json.dumps([asdict(entry) for entry in read(counter)], default=str, ensure_ascii=False)
    assert "已审核" not in told
    assert "缺封面" in told


def test_of_other_steps_nothing_and_without_the_right_no_text(counter: Counter) -> None:
    live(counter)
    entries = read(counter)
    own = limit_entries(entries, ["archive"], ["archive"])
    assert {entry.step for entry in own} == {"archive"}
    assert "缺封面" in {entry.text for entry in own}
    silent = limit_entries(entries, ["", "archive", "finance", "library_loans"], [])
    assert len(silent) == len(entries)
    assert {entry.text for entry in silent} == {""}


def test_another_students_and_another_periods_are_not_told(counter: Counter) -> None:
    live(counter)
    assert read_timeline(counter.step.installed, "TS23000002") == []
    settings = counter.step.installed.settings.model_copy(update={"period": "2027-06"})
    other = replace(counter.step.installed, settings=settings)
    left = {entry.what for entry in read_timeline(other, STUDENT)}
    # A desk is one for all periods; everything else is of its own.
    assert left <= {What.NOT_DONE, What.UNDONE, What.DONE}


def test_a_row_that_was_altered_is_not_told(counter: Counter) -> None:
    counter.decide()
    grant_waiver(counter.step.installed, "finance", STUDENT, WHY, ASKER, accepts_unknown=True)
    assert list_whats(counter) == [What.DONE, What.WAIVED]
    with write_transaction() as session:
        session.execute(text("UPDATE desk_decisions SET actor = '00420099'"))
        session.execute(text("UPDATE waivers SET reason = 'x'"))
    assert read(counter) == []


def test_what_a_desk_holds_counts_at_once_and_nobody_is_asked(counter: Counter) -> None:
    def get() -> str:
        states = judge_items(counter.installation, counter.step.installed, STUDENT)
        assert get_status(states["finance"]) == UNASKED
        return get_status(states["archive"])

    assert get() == UNASKED
    counter.decide(Outcome.NOT_DONE)
    assert get() == Status.OUTSTANDING
    counter.decide(version=1)
    assert get() == Status.CLEARED
    counter.undo(2)
    assert get() == Status.OUTSTANDING
    grant_waiver(counter.step.installed, "archive", STUDENT, WHY, ASKER, accepts_unknown=True)
    assert get() == Status.WAIVED


def test_a_desk_that_is_doubted_is_unknown(counter: Counter) -> None:
    counter.decide()
    with write_transaction() as session:
        session.execute(text("UPDATE desk_entries SET recorded_by = '00420099'"))
    states = judge_items(counter.installation, counter.step.installed, STUDENT)
    assert states["archive"].status is Status.UNAVAILABLE


def test_at_a_step_for_two_a_waiver_and_its_withdrawal_wait_for_the_second(counter: Counter) -> None:
    settings = counter.installation.settings
    console = settings.console.model_copy(update={"two_for": (f"{SLUG}.finance",)})
    installation = replace(counter.installation, settings=replace(settings, console=console))
    installed = counter.step.installed
    listed = find_listed(installed, STUDENT)
    assert listed is not None
    for act, is_waived in ((waive, True), (withdraw, False)):
        asked = act(installation, installed, listed, "finance", WHY, ASKER)
        assert isinstance(asked, Asked)
        assert ("finance" in list_waivers(installed, STUDENT)) is not is_waived
        with pytest.raises(NeedsSecondPerson):
            decide(installation, asked.id, Verdict.APPROVED, "", ASKER)
        decide(installation, asked.id, Verdict.APPROVED, "", SECOND)
        assert ("finance" in list_waivers(installed, STUDENT)) is is_waived
    # Of the others one is enough.
    assert waive(installation, installed, listed, "archive", WHY, ASKER) is None
    assert counter.list_faults() == []


def test_control_a_revocation_at_the_command_line_is_told_as_such(counter: Counter) -> None:
    counter.decide()
    revoke_slip(counter.submit(), reason=WHY, by=HEAD)
    revoked = next(entry for entry in read(counter) if entry.what is What.REVOKED)
    assert (revoked.via, revoked.persons, revoked.actor) == ("command", 1, HEAD)
    assert CLERK in {entry.actor for entry in read(counter)}
