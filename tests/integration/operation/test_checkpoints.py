"""Checkpoints: whatever is taken away from the end of the issued log or the audit is found, by each of those who look."""

from __future__ import annotations

import base64
import json
import stat
import zlib
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import text

from app.domain.checkpoints import hash_code
from app.domain.errors import BelowCheckpoint
from app.domain.slip_code import Verdict
from app.extensions import db
from app.models import get_floor, write_transaction
from app.services.audit import add_event
from app.services.clock import get_now
from app.services.operations.checkpoint_watch import CheckpointWatch
from app.services.operations.checkpoints import (
    CheckpointsRefused,
    check_start,
    mark,
    watch_appends,
)
from app.services.operations.readiness import check_readiness
from app.services.slips import issuing
from app.services.slips.checkpoint_journal import MOST_AHEAD, Journal, read_report
from app.services.slips.issuing import revoke_slip
from app.services.verification.status_list import SeenList, compare_with_log, get_status_list
from app.services.verification.verification import verify_code, verify_short_code
from tests.fixtures.office import Office
from tests.integration.outages import filled, small_disk

BY = "00420014"
PENDING = 50
"""So many entries that their line is longer than what is left of a page."""
HEAD = "SELECT chain_hash FROM slip_log_entries WHERE sequence = :kept"
CUT = (
    "DELETE FROM issued_codes WHERE log_sequence > :kept",
    "DELETE FROM slips WHERE id NOT IN (SELECT slip_id FROM issued_codes)",
    "DELETE FROM submissions WHERE id NOT IN (SELECT submission_id FROM slips)",
    "DELETE FROM slip_log_entries WHERE sequence > :kept",
    f"UPDATE slip_log_heads SET sequence = :kept, chain_hash = ({HEAD})",
    "DELETE FROM audit_events WHERE id > :kept",
    "UPDATE audit_heads SET chain_hash = (SELECT chain_hash FROM audit_events WHERE id = :kept)",
)
"""The newest rows of both chains with all that they are about, and the heads turned back."""


def run(office: Office, *words: str) -> Result:
    """`flask <words>` in this application."""
    db.session.rollback()
    return office.app.test_cli_runner().invoke(args=list(words))


def change(*statements: str, **values: object) -> None:
    """Change the database past the service."""
    db.session.rollback()
    with db.engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement), values)


def read_journal(office: Office) -> list[dict[str, Any]]:
    return [json.loads(line) for line in office.installation.journal.path.read_text().splitlines()]


def look(office: Office) -> str:
    db.session.rollback()
    return mark(office.installation, db.engine)


def forget(office: Office) -> None:
    """Be a new process, which knows what the journal says and no more."""
    floor = get_floor(db.engine)
    floor.lift()
    office.installation.journal.__init__(  # type: ignore[misc]
        office.installation.journal.path, lambda: office.installation.slip_keys.current().ring
    )


def is_ready(office: Office) -> bool:
    return next(
        check.is_good for check in check_readiness(office.installation) if check.name == "checkpoints"
    )


def test_a_checkpoint_tells_numbers_and_states_and_nothing_of_a_person(office: Office) -> None:
    number, other = office.issue("李文静"), office.issue("欧阳修")
    assert look(office) == ""
    revoke_slip(number, reason="伪造材料", by=BY)
    assert [look(office), look(office)] == ["", ""]

    first, second = read_journal(office)
    codes = [hash_code(office.get_short_code(slip)) for slip in (number, other)]
    assert [entry[:4] for entry in first["entries"]] == [
        [1, "issued", codes[0], number],
        [2, "issued", codes[1], other],
    ]
    assert [entry[:4] for entry in second["entries"]] == [[3, "revoked", codes[0], number]]
    assert (first["log"][0], second["log"][0], second["audit"][0] - first["audit"][0]) == (2, 3, 1)
    path = office.installation.journal.path
    written = path.read_text()
    for personal in ("李文静", "欧阳", "TS23", "伪造材料", office.get_short_code(number), BY):
        assert personal not in written
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def cut(office: Office) -> None:
    """Four slips, of which the last two are taken away with their entries and events."""
    for _ in range(4):
        office.issue()
    assert look(office) == ""
    change(*CUT, kept=2)
    forget(office)


FINDERS: dict[str, Callable[[Office], bool]] = {
    "audit verify": lambda office: run(office, "audit", "verify").exit_code == 1,
    "slips log verify": lambda office: run(office, "slips", "log", "verify").exit_code == 1,
    "readyz": lambda office: not is_ready(office),
    "restore status": lambda office: run(office, "restore", "status").exit_code == 1,
    "a look": lambda office: look(office) != "",
}


def test_the_newest_rows_of_both_chains_taken_away_with_their_heads_are_missed_by_all(office: Office) -> None:
    cut(office)
    assert {name: finds(office) for name, finds in FINDERS.items()} == dict.fromkeys(FINDERS, True)
    with pytest.raises(CheckpointsRefused, match=r"stands at 2, and the checkpoint of .* says 4"):
        check_start(office.installation, db.engine)


def test_without_the_journal_and_its_mark_nobody_misses_them(office: Office) -> None:
    """The control."""
    cut(office)
    office.installation.journal.path.unlink()
    change("DELETE FROM journal_marks")
    forget(office)
    assert {name: finds(office) for name, finds in FINDERS.items()} == dict.fromkeys(FINDERS, False)
    check_start(office.installation, db.engine)


def test_audit_events_alone_taken_away_are_missed(office: Office) -> None:
    office.issue()
    revoke_slip(office.issue(), reason="退学", by=BY)
    assert look(office) == ""
    newest = read_journal(office)[-1]["audit"][0]
    change(CUT[-2], CUT[-1], kept=newest - 1)
    forget(office)
    assert f"stands at event {newest - 1}" in look(office)


def test_an_entry_made_anew_in_place_of_another_is_missed(office: Office) -> None:
    office.issue(), office.issue()
    assert look(office) == ""
    change(*CUT, kept=1)
    forget(office)
    get_floor(db.engine).compare = None
    office.issue()
    assert "entry 2 of the issued log is another one" in look(office)


def test_an_empty_database_beside_an_old_journal_does_not_start(office: Office) -> None:
    office.issue()
    assert look(office) == ""
    change(
        *CUT[:4],
        "UPDATE slip_log_heads SET sequence = 0",
        "DELETE FROM audit_events",
        f"UPDATE audit_heads SET chain_hash = '{'0' * 64}'",
        kept=0,
    )
    with pytest.raises(CheckpointsRefused):
        check_start(office.installation, db.engine)


def test_below_its_checkpoints_a_running_service_adds_nothing_and_calls_no_slip_valid(office: Office) -> None:
    numbers = [office.issue() for _ in range(4)]
    digits = [office.get_digits(number) for number in numbers]
    before = get_status_list(office.installation)["counter"]
    assert look(office) == ""
    change(*CUT, kept=2)  # beneath the running service
    for add in (office.issue, lambda: revoke_slip(numbers[0], reason="退学", by=BY)):
        with pytest.raises(BelowCheckpoint):  # at once, before anybody looked
            add()
    with pytest.raises(BelowCheckpoint):
        get_status_list(office.installation)
    assert look(office) != ""
    assert {verify_code(office.installation, text).verdict for text in digits} == {Verdict.STATUS_UNKNOWN}
    assert (before, is_ready(office)) == (4, False)

    get_floor(db.engine).lift()  # the control: what is said without the checkpoints
    verdicts = [verify_code(office.installation, text).verdict for text in digits]
    assert verdicts == [Verdict.VALID] * 2 + [Verdict.NEVER_ISSUED] * 2
    assert get_status_list(office.installation)["counter"] == 2


def test_a_process_compares_before_it_adds_for_the_first_time(office: Office) -> None:
    cut(office)
    watch_appends(office.installation, db.engine)
    with pytest.raises(BelowCheckpoint, match="flask restore status"):
        office.issue()


def test_a_database_ahead_of_the_journal_starts_and_is_marked(office: Office) -> None:
    """As after a crash between a commit and its checkpoint."""
    office.issue()
    assert look(office) == ""
    office.issue(), office.issue()
    forget(office)
    check_start(office.installation, db.engine)
    assert look(office) == ""
    assert [line["log"][0] for line in read_journal(office)] == [1, 3]


def test_purged_events_are_not_missed(office: Office) -> None:
    for days in (1500, 1400, 1300):
        with write_transaction() as session:
            moment = get_now() - timedelta(days=days)
            add_event(session, "tried", actor="a", subject=f"{days}", details={}, now=moment)
    assert look(office) == ""
    assert run(office, "purge").exit_code == 0
    assert db.session.scalar(text("SELECT min(id) FROM audit_events")) == 3  # what the checkpoint tells of
    forget(office)
    check_start(office.installation, db.engine)
    assert look(office) == ""


def test_a_command_leaves_its_checkpoint_behind(office: Office) -> None:
    number = office.issue()
    assert run(office, "slips", "revoke", number, "--reason", "退学", "--by", BY).exit_code == 0
    assert read_journal(office)[-1]["log"][0] == 2


def test_two_writers_of_one_journal_leave_it_whole(office: Office) -> None:
    installation = office.installation
    other = Journal(installation.journal.path, lambda: installation.slip_keys.current().ring)
    for _ in range(3):
        office.issue()
        assert look(office) == ""
        newest = other.refresh()
        assert newest is not None
        assert newest.heads.log[0] == read_journal(office)[-1]["log"][0]


def test_a_journal_of_another_host_is_read_at_the_start(office: Office) -> None:
    office.issue(), office.issue()
    assert look(office) == ""
    path = office.installation.journal.path
    path.rename(path.with_name("other-host.jsonl"))
    change(*CUT, kept=1)
    forget(office)
    with pytest.raises(CheckpointsRefused):
        check_start(office.installation, db.engine)


def test_a_full_disk_keeps_the_checkpoint_waiting_and_nobody_from_submitting(
    office: Office, tmp_path: Path
) -> None:
    folder = tmp_path / "marks"
    folder.mkdir(mode=0o700)
    installation = office.installation
    with small_disk(folder, 64):
        installation.journal.path = folder / "checkpoints.jsonl"
        watch = CheckpointWatch(installation, db.engine)
        office.issue()
        watch.look()
        with filled(folder):
            for _ in range(PENDING):
                number = office.issue()
            watch.look()
            assert [line["log"][0] for line in read_journal(office)] == [1]
            assert is_ready(office)
            assert verify_code(installation, office.get_digits(number)).verdict is Verdict.VALID
        watch.look()
        assert [line["log"][0] for line in read_journal(office)] == [1, 1 + PENDING]


def test_what_gates_saw_is_kept_as_far_as_it_can_be(office: Office) -> None:
    office.issue()
    assert look(office) == ""
    folder = office.installation.checkpoint_folder
    now = office.installation.journal.refresh().time  # type: ignore[union-attr]
    for counter, kept in ((1, 0), (9, 9), (7, 9), (2**40, 9), (2 + MOST_AHEAD, 9)):
        compare_with_log(office.installation, SeenList(counter, now))
        assert read_report(folder) == kept
    told = run(office, "restore", "status")
    assert (told.exit_code, "a gate saw         log 9" in told.output) == (1, True)
    assert run(office, "audit", "verify").exit_code == 1
    assert run(office, "restore", "declare", "--reason", "恢复", "--by", BY).exit_code == 0
    assert get_status_list(office.installation)["counter"] == 10
    assert run(office, "restore", "status").exit_code == 0


def test_nothing_is_written_before_anything_happened(office: Office) -> None:
    assert look(office) == ""
    assert office.installation.journal.newest is None


def test_a_lost_code_is_never_called_forged_and_its_place_never_given_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    codes = [office.get_codes(office.issue())[0] for _ in range(4)]
    digits, short_code, place = codes[3].digits, codes[3].short_code, codes[3].status_index
    assert look(office) == ""
    change(*CUT, kept=2)
    forget(office)
    assert run(office, "restore", "declare", "--reason", "恢复", "--by", BY).exit_code == 0

    for verified in (
        verify_code(office.installation, digits),
        verify_short_code(office.installation, short_code),
    ):
        assert (verified.verdict, verified.is_lost) == (Verdict.STATUS_UNKNOWN, True)
    found = get_status_list(office.installation)
    places = zlib.decompress(base64.urlsafe_b64decode(found["bits"] + "=="))
    assert (found["counter"], places[place >> 2] >> (2 * (place & 3)) & 3) == (5, 2)
    chosen = iter((place, place, 7))
    monkeypatch.setattr(issuing.secrets, "randbelow", lambda _below: next(chosen))
    assert office.get_codes(office.issue())[0].status_index == 7
    assert run(office, "slips", "log", "verify").output == "the issued log is whole\n"

    change("UPDATE lost_codes SET state = 'revoked'")
    assert "the codes that it tells lost were altered" in run(office, "slips", "log", "verify").output


def test_a_backup_that_is_restored_twice_is_declared_twice(office: Office) -> None:
    for _ in range(4):
        office.issue()
    assert look(office) == ""
    for goes_on_at in (5, 6):
        change(
            "DELETE FROM lost_codes",
            "DELETE FROM slip_log_entries WHERE state = 'restored'",
            *CUT,
            kept=2,
        )
        forget(office)
        assert look(office) != ""
        done = run(office, "restore", "declare", "--reason", "恢复", "--by", BY)
        assert f"the issued log goes on at {goes_on_at}" in done.output
        assert (look(office), run(office, "restore", "status").exit_code) == ("", 0)
