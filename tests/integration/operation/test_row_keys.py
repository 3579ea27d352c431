"""The row keys in operation: a start without them, a new one, rows of before, and numbers that are folded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from click.testing import Result
from sqlalchemy import select, text

from app.domain.row_ledger import RowChange
from app.domain.row_mac import SIGNS_AFTER, get_key_id
from app.extensions import db
from app.factory import warm_up
from app.models import AuditEvent, Waiver
from app.services.clearance.waivers import grant_waiver, list_waivers, withdraw_waiver
from app.services.clock import get_now
from app.services.desk import gaps
from app.services.operations.readiness import check_readiness
from app.services.row_keys import RowKeyError, RowKeyStore, create_row_key
from app.services.sign_in.consents import find_consent, give_consent, withdraw_consent
from tests.fixtures.forged_rows import (
    CLERK,
    DEBTOR,
    INSERT_ENTRY,
    INSERT_WAIVER,
    OTHER,
    OTHER_CLERK,
    THIEF,
    WHY,
    Target,
    copy,
    sql,
)
from tests.fixtures.office import Office, open_office

BY = ("--reason", "与审批单核对", "--by", OTHER_CLERK)


def run(office: Office, *words: str) -> Result:
    """`flask <words>` in this application."""
    db.session.rollback()
    return office.app.test_cli_runner().invoke(args=list(words))


def waive(office: Office, student: str = OTHER) -> None:
    """Grant a waiver of the archive."""
    installed = office.installation.mini_apps["graduate-departure"]
    grant_waiver(installed, "archive", student, WHY, CLERK, accepts_unknown=True)


def list_waived(office: Office, student: str = OTHER) -> list[str]:
    """The steps that are waived for a student."""
    return list(list_waivers(office.installation.mini_apps["graduate-departure"], student))


def look_again(office: Office) -> None:
    """Let both stores see the folder now, and not a second later."""
    for place in (office.installation, office.installation.mini_apps["graduate-departure"]):
        place.row_keys._held = None


def get_readiness(office: Office) -> tuple[bool, str]:
    """What /readyz says of rows."""
    (found,) = [one for one in check_readiness(office.installation) if one.name == "rows"]
    return found.is_good, found.message


def move_keys(office: Office, target: Path) -> None:
    """Take the row keys away."""
    target.mkdir()
    for path in office.keys.glob("rows-*.key"):
        shutil.move(path, target)


@pytest.fixture
def own_office(tmp_path: Path) -> Iterator[Office]:
    """One whose key files may go."""
    with open_office(tmp_path / "own") as office:
        yield office


def test_without_a_row_key_nothing_starts_and_one_message_says_what_to_do(
    own_office: Office, tmp_path: Path
) -> None:
    move_keys(own_office, tmp_path / "away")
    with pytest.raises(RowKeyError, match=r"no row key is in .*flask row-keys new"):
        warm_up(own_office.app)
    for words in (("check-config",), ("waivers", "list"), ("row-keys", "list"), ("row-keys", "adopt", *BY)):
        waived = run(own_office, *words)
        if words != ("waivers", "list"):  # which has none to judge
            assert (waived.exit_code, "no row key is in" in waived.output) == (1, True), waived.output
    refused = run(own_office, "waive", "graduate_departure", "archive", OTHER, "--unknown-number", *BY)
    assert (refused.exit_code, "no row key is in" in refused.output) == (1, True)
    assert run(own_office, "row-keys", "new").output.endswith("signs from now on\n")
    assert "the configuration is usable" in run(own_office, "check-config").output


def test_the_first_slip_key_brings_the_first_row_key_and_the_next_none(tmp_path: Path) -> None:
    with open_office(tmp_path / "own") as office:
        shutil.rmtree(office.keys)
        assert run(office, "slip-keys", "new").exit_code == 0
        assert run(office, "slip-keys", "new").exit_code == 0
        assert len(list(office.keys.glob("rows-*.key"))) == 1


def test_a_new_key_signs_ten_minutes_later_and_the_old_rows_count_on(own_office: Office) -> None:
    waive(own_office)
    (old,) = own_office.installation.row_keys.current().keys
    assert "signs in 10 minutes" in run(own_office, "row-keys", "new").output
    with time_machine.travel(get_now() + SIGNS_AFTER + timedelta(seconds=1), tick=False):
        look_again(own_office)
        waive(own_office, THIEF)
        assert run(own_office, "row-keys", "list").output.splitlines()[1].endswith("signs")
    macs = db.session.scalars(select(Waiver.mac).order_by(Waiver.id)).all()
    assert [get_key_id(str(mac)) == old.key_id for mac in macs] == [True, False]
    assert (list_waived(own_office), list_waived(own_office, THIEF)) == (["archive"], ["archive"])
    assert run(own_office, "audit", "verify").exit_code == 0


def test_a_host_that_lacks_the_key_says_so_and_the_rows_count_when_it_has_it(
    own_office: Office, tmp_path: Path
) -> None:
    waive(own_office)
    move_keys(own_office, tmp_path / "away")
    create_row_key(own_office.keys, get_now())
    look_again(own_office)
    assert list_waived(own_office) == []
    is_good, message = get_readiness(own_office)
    assert (is_good, "1 row(s) of waivers do not count" in message) == (True, True)
    assert "1 row(s) of waivers do not count" in run(own_office, "doctor").output
    for path in (tmp_path / "away").iterdir():
        shutil.copy2(path, own_office.keys)
    look_again(own_office)
    assert list_waived(own_office) == ["archive"]
    assert get_readiness(own_office) == (True, "every row that decides is signed by a key of this host")


def test_rows_of_before_are_shown_and_count_once_somebody_says_how_many_there_are(office: Office) -> None:
    waive(office)
    give_consent(office.installation.mini_apps["graduate-departure"], OTHER)
    sql("UPDATE waivers SET mac = NULL")
    sql("UPDATE consents SET mac = NULL")
    assert "1 row(s) of waivers do not count" in get_readiness(office)[1]
    assert run(office, "audit", "verify").exit_code == 1

    shown = run(office, "row-keys", "adopt", *BY)
    made = f"{office.installation.get_local_time(db.session.scalars(select(Waiver.granted_at)).one()):%Y-%m-%d %H:%M}"

    assert shown.output.splitlines() == [
        f"waivers  graduate_departure  2026-06  archive  {OTHER}  {CLERK}  {WHY}  made {made}  an event tells of it",
        "consents  1 row(s)",
        "to let these count, add --rows 2",
    ]
    wrong = run(office, "row-keys", "adopt", "--rows", "3", *BY)
    assert (wrong.exit_code, "there are 2 such rows, and not 3" in wrong.output) == (1, True)
    assert list_waived(office) == []
    assert run(office, "row-keys", "adopt", "--rows", "2", *BY).exit_code == 0
    assert list_waived(office) == ["archive"]
    assert find_consent(office.installation.mini_apps["graduate-departure"], OTHER) is not None
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == "rows_adopted")).one()
    assert (told.actor, told.details["reason"]) == (OTHER_CLERK, "与审批单核对")
    assert (told.details["counts"], "keyboard" in told.details) == ({"waivers": 1, "consents": 1}, True)
    assert run(office, "audit", "verify").exit_code == 0
    assert "every row is proven" in run(office, "row-keys", "adopt", *BY).output


def test_a_row_that_no_event_tells_of_is_adopted_only_by_its_name(office: Office) -> None:
    waive(office)
    sql(INSERT_WAIVER.format(mac="NULL"))
    sql("UPDATE waivers SET mac = NULL")
    with db.engine.connect() as connection:
        forged = connection.scalar(text(f"SELECT id FROM waivers WHERE student_number = '{THIEF}'"))

    shown = run(office, "row-keys", "adopt", *BY).output

    assert f"NO EVENT: waivers/{forged}" in shown
    assert shown.count("an event tells of it") == 1
    assert "1 row(s) do not count and stay so" in shown
    assert shown.endswith("add --rows 1\n")
    assert run(office, "row-keys", "adopt", "--rows", "2", *BY).exit_code == 1
    assert run(office, "row-keys", "adopt", "--rows", "1", *BY).exit_code == 0
    assert (list_waived(office), list_waived(office, THIEF)) == (["archive"], [])
    wrong = run(office, "row-keys", "adopt", "--rows", "1", "--without-event", "waivers/0", *BY)
    assert (wrong.exit_code, "no such row without an event" in wrong.output) == (1, True)
    name = ("--without-event", f"waivers/{forged}")
    assert run(office, "row-keys", "adopt", "--rows", "1", *name, *BY).exit_code == 0
    assert list_waived(office, THIEF) == ["archive"]
    told = db.session.scalars(select(AuditEvent).where(AuditEvent.kind == "rows_adopted")).all()
    assert told[-1].details["without_event"] == [f"waivers/{forged}"]


def test_of_rows_that_events_ended_none_is_told_though_these_name_no_row(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RowChange, "iterate_details", lambda _: iter(()))  # as releases of before did
    target = Target(office, office.installation, office.installation.mini_apps["graduate-departure"])
    target.record(OTHER, "0")
    waive(office)
    give_consent(target.installed, OTHER)
    target.declare(1)
    tables = ("waivers", "desk_entries", "desk_completions", "consents")
    put_back = [copy(table) for table in tables]
    for table in tables:
        sql(f"UPDATE {table} SET mac = NULL")
    assert "NO EVENT" not in run(office, "row-keys", "adopt", *BY).output, "the control"
    for one in put_back:
        one()
    withdraw_waiver(target.installed, "archive", OTHER, "学号录错", OTHER_CLERK)
    target.record(OTHER, "500")
    withdraw_consent(target.installed, OTHER)
    gaps.withdraw_complete("debts", OTHER_CLERK)
    for table, one in zip(tables, put_back, strict=True):
        one()
        sql(f"UPDATE {table} SET mac = NULL")
    assert run(office, "row-keys", "adopt", *BY).output.count("NO EVENT") == len(tables)


def test_rows_of_desks_from_before_are_told_by_their_events_and_refused_ones_stay_unknown(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gaps, "mark_entries", lambda *_: None)  # as releases of before did
    target = Target(office, office.installation, office.installation.mini_apps["graduate-departure"])
    target.record(OTHER, "0")
    target.record(THIEF, "0")
    target.refuse(OTHER)
    sql(INSERT_ENTRY.format(mac="NULL"))
    sql("""UPDATE desk_entries SET mac = NULL, facts = '{"owed": "0"}'""")
    shown = run(office, "row-keys", "adopt", *BY).output
    assert f"NO EVENT: desk_entries/debts/{DEBTOR}" in shown
    assert shown.count("NO EVENT") == 1
    assert run(office, "row-keys", "adopt", "--rows", "2", *BY).exit_code == 0
    sql("DELETE FROM desk_refusals")
    assert [target.owes_nothing(number) for number in (THIEF, OTHER, DEBTOR)] == [True, False, False]


def test_what_was_changed_or_put_back_is_never_adopted(office: Office) -> None:
    waive(office)
    put_back = copy("waivers")
    withdraw_waiver(
        office.installation.mini_apps["graduate-departure"], "archive", OTHER, "学号录错", OTHER_CLERK
    )
    put_back()
    sql("UPDATE waivers SET mac = NULL")  # as a thief would, to have it adopted
    waive(office, THIEF)
    sql(f"UPDATE waivers SET reason = '改' WHERE student_number = '{THIEF}'")
    assert "every row is proven" in run(office, "row-keys", "adopt", *BY).output
    assert run(office, "row-keys", "adopt", "--rows", "1", *BY).exit_code == 1
    assert (list_waived(office), list_waived(office, THIEF)) == ([], [])


def test_numbers_that_are_folded_leave_true_rows_true_and_forged_ones_forged(office: Office) -> None:
    waive(office, "ts23000001")
    waive(office, "ts23000002")
    sql("UPDATE waivers SET reason = '改' WHERE student_number = 'ts23000002'")
    assert run(office, "numbers", "fold").exit_code == 0
    assert list_waived(office, "TS23000001") == ["archive"]
    assert list_waived(office, "TS23000002") == []
    found = run(office, "audit", "verify").output
    assert "not authentic" in found
    assert "TS23000001" not in found


def test_a_doctor_tells_of_changed_rows_and_of_keys_that_others_can_read(own_office: Office) -> None:
    waive(own_office)
    assert "row keys and codes" in run(own_office, "doctor").output
    sql("UPDATE waivers SET reason = '改'")
    (path,) = own_office.keys.glob("rows-*.key")
    assert "1 row(s) of waivers were added or changed past the service" in run(own_office, "doctor").output
    path.chmod(0o644)
    assert f"{path.name} is open to others" in run(own_office, "doctor").output
    with pytest.raises(RowKeyError):
        RowKeyStore(own_office.keys).current()
