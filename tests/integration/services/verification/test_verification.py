"""Verification: what stands in the issued log and is truly signed is valid; everything else has its own word."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_bytes
from typing import Any

import pytest
import time_machine
from sqlalchemy import Text, bindparam, event, literal, select

from app.domain.errors import UnknownSlip
from app.domain.slip_code import DEPARTURE_SLIP, SlipCode, Verdict, format_short_code, sign_slip_code
from app.extensions import db
from app.models import IssuedCode, Slip
from app.services.slips.issued_keys import list_foreign_kids, list_missing_kids
from app.services.slips.issued_log import find_log_faults
from app.services.slips.issuing import reissue_slip, revoke_slip
from app.services.slips.signing_keys import create_slip_key
from app.services.verification import issued_codes, verification
from app.services.verification.scan_log import Viewer, flush_scans, record_scan
from app.services.verification.verification import (
    Likeness,
    Verification,
    compare_name,
    get_full_view,
    verify_code,
    verify_short_code,
)
from tests.fixtures.office import Office, open_office

NEVER_ISSUED = Verification(Verdict.NEVER_ISSUED)
STATUS_UNKNOWN = Verification(Verdict.STATUS_UNKNOWN)


def sign_unknown(office: Office) -> str:
    """The digits of a code that our own key signed and nobody entered in the log, as a thief could."""
    moment = office.installation.get_local_time(datetime.now(UTC))
    kid, signer = office.installation.slip_keys.current().get_signer(moment)
    code = SlipCode(
        kid, token_bytes(10), moment.date(), None, DEPARTURE_SLIP, 7, token_bytes(16), "0001", "张*"
    )
    return sign_slip_code(code, office.installation.settings.service.host, signer)


@contextmanager
def counting_statements() -> Iterator[list[str]]:
    """The statements that reach the database, as the driver sends them, without BEGIN and ROLLBACK."""
    seen: list[str] = []

    def note(statement: str) -> None:
        if statement.startswith("SELECT"):
            seen.append(statement)

    def watch(connection: sqlite3.Connection, *_rest: Any) -> None:
        connection.set_trace_callback(note)

    event.listen(db.engine, "checkout", watch)
    try:
        yield seen
    finally:
        event.remove(db.engine, "checkout", watch)
        with closing(db.engine.raw_connection()) as connection:
            connection.set_trace_callback(None)


def spoil(office: Office, statement: str, *values: object) -> None:
    """Change the database behind the service's back."""
    db.session.rollback()
    with closing(sqlite3.connect(office.data_dir / "lixiao.sqlite3")) as connection:
        assert connection.execute(statement, values).rowcount == 1
        connection.commit()


def test_an_issued_slip_is_valid_by_its_code_and_by_its_short_code(office: Office) -> None:
    number = office.issue("欧阳文静", "TS23000042")

    found = verify_code(office.installation, office.get_digits(number))

    assert found.verdict is Verdict.VALID
    assert found.slip is not None
    assert (found.slip.masked_name, found.slip.last_four) == ("欧阳**", "0042")
    assert found.digits == office.get_digits(number)
    assert verify_short_code(office.installation, office.get_short_code(number)) == found


def test_a_short_code_is_taken_as_people_type_it(office: Office) -> None:
    number = office.issue()
    code = office.get_short_code(number)
    typed = " ".join(code[place : place + 4] for place in range(0, 16, 4))

    for text in (typed.lower(), code.replace("0", "O"), code.replace("1", "l"), "-".join(code), f"  {code} "):
        assert verify_short_code(office.installation, text).verdict is Verdict.VALID
    assert verify_short_code(office.installation, code[:-1]) == Verification(Verdict.MALFORMED)
    assert verify_short_code(office.installation, "") == Verification(Verdict.MALFORMED)


def test_unknown_codes_answer_alike_in_answer_and_in_work(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.issue()
    checks = []
    check = verification.check_slip_code
    monkeypatch.setattr(verification, "check_slip_code", lambda *rest: checks.append(rest) or check(*rest))
    unknown = sign_unknown(office)
    verify_code(office.installation, sign_unknown(office))  # whether a restore was declared is asked once
    answers, work = [], []
    for ask in (
        lambda: verify_code(office.installation, unknown),
        lambda: verify_short_code(office.installation, format_short_code(token_bytes(10))),
    ):
        checks.clear()
        with counting_statements() as statements:
            answers.append(ask())
        work.append((len(statements), len(checks)))

    assert answers == [NEVER_ISSUED, NEVER_ISSUED]
    assert work == [(1, 1), (1, 1)]


def test_a_forged_code_has_its_own_verdict_and_reaches_no_database(office: Office) -> None:
    digits = office.get_digits(office.issue())
    last = "1" if digits[-1] != "1" else "2"
    # Which kids this host's keys did not sign under is asked once in a while.
    assert verify_code(office.installation, digits[:-1] + last) == Verification(Verdict.BAD_SIGNATURE)

    with counting_statements() as statements:
        for end in range(10):
            if str(end) != digits[-1]:
                forged = f"{digits[:-1]}{end}"
                assert verify_code(office.installation, forged) == Verification(Verdict.BAD_SIGNATURE)
        assert verify_code(office.installation, digits + " ") == Verification(Verdict.MALFORMED)
        assert verify_code(office.installation, "") == Verification(Verdict.MALFORMED)
    assert statements == []


def test_a_code_seen_before_costs_one_row(office: Office) -> None:
    digits = office.get_digits(office.issue())
    verify_code(office.installation, digits)

    with counting_statements() as statements:
        assert verify_code(office.installation, digits).verdict is Verdict.VALID
    assert len(statements) == 1


def test_a_code_seen_before_is_asked_for_its_state_each_time(office: Office) -> None:
    number = office.issue()
    digits = office.get_digits(number)
    assert verify_code(office.installation, digits).verdict is Verdict.VALID

    reissue_slip(office.installation, number, reason="补打", by="00420014")
    superseded = verify_code(office.installation, digits)
    assert superseded.verdict is Verdict.SUPERSEDED
    assert verify_code(office.installation, office.get_digits(number)).verdict is Verdict.VALID

    revoke_slip(number, reason="退学", by="00420014")
    assert verify_code(office.installation, office.get_digits(number)).verdict is Verdict.REVOKED
    assert superseded.slip is not None


def revoke_reissued(office: Office) -> list[str]:
    """The digits of a slip that was reissued twice and then revoked, oldest first."""
    number = office.issue()
    for _ in range(2):
        reissue_slip(office.installation, number, reason="补打", by="00420014")
    revoke_slip(number, reason="退学", by="00420014")
    return [code.digits for code in office.get_codes(number)]


def test_every_code_of_a_revoked_slip_is_revoked_whichever_way_it_is_asked_about(office: Office) -> None:
    for digits in revoke_reissued(office):
        seen = verify_code(office.installation, digits)
        typed = verify_short_code(office.installation, format_short_code_of(digits))
        assert (seen.verdict, typed.verdict) == (Verdict.REVOKED, Verdict.REVOKED)
        assert seen.slip is not None
        assert get_full_view(office.installation, seen).verdict is Verdict.REVOKED
    with db.engine.connect() as connection:
        assert list(find_log_faults(connection)) == []


def test_without_the_slip_s_other_codes_an_earlier_one_would_ask_for_the_new_slip(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(verification, "is_revoked", lambda slip_id: False)
    verdicts = [verify_code(office.installation, digits).verdict for digits in revoke_reissued(office)]
    assert verdicts == [Verdict.SUPERSEDED, Verdict.SUPERSEDED, Verdict.REVOKED]


@pytest.mark.parametrize("table", ["issued_codes", "slip_log_entries"])
def test_a_revocation_stands_though_row_or_log_was_written_over(own_office: Office, table: str) -> None:
    first, *_ = revoke_reissued(own_office)
    spoil(own_office, f"UPDATE {table} SET state = 'superseded' WHERE state = 'revoked'")
    assert verify_code(own_office.installation, first).verdict is Verdict.REVOKED


def test_a_code_of_a_slip_that_nobody_submitted_is_never_issued(own_office: Office) -> None:
    number = own_office.issue()
    digits = own_office.get_digits(number)
    assert verify_code(own_office.installation, digits).verdict is Verdict.VALID

    spoil(own_office, "DELETE FROM submissions")

    assert verify_code(own_office.installation, digits) == NEVER_ISSUED
    assert verify_short_code(own_office.installation, format_short_code_of(digits)) == NEVER_ISSUED


def test_a_code_row_that_the_log_does_not_hold_is_never_issued(own_office: Office) -> None:
    digits = own_office.get_digits(own_office.issue())

    spoil(own_office, "DELETE FROM slip_log_entries")

    assert verify_code(own_office.installation, digits) == NEVER_ISSUED


def test_without_the_joins_a_code_that_nobody_submitted_passes(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = own_office.get_digits(own_office.issue())
    monkeypatch.setattr(
        issued_codes,
        "_ISSUED_CODE",
        select(
            IssuedCode.short_code,
            IssuedCode.digits,
            IssuedCode.state,
            IssuedCode.state,
            IssuedCode.slip_id,
            Slip.check_count,
            Slip.record.cast(Text),
            literal(""),
        )
        .join(Slip, Slip.id == IssuedCode.slip_id)
        .where(IssuedCode.short_code == bindparam("short_code")),
    )

    spoil(own_office, "DELETE FROM submissions")

    assert verify_code(own_office.installation, digits).verdict is Verdict.VALID


def test_a_record_that_was_altered_is_not_shown(own_office: Office, caplog: pytest.LogCaptureFixture) -> None:
    digits = own_office.get_digits(own_office.issue())
    spoil(own_office, "UPDATE slips SET record = replace(record, '2026-06-18 09:42', '2026-06-19 09:42')")

    assert verify_code(own_office.installation, digits) == NEVER_ISSUED
    assert "record differs" in caplog.text


def test_a_record_that_was_altered_after_it_was_seen_is_not_shown_either(own_office: Office) -> None:
    digits = own_office.get_digits(own_office.issue("李文静"))
    assert compare_name(own_office.installation, digits, "李文静") is Likeness.SAME
    seen = verify_code(own_office.installation, digits)
    assert get_full_view(own_office.installation, seen).record.get_field("name") == "李文静"
    spoil(own_office, "UPDATE slips SET record = json_set(record, '$.fields[0].value', '王大明')")

    assert verify_code(own_office.installation, digits) == NEVER_ISSUED
    assert compare_name(own_office.installation, digits, "王大明") is Likeness.OTHER
    with pytest.raises(UnknownSlip):
        get_full_view(own_office.installation, verify_code(own_office.installation, digits))


@pytest.mark.parametrize("record", ["{", "[]", "7", "null", '{"title": 1}', '"' + "\\ud800" + '"'])
def test_a_record_that_cannot_be_read_is_never_issued(own_office: Office, record: str) -> None:
    digits = own_office.get_digits(own_office.issue())
    spoil(own_office, "UPDATE slips SET record = ?", record)

    assert verify_code(own_office.installation, digits) == NEVER_ISSUED


def test_a_revoked_code_whose_row_was_written_over_stays_revoked(own_office: Office) -> None:
    number = own_office.issue()
    digits = own_office.get_digits(number)
    revoke_slip(number, reason="退学", by="00420014")

    spoil(own_office, "UPDATE issued_codes SET state = 'issued'")

    assert verify_code(own_office.installation, digits).verdict is Verdict.REVOKED


def test_without_the_log_s_newest_entry_a_row_written_over_is_valid_again(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = own_office.issue()
    revoke_slip(number, reason="退学", by="00420014")
    monkeypatch.setattr(issued_codes.LoggedCode, "state", property(lambda found: found.row_state))

    spoil(own_office, "UPDATE issued_codes SET state = 'issued'")

    assert verify_code(own_office.installation, own_office.get_digits(number)).verdict is Verdict.VALID


def test_without_the_content_digest_an_altered_record_passes(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = own_office.get_digits(own_office.issue())
    spoil(own_office, "UPDATE slips SET record = replace(record, '2026-06-18 09:42', '2026-06-19 09:42')")
    monkeypatch.setattr(verification, "has_content", lambda code, record: True)

    assert verify_code(own_office.installation, digits).verdict is Verdict.VALID


def test_an_unknown_state_in_the_row_is_never_valid(own_office: Office) -> None:
    digits = own_office.get_digits(own_office.issue())
    spoil(own_office, "UPDATE issued_codes SET state = 'suspended'")

    assert verify_code(own_office.installation, digits).verdict is Verdict.STATUS_UNKNOWN


def test_without_its_database_a_good_code_is_unknown_and_comes_back_alone(
    own_office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    number = own_office.issue("李文静")
    digits, short_code = own_office.get_digits(number), own_office.get_short_code(number)
    forged = digits[:-1] + ("1" if digits[-1] != "1" else "2")
    database = own_office.data_dir / "lixiao.sqlite3"
    caplog.set_level(logging.DEBUG)

    with gone(database):
        assert verify_code(own_office.installation, digits) == STATUS_UNKNOWN
        assert verify_short_code(own_office.installation, short_code) == STATUS_UNKNOWN
        assert verify_code(own_office.installation, forged).verdict is Verdict.BAD_SIGNATURE
        assert compare_name(own_office.installation, digits, "李文静") is Likeness.OTHER

    assert verify_code(own_office.installation, digits).verdict is Verdict.VALID
    assert "issued log not readable" in caplog.text
    assert not any(secret in caplog.text for secret in (digits, short_code, number))


@contextmanager
def gone(database: Path) -> Iterator[None]:
    """A database file that is not there for a while."""
    db.session.remove()
    db.engine.dispose()
    away = database.with_name("away")
    database.rename(away)
    database.mkdir()
    try:
        yield
    finally:
        db.engine.dispose()
        database.rmdir()
        away.rename(database)


def test_while_the_keys_cannot_be_read_nothing_is_valid(own_office: Office) -> None:
    digits = own_office.get_digits(own_office.issue())
    ring = own_office.keys / "keys.json"
    good = ring.read_text()
    store = own_office.installation.slip_keys
    ring.write_text("{")
    store._checked_at = 0.0

    assert verify_code(own_office.installation, digits) == STATUS_UNKNOWN

    ring.write_text(good)
    store._checked_at = 0.0
    assert verify_code(own_office.installation, digits).verdict is Verdict.VALID


def test_time_is_told_by_the_service_s_own_day(tmp_path: Path) -> None:
    with open_office(tmp_path, validity_days=30) as office:
        midnight = datetime(2026, 6, 19, 16, 0, tzinfo=UTC)  # 2026-06-20 in Shanghai
        with time_machine.travel(midnight, tick=False):
            digits = office.get_digits(office.issue())
            assert verify_code(office.installation, digits).verdict is Verdict.VALID
        for moment, verdict in (
            (midnight - timedelta(seconds=1), Verdict.NOT_YET_VALID),
            (midnight + timedelta(days=31, seconds=-1), Verdict.VALID),
            (midnight + timedelta(days=31), Verdict.EXPIRED),
        ):
            with time_machine.travel(moment, tick=False):
                assert verify_code(office.installation, digits).verdict is verdict


@pytest.mark.parametrize(
    ("name", "typed", "likeness"),
    [
        ("李文静", "李文静", Likeness.SAME),
        ("李文静", " 李 文静　", Likeness.SAME),
        ("李文静", "李文清", Likeness.OTHER),
        ("李文静", "李文", Likeness.OTHER),
        ("李文静", "李**", Likeness.OTHER),
        ("李文静", "", Likeness.OTHER),
        ("Nguyễn Văn An", "Nguye\u0302\u0303n  VA\u0306N an", Likeness.SAME),
        ("Nguyễn Văn An", "Nguyen Van An", Likeness.NEARLY),
        ("Łukasz Şahin", "Lukasz Sahin", Likeness.NEARLY),
        ("Łukasz Şahin", "Lukas Sahin", Likeness.OTHER),
        ("阿依古丽·买买提", "阿依古丽•买买提", Likeness.SAME),
        ("欧阳䶮𠮷", "欧阳䶮𠮷", Likeness.SAME),
        ("欧阳䶮𠮷", "欧阳䶮吉", Likeness.OTHER),
    ],
)
def test_a_typed_name_matches_or_not(office: Office, name: str, typed: str, likeness: Likeness) -> None:
    digits = office.get_digits(office.issue(name))

    assert compare_name(office.installation, digits, typed) is likeness


def test_no_name_matches_a_slip_that_does_not_stand(office: Office) -> None:
    number = office.issue("李文静")
    digits = office.get_digits(number)
    revoke_slip(number, reason="退学", by="00420014")

    assert compare_name(office.installation, digits, "李文静") is Likeness.OTHER
    assert compare_name(office.installation, sign_unknown(office), "李文静") is Likeness.OTHER


def test_a_guard_sees_all_of_a_slip_and_why_it_is_in_its_state(office: Office) -> None:
    number = office.issue("李文静", "TS23009999")
    digits = office.get_digits(number)
    seen = verify_code(office.installation, digits)
    record_scan(office.installation, seen, Viewer.PUBLIC, "192.0.2.7")
    flush_scans()
    revoke_slip(number, reason="退学", by="00420014")

    full = get_full_view(office.installation, verify_code(office.installation, digits))

    assert (full.verdict, full.number, full.state, full.reason) == (
        Verdict.REVOKED,
        number,
        "revoked",
        "退学",
    )
    assert full.record.get_field("student_number") == "TS23009999"
    assert len(full.record.steps) == 5
    assert [(line.state, line.actor) for line in full.history] == [
        ("issued", "TS23009999"),
        ("revoked", "00420014"),
    ]
    assert [(check.viewer, check.verdict) for check in full.checks] == [(Viewer.PUBLIC, Verdict.VALID)]


def test_behind_a_code_without_a_slip_there_is_nothing_to_see(office: Office) -> None:
    for digits in (sign_unknown(office), "1234", ""):
        with pytest.raises(UnknownSlip):
            get_full_view(office.installation, verify_code(office.installation, digits))


def test_two_live_keys_both_verify(own_office: Office) -> None:
    before = own_office.get_digits(own_office.issue())
    create_slip_key(own_office.keys, datetime.now(UTC).date() - timedelta(days=1), 400)
    own_office.installation.slip_keys._checked_at = 0.0
    after = own_office.get_codes(own_office.issue())[-1]

    assert after.kid == 2
    for digits in (before, after.digits):
        assert verify_code(own_office.installation, digits).verdict is Verdict.VALID


@contextmanager
def lacking_newest_key(office: Office) -> Iterator[None]:
    """The office as a host to which nobody has brought the newest key yet."""
    ring = office.keys / "keys.json"
    whole = ring.read_text()
    known = json.loads(whole)
    ring.write_text(json.dumps({"keys": known["keys"][:-1]}))
    office.installation.slip_keys._checked_at = 0.0
    yield
    ring.write_text(whole)
    office.installation.slip_keys._checked_at = 0.0


def issue_under_new_key(office: Office) -> str:
    """A slip signed by a key that was made just now; its digits."""
    create_slip_key(office.keys, datetime.now(UTC).date() - timedelta(days=1), 400)
    office.installation.slip_keys._checked_at = 0.0
    return office.get_digits(office.issue())


def test_a_slip_whose_key_this_host_lacks_is_unknown_and_valid_once_the_key_is_there(
    own_office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    digits = issue_under_new_key(own_office)
    short_code = format_short_code_of(digits)

    with lacking_newest_key(own_office):
        assert verify_code(own_office.installation, digits) == STATUS_UNKNOWN
        assert verify_short_code(own_office.installation, short_code) == STATUS_UNKNOWN
    assert verify_code(own_office.installation, digits).verdict is Verdict.VALID
    assert "not proven by this host's keys" in caplog.text
    assert not any(secret in caplog.text for secret in (digits, short_code))


def test_without_asking_the_log_the_same_slip_is_called_not_ours(
    own_office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = issue_under_new_key(own_office)
    monkeypatch.setattr(verification, "_judge_unproven", lambda _, verdict: Verification(verdict))

    with lacking_newest_key(own_office):
        assert verify_code(own_office.installation, digits).verdict is Verdict.UNKNOWN_KEY


def test_a_key_that_nobody_has_is_unknown_where_the_log_does_not_hold_exactly_this_code(
    own_office: Office,
) -> None:
    digits = issue_under_new_key(own_office)
    forged = sign_unknown(own_office)
    last = "1" if digits[-1] != "1" else "2"

    with lacking_newest_key(own_office):
        for text in (forged, digits[:-1] + last):
            assert verify_code(own_office.installation, text) == Verification(Verdict.UNKNOWN_KEY)


def test_a_key_of_the_same_kid_made_elsewhere_does_not_make_a_typed_code_forged(own_office: Office) -> None:
    """Two hosts made key 2 apart from each other."""
    digits = issue_under_new_key(own_office)
    ring = own_office.keys / "keys.json"
    known = json.loads(ring.read_text())
    known["keys"][1]["x"] = known["keys"][0]["x"]
    for key in known["keys"]:
        key["state"] = "retired"
    ring.write_text(json.dumps(known))
    own_office.installation.slip_keys._checked_at = 0.0

    assert verify_short_code(own_office.installation, format_short_code_of(digits)) == STATUS_UNKNOWN
    with db.engine.connect() as connection:
        keys = own_office.installation.slip_keys.current().ring
        host = own_office.installation.settings.service.host
        assert list_foreign_kids(connection, keys, host, datetime.now(UTC).date()) == [2]
        assert list_missing_kids(connection, keys) == []


def test_a_missing_key_is_missed_as_long_as_a_code_of_it_stands(own_office: Office) -> None:
    own_office.issue()
    issue_under_new_key(own_office)
    number = own_office.issue()
    assert number
    with lacking_newest_key(own_office), db.engine.connect() as connection:
        assert list_missing_kids(connection, own_office.installation.slip_keys.current().ring) == [2]
    spoil_all(own_office, "UPDATE issued_codes SET state = 'superseded' WHERE kid = 2")
    with lacking_newest_key(own_office), db.engine.connect() as connection:
        assert list_missing_kids(connection, own_office.installation.slip_keys.current().ring) == []


def spoil_all(office: Office, statement: str) -> None:
    """Change rows behind the service's back."""
    db.session.rollback()
    with closing(sqlite3.connect(office.data_dir / "lixiao.sqlite3")) as connection:
        connection.execute(statement)
        connection.commit()


def format_short_code_of(digits: str) -> str:
    """The short code of a code."""
    body = int(digits).to_bytes((int(digits).bit_length() + 7) // 8, "big")
    return format_short_code(body[2:12])
