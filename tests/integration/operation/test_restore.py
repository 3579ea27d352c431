"""Journals that are damaged, gone or from elsewhere, and what `flask restore` makes of them."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain.errors import BelowCheckpoint
from app.extensions import db
from app.metrics import checkpoint_behind
from app.services.operations.checkpoint_watch import CheckpointWatch
from app.services.operations.checkpoints import CheckpointsRefused, check_start, compare_first, watch_appends
from app.services.slips.issuing import revoke_slip
from app.services.verification.verification import verify_code
from tests.fixtures.office import Office
from tests.integration.operation.test_checkpoints import (
    BY,
    CUT,
    FINDERS,
    change,
    forget,
    is_ready,
    look,
    read_journal,
    run,
)

DECLARE = ("restore", "declare", "--revoke-missing", "--reason", "恢复", "--by", BY)


def read_lag() -> float:
    """For how many seconds the journal lacks what the database has, as `/metrics` tells."""
    (family,) = checkpoint_behind.collect()
    return next(sample.value for sample in family.samples if sample.labels["place"] == "journal")


def drop_second(lines: list[bytes]) -> bytes:
    return lines[0] + lines[2]


def misspell(lines: list[bytes]) -> bytes:
    return b"".join(lines).replace(b'"previous"', b'"prewious"')


@pytest.mark.parametrize("damage", [drop_second, misspell])
def test_a_damaged_journal_stops_the_start_until_it_is_declared(
    office: Office, damage: Callable[[list[bytes]], bytes]
) -> None:
    for _ in range(3):
        office.issue()
        assert look(office) == ""
    path = office.installation.journal.path
    path.write_bytes(damage(path.read_bytes().splitlines(keepends=True)))
    forget(office)
    with pytest.raises(CheckpointsRefused, match=r"line [12] (does not follow|is no checkpoint)"):
        check_start(office.installation, db.engine)
    with pytest.raises(BelowCheckpoint, match="cannot be used"):
        compare_first(office.installation, db.session)
    assert not is_ready(office)
    watch = CheckpointWatch(office.installation, db.engine)
    watch.look(), watch.look()
    assert read_lag() > 0
    declared = run(office, "restore", "declare", "--reason", "日志损坏", "--by", BY)
    assert declared.exit_code == 0, declared.output
    check_start(office.installation, db.engine)
    assert len(list(path.parent.glob("*.damaged"))) == 1
    watch.look()
    assert read_lag() == 0


def test_a_journal_that_is_gone_is_missed_by_all_until_it_is_declared(office: Office) -> None:
    office.issue()
    assert look(office) == ""
    path = office.installation.journal.path
    path.unlink()
    forget(office)
    assert {name: finds(office) for name, finds in FINDERS.items()} == dict.fromkeys(FINDERS, True)
    with pytest.raises(CheckpointsRefused, match="the journal of checkpoints is gone"):
        check_start(office.installation, db.engine)
    watch_appends(office.installation, db.engine)
    with pytest.raises(BelowCheckpoint, match="the journal of checkpoints is gone"):
        office.issue()
    checked = run(office, "restore", "check")
    assert (checked.exit_code, "flask restore declare" in checked.output) == (1, True)

    assert run(office, "restore", "declare", "--reason", "丢失", "--by", BY).exit_code == 0
    assert read_journal(office)[-1]["log"][0] == 2
    assert {name: finds(office) for name, finds in FINDERS.items()} == dict.fromkeys(FINDERS, False)
    checked = run(office, "restore", "check")
    assert (checked.exit_code, checked.output) == (0, "")


def test_a_database_that_never_had_a_journal_begins_one(office: Office) -> None:
    """As after the upgrade from a release without checkpoints."""
    office.issue()
    check_start(office.installation, db.engine)
    watch = CheckpointWatch(office.installation, db.engine)
    watch.look()
    assert [line["log"][0] for line in read_journal(office)] == [1]
    office.installation.journal.path.unlink()
    watch.look()
    assert not office.installation.journal.path.read_bytes()
    assert not is_ready(office)


@pytest.fixture
def letters(office: Office, tmp_path: Path) -> list[Path]:
    """A witness's letters, one for each line: two slips, the first one's revocation, a third slip. The backup has the two
    slips alone, and the journal is lost with the key folder.
    """
    first = office.issue()
    office.issue()
    assert look(office) == ""
    revoke_slip(first, reason="退学", by=BY)
    assert look(office) == ""
    office.issue()
    assert look(office) == ""
    journal = office.installation.journal.path
    found = []
    for number, line in enumerate(journal.read_bytes().splitlines(keepends=True)):
        path = tmp_path / f"letter{number}"
        path.write_bytes(line)
        found.append(path)
    journal.unlink()
    change("UPDATE issued_codes SET state = 'issued', log_sequence = id", *CUT, kept=2)
    forget(office)
    return found


def give(*paths: Path) -> list[str]:
    return [word for path in paths for word in ("--marks", str(path))]


def test_a_later_letter_alone_tells_what_is_missing(office: Office, letters: list[Path]) -> None:
    number = json.loads(letters[0].read_bytes())["entries"][0][3]
    told = run(office, "restore", "status", *give(letters[1]))
    assert told.exit_code == 1
    assert "revoked since, and valid in this database (1):" in told.output
    assert number in told.output
    assert "lines are missing before the checkpoint of" in told.output
    assert run(office, *DECLARE, *give(letters[1])).exit_code == 0
    verified = verify_code(office.installation, office.get_digits(number))
    assert verified.verdict == "revoked"


def test_letters_are_joined_in_whatever_order(office: Office, letters: list[Path]) -> None:
    told = run(office, "restore", "status", *give(letters[2], letters[0], letters[1]))
    assert told.exit_code == 1
    assert "lines are missing" not in told.output
    for words in ("revoked since, and valid", "issued since and lost", "log 4, audit 4", "stands at 2"):
        assert words in told.output


def as_mail(data: bytes) -> bytes:
    return b"Subject: lixiao checkpoint\r\nContent-Type: application/jsonl\r\n\r\n" + data


UNUSABLE: dict[str, Callable[[bytes], bytes]] = {
    "a whole mail": as_mail,
    "base64": base64.encodebytes,
    "an empty file": lambda _: b"",
    "a configuration": lambda _: b'[service]\nhost = "lixiao.example"\n',
    "half a line": lambda data: data[: len(data) // 2],
    "an altered line": lambda data: data.replace(b"revoked", b"reissued"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_file_that_was_not_used_is_named_and_nothing_is_declared(
    office: Office, letters: list[Path], kind: str
) -> None:
    letters[1].write_bytes(UNUSABLE[kind](letters[1].read_bytes()))
    for words in (("restore", "status"), DECLARE):
        told = run(office, *words, *give(*letters))
        assert told.exit_code == 1
        assert f"{letters[1]} is no journal" in told.output
        assert "nothing is missing" not in told.output
        assert "declared" not in told.output


@pytest.mark.parametrize("kind", UNUSABLE)
def test_a_journal_in_the_folder_that_was_not_used_is_named(
    office: Office, letters: list[Path], kind: str
) -> None:
    beside = office.installation.checkpoint_folder / "letter.jsonl"
    office.installation.journal.path.write_bytes(letters[0].read_bytes())
    beside.write_bytes(UNUSABLE[kind](letters[1].read_bytes()))
    told = run(office, "restore", "status")
    assert told.exit_code == 1
    assert f"not used: {beside}: " in told.output
    assert "nothing is missing of what could be read" in told.output

    beside.write_bytes(b"\xef\xbb\xbf" + letters[1].read_bytes().replace(b"\n", b"\r\n"))
    told = run(office, "restore", "status")
    assert (told.exit_code, "not used" in told.output) == (1, False)
    assert "revoked since, and valid" in told.output


def test_who_was_revoked_after_the_backup_is_not_asked_to_submit_again(office: Office) -> None:
    _, lost, revoked = office.issue(), office.issue(), office.issue()
    revoke_slip(revoked, reason="材料不实", by=BY)
    assert look(office) == ""
    change(*CUT, kept=1)
    forget(office)
    told = run(office, "restore", "status").output
    again, ended = told.index("the holders submit again (1)"), told.index("they stay revoked")
    assert again < told.index(lost) < ended < told.index(revoked)


def test_what_no_checkpoint_tells_is_named_with_its_time_and_its_number_of_events(
    office: Office, letters: list[Path]
) -> None:
    told = run(office, "restore", "status", *give(*letters)).output
    assert "audit events missing  2 at most, from 20" in told
    assert "waivers, desk entries and consents" in told
    assert "waivers" in run(office, *DECLARE, *give(*letters)).output
