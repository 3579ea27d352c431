"""A slip's life at the command line, and the drill for a stolen key."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_bytes

import pytest
from click.testing import Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.domain.slip_code import DEPARTURE_SLIP, SlipCode, Verdict, format_short_code, sign_slip_code
from app.extensions import db
from app.models import AuditEvent
from app.services.audit import find_broken_event
from app.services.slips.issued_log import find_log_faults
from app.services.slips.signing_keys import RECHECK_SECONDS
from app.services.slips.slips import get_slip, render_pdf
from app.services.verification.verification import verify_code, verify_short_code
from tests.fixtures.office import Office
from tests.fixtures.photos import change_name, photograph

WHY = ("--reason", "材料造假", "--by", "00420014")


def run(office: Office, *words: str) -> Result:
    """`flask <words>` in this application."""
    db.session.rollback()
    return office.app.test_cli_runner().invoke(args=list(words))


def verify(office: Office, number: str) -> Verdict:
    """The verdict on a slip's newest code."""
    return verify_code(office.installation, office.get_digits(number)).verdict


def list_all_faults() -> list[str]:
    """What is wrong with the issued log and the audit events."""
    with db.engine.connect() as connection:
        faults = list(find_log_faults(connection))
    broken = find_broken_event()
    return faults if broken is None else [*faults, f"event {broken}"]


def test_a_revoked_slip_says_so_and_keeps_reason_and_person(office: Office) -> None:
    number = office.issue()

    done = run(office, "slips", "revoke", number, *WHY)

    assert (done.exit_code, verify(office, number)) == (0, Verdict.REVOKED)
    shown = run(office, "slips", "show", number)
    assert shown.exit_code == 0
    assert "revoked  by 00420014  材料造假" in shown.output
    event = db.session.query(AuditEvent).filter_by(kind="slip_revoked").one()
    assert (event.actor, event.subject, event.details["reason"]) == ("00420014", number, "材料造假")
    assert list_all_faults() == []


def test_a_reissued_slip_has_a_new_code_and_the_same_content(office: Office) -> None:
    number = office.issue()
    before = office.get_codes(number)[0]
    record = get_slip(office.installation, number, None).record

    assert run(office, "slips", "reissue", number, *WHY).exit_code == 0

    after = office.get_codes(number)[-1]
    assert after.short_code != before.short_code
    assert verify_code(office.installation, before.digits).verdict is Verdict.SUPERSEDED
    assert verify_short_code(office.installation, before.short_code).verdict is Verdict.SUPERSEDED
    assert verify(office, number) is Verdict.VALID
    assert get_slip(office.installation, number, None).record == record
    assert list_all_faults() == []


@pytest.mark.parametrize("command", ["revoke", "reissue"])
def test_a_revocation_is_final(office: Office, command: str) -> None:
    number = office.issue()
    run(office, "slips", "revoke", number, *WHY)

    done = run(office, "slips", command, number, *WHY)

    assert (done.exit_code, "revoked, which is final" in done.output) == (1, True)
    assert len(office.get_codes(number)) == 1


@pytest.mark.parametrize(
    "words",
    [
        ("slips", "revoke", "LX000000000000000", *WHY),
        ("slips", "reissue", "LX000000000000000", *WHY),
        ("slips", "show", "LX000000000000000"),
        ("slips", "reissue", *WHY),
        ("slips", "reissue", "LX000000000000000", "--key", "1", *WHY),
        ("slips", "reissue", "--key", "1", *WHY),
        ("slips", "revoke", "LX000000000000000", "--reason", "退学"),
        ("slips", "reissue", "--key", "1", "--reason", " ", "--by", "00420014"),
        ("slips", "reissue", "--key", "1", "--reason", "退" * 201, "--by", "00420014"),
        ("slip-keys", "retire", "7"),
    ],
    ids=" ".join,
)
def test_what_cannot_be_done_is_said_in_a_line(office: Office, words: tuple[str, ...]) -> None:
    done = run(office, *words)

    assert done.exit_code in (1, 2)
    assert "Error: " in done.output
    assert "Traceback" not in done.output
    assert list_all_faults() == []


def test_verify_exits_0_only_when_valid(office: Office, tmp_path: Path) -> None:
    number = office.issue("李文静")
    held = get_slip(office.installation, number, None)
    pdf = render_pdf(held)
    digits = office.get_digits(number)
    files = {
        "slip.pdf": pdf,
        "edited.pdf": change_name(pdf, "李文静", "李静文"),
        "photo.jpg": photograph(pdf, turn=8),
        "text.txt": b"no picture",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    subjects = {
        digits: 0,
        held.code.url: 0,
        held.code.short_code.lower(): 0,
        str(tmp_path / "slip.pdf"): 0,
        str(tmp_path / "photo.jpg"): 0,
        str(tmp_path / "edited.pdf"): 1,
        str(tmp_path / "text.txt"): 1,
        digits[:-1]: 1,
        held.code.url.replace("http:", "https:"): 1,
        "0000-0000-0000-0000": 1,
        "nonsense": 1,
    }

    answers = {subject: run(office, "slips", "verify", subject) for subject in subjects}

    assert {subject: answer.exit_code for subject, answer in answers.items()} == subjects
    assert "different: the file is not the original one" in answers[str(tmp_path / "edited.pdf")].output
    assert "valid: this slip was issued here" in answers[digits].output
    run(office, "slips", "revoke", number, *WHY)
    assert run(office, "slips", "verify", str(tmp_path / "slip.pdf")).exit_code == 1


def test_the_log_is_verified_at_the_command_line(office: Office) -> None:
    office.issue()
    assert run(office, "slips", "log", "verify").exit_code == 0
    assert run(office, "audit", "verify").exit_code == 0

    for statement in (
        "UPDATE slips SET number = 'LX'",
        "UPDATE audit_events SET actor = 'x'",
    ):
        with db.engine.begin() as connection:
            connection.exec_driver_sql(statement)

    done = run(office, "slips", "log", "verify")
    assert (done.exit_code, "entry 1: the code, the slip or the submission was altered" in done.output) == (
        1,
        True,
    )
    assert run(office, "audit", "verify").exit_code == 1


def forge_with(key: Ed25519PrivateKey, office: Office) -> str:
    """A code for an invented person, signed with a stolen key."""
    today = office.installation.get_local_time(datetime.now(UTC)).date()
    code = SlipCode(1, token_bytes(10), today, None, DEPARTURE_SLIP, 7, token_bytes(16), "0001", "张*")
    return sign_slip_code(code, office.installation.settings.service.host, key)


def test_the_drill_for_a_stolen_key(office: Office) -> None:
    numbers = [office.issue() for _ in range(5)]
    old = [office.get_digits(number) for number in numbers]
    run(office, "slips", "revoke", numbers[4], *WHY)
    stolen = office.installation.slip_keys.current().signers[1]
    forged = forge_with(stolen, office)
    assert verify_code(office.installation, forged).verdict is Verdict.NEVER_ISSUED

    assert run(office, "slip-keys", "compromise", "1", "--yes").exit_code == 0
    assert run(office, "slip-keys", "new").exit_code == 0
    time.sleep(RECHECK_SECONDS + 0.1)

    assert [verify(office, number) for number in numbers] == [Verdict.VALID] * 4 + [Verdict.REVOKED]
    assert verify_code(office.installation, forged).verdict is Verdict.NEVER_ISSUED
    new_slip = office.issue()

    done = run(office, "slips", "reissue", "--key", "1", "--reason", "密钥泄露", "--by", "00420015")

    assert (done.exit_code, "4 slips have new codes" in done.output) == (0, True)
    assert [verify_code(office.installation, digits).verdict for digits in old] == [
        Verdict.SUPERSEDED
    ] * 4 + [Verdict.REVOKED]
    assert [verify(office, number) for number in [*numbers, new_slip]] == [
        *[Verdict.VALID] * 4,
        Verdict.REVOKED,
        Verdict.VALID,
    ]
    assert {office.get_codes(number)[-1].kid for number in numbers[:4]} == {2}
    again = [forge_with(stolen, office) for _ in range(3)]
    assert {verify_code(office.installation, digits).verdict for digits in [forged, *again]} == {
        Verdict.NEVER_ISSUED
    }
    body = int(forged).to_bytes((int(forged).bit_length() + 7) // 8, "big")
    short_code = format_short_code(body[2:12])
    assert verify_short_code(office.installation, short_code).verdict is Verdict.NEVER_ISSUED
    assert run(office, "slips", "reissue", "--key", "1", *WHY).output.endswith("0 slips have new codes\n")
    assert list_all_faults() == []


def test_a_key_or_file_that_does_not_exist_is_told_and_a_number_is_taken_as_typed(office: Office) -> None:
    number = office.issue()
    done = run(office, "slips", "reissue", "--key", "9", *WHY)
    assert (done.exit_code, "there is no key of this number" in done.output) == (1, True)
    for path in ("/nowhere/slip.pdf", "slip.pdf", "nowhere/slip"):
        told = run(office, "slips", "verify", path)
        assert (told.exit_code, told.output) == (1, "Error: there is no such file\n")
    assert "no such file" not in run(office, "slips", "verify", "A-B").output
    assert run(office, "slips", "revoke", f" ｌx{number[2:]} ", *WHY).exit_code == 0
    assert verify(office, number) is Verdict.REVOKED
