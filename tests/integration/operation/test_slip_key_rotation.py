"""Keys at the command line: published before they sign, never the last one gone by mistake, missing ones named."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests
import time_machine
from click.testing import Result
from sqlalchemy import event

from app.domain.slip_code import Verdict
from app.extensions import db
from app.services.operations.readiness import check_readiness
from app.services.slips import issued_keys
from app.services.slips.issued_keys import list_missing_kids
from app.services.slips.signing_keys import create_slip_key, list_slip_keys
from app.services.verification.verification import verify_code
from tests.campus.client import CampusClient
from tests.campus.run import make_environment
from tests.fixtures.office import Office
from tests.fixtures.stored import check_nothing_is_half_done, list_slips
from tests.integration.operation.commands import run_flask
from tests.running import running_service
from tests.visitor import APP

STUDENT = "TS95000001"
MORNING = datetime(2026, 6, 20, 1, 31, tzinfo=UTC)  # 09:31 in Shanghai


def run(office: Office, *words: str) -> Result:
    """`flask <words>` in this application, which then looks at its keys anew."""
    db.session.rollback()
    done = office.app.test_cli_runner().invoke(args=list(words))
    notice(office)
    return done


def notice(office: Office) -> None:
    """Let the service look at its keys at once."""
    office.installation.slip_keys._checked_at = 0.0


def get_newest_kid(office: Office) -> int:
    """The key that signs a slip of now."""
    return office.get_codes(office.issue())[-1].kid


@contextmanager
def lacking_key(office: Office, kid: int) -> Iterator[None]:
    """The office as a host to which nobody has brought a key yet."""
    ring = office.keys / "keys.json"
    whole = ring.read_text()
    keys = [key for key in json.loads(whole)["keys"] if key["kid"] != str(kid)]
    ring.write_text(json.dumps({"keys": keys}))
    notice(office)
    yield
    ring.write_text(whole)
    notice(office)


def test_a_new_key_is_published_at_once_and_signs_minutes_later(office: Office) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        done = run(office, "slip-keys", "new")
        assert done.output == "key 2 is published now and signs from 2026-06-20 09:41:00\n"
        published = office.app.test_client().get("/.well-known/slip-keys.json").get_json()["keys"]
        assert [key.get("signs_from") for key in published] == [None, "2026-06-20T01:41:00Z"]
        assert get_newest_kid(office) == 1
        assert "signs from 2026-06-20 09:41:00" in run(office, "slip-keys", "list").output
        assert "key 2 is published and signs from 2026-06-20 09:41" in run(office, "doctor").output
        clock.shift(timedelta(minutes=10))
        assert get_newest_kid(office) == 2
        assert verify_code(office.installation, office.get_digits(office.issue())).verdict is Verdict.VALID


@pytest.mark.parametrize(
    ("when", "begins"),
    [
        ("30", "2026-06-20 10:01:00"),
        ("+30m", "2026-06-20 10:01:00"),
        ("2026-06-21", "2026-06-21 00:00:00"),
        ("2026-06-21T08:00", "2026-06-21 08:00:00"),
        ("2026-06-21T00:00:00+00:00", "2026-06-21 08:00:00"),
    ],
)
def test_when_a_key_begins_can_be_said(office: Office, when: str, begins: str) -> None:
    with time_machine.travel(MORNING, tick=False):
        assert f"signs from {begins}" in run(office, "slip-keys", "new", "--signs-from", when).output
        key = list_slip_keys(office.keys)[-1]
        assert key.not_before.isoformat() == begins[:10], "its days count from when it signs"
        assert get_newest_kid(office) == 1


@pytest.mark.parametrize("when", ["now", "0"])
def test_a_key_can_be_let_sign_at_once(office: Office, when: str) -> None:
    assert run(office, "slip-keys", "new", "--signs-from", when).output == "key 2 signs from now on\n"
    assert get_newest_kid(office) == 2


@pytest.mark.parametrize("when", ["2020-01-01", "2026-06-20T09:30", "2026-06-20T01:30:00+00:00"])
def test_a_moment_that_has_passed_is_refused(office: Office, when: str) -> None:
    with time_machine.travel(MORNING, tick=False):
        done = run(office, "slip-keys", "new", "--signs-from", when)
    assert (done.exit_code, "has passed" in done.output) == (2, True)
    assert len(list_slip_keys(office.keys)) == 1


@pytest.mark.parametrize("when", ["tomorrow", "", "-5", "25:00"])
def test_a_moment_that_is_none_is_refused(office: Office, when: str) -> None:
    done = run(office, "slip-keys", "new", "--signs-from", when)
    assert (done.exit_code, "number of minutes" in done.output) == (2, True)
    assert len(list_slip_keys(office.keys)) == 1


def test_where_no_other_key_signs_a_new_one_signs_at_once(office: Office) -> None:
    done = run(office, "slip-keys", "compromise", "1", "--yes")
    assert "no key signs now" in done.output
    assert run(office, "slip-keys", "new").output == "key 2 signs from now on\n"
    assert get_newest_kid(office) == 2


def test_the_last_key_that_signs_is_retired_by_force_only(office: Office) -> None:
    done = run(office, "slip-keys", "retire", "1")
    assert done.exit_code == 1
    assert "key 1 is the only one that signs now: make another" in done.output
    run(office, "slip-keys", "new")
    done = run(office, "slip-keys", "retire", "1")
    assert (done.exit_code, "key 2 signs from" in done.output) == (1, True)
    assert get_newest_kid(office) == 1
    done = run(office, "slip-keys", "retire", "1", "--force")
    assert (done.exit_code, "Warning: no key signs now" in done.output) == (0, True)


def get_checks(office: Office) -> dict[str, tuple[bool, str]]:
    """What readiness says."""
    return {check.name: (check.is_good, check.message) for check in check_readiness(office.installation)}


def test_readiness_and_doctor_name_a_key_that_this_host_lacks(office: Office) -> None:
    run(office, "slip-keys", "new", "--signs-from", "now")
    assert get_newest_kid(office) == 2
    assert get_checks(office)["issued_keys"][0]

    with lacking_key(office, 2):
        is_good, message = get_checks(office)["issued_keys"]
        answer = office.app.test_client().get("/readyz")
        told = run(office, "doctor").output

    assert (is_good, "kid 2 signed slips and is missing here" in message) == (False, True)
    assert (answer.status_code, "kid 2" in answer.get_json()["checks"]["issued_keys"]) == (503, True)
    assert re.search("FAULT +slip keys and log +kid 2 signed slips and is missing here", told)
    assert get_checks(office)["issued_keys"][0]
    assert "every key that signed slips is here" in run(office, "doctor").output


def test_a_lost_key_is_missed_no_more_once_its_slips_were_reissued(office: Office) -> None:
    number = office.issue()
    run(office, "slip-keys", "new", "--signs-from", "now")
    with lacking_key(office, 1):
        assert not get_checks(office)["issued_keys"][0]
        words = ("--key", "1", "--reason", "密钥丢失", "--by", "00420014")
        assert run(office, "slips", "reissue", *words).exit_code == 0
        assert get_checks(office)["issued_keys"][0]
        assert verify_code(office.installation, office.get_digits(number)).verdict is Verdict.VALID


def forget_key(office: Office, kid: int) -> None:
    """Lose a key as a folder does that was brought back from before it was made."""
    (office.keys / f"{kid}.pem").unlink()
    ring = office.keys / "keys.json"
    keys = [key for key in json.loads(ring.read_text())["keys"] if key["kid"] != str(kid)]
    ring.write_text(json.dumps({"keys": keys}))
    notice(office)


def test_a_new_key_never_takes_a_kid_that_signed_slips(office: Office) -> None:
    run(office, "slip-keys", "new", "--signs-from", "now")
    digits = office.get_digits(office.issue())
    forget_key(office, 2)

    assert run(office, "slip-keys", "new", "--signs-from", "now").output == "key 3 signs from now on\n"
    assert verify_code(office.installation, digits).verdict is Verdict.STATUS_UNKNOWN
    assert "kid 2 signed slips and is missing here" in get_checks(office)["issued_keys"][1]


def test_control_by_the_folder_alone_the_kid_is_taken_again(office: Office) -> None:
    run(office, "slip-keys", "new", "--signs-from", "now")
    office.issue()
    forget_key(office, 2)
    assert create_slip_key(office.keys, MORNING.date(), 400) == 2


def reuse_kid(office: Office) -> tuple[str, str]:
    """A folder of keys in which kid 2 was made again by hand; the digits of a slip of the lost key, and its number."""
    run(office, "slip-keys", "new", "--signs-from", "now")
    number = office.issue()
    digits = office.get_digits(number)
    forget_key(office, 2)
    assert (
        create_slip_key(office.keys, office.installation.get_local_time(datetime.now(UTC)).date(), 400) == 2
    )
    notice(office)
    return digits, number


def test_a_genuine_slip_under_a_kid_that_was_used_again_is_no_forgery(office: Office) -> None:
    digits, number = reuse_kid(office)
    office.issue()
    client = office.app.test_client()
    page = client.get(f"/v/{digits}")
    told = client.get(f"/v/{digits}", headers={"Accept": "application/json"})
    typed = client.post("/verify", data={"code": office.get_short_code(number)})
    pasted = client.post("/verify", data={"code": f"http://127.0.0.1:8000/v/{digits}"})

    for answer in (page, typed, pasted):
        assert (answer.status_code, 'data-verdict="status_unknown"' in answer.text) == (503, True)
    assert (told.status_code, told.get_json()) == (503, {"verdict": "status_unknown"})
    forged = digits[:-1] + ("1" if digits[-1] != "1" else "2")
    assert verify_code(office.installation, forged).verdict is Verdict.BAD_SIGNATURE


def test_control_without_comparing_keys_with_the_log_it_is_called_forged(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits, _ = reuse_kid(office)
    monkeypatch.setattr(issued_keys, "list_foreign_kids", lambda *_, **__: [])
    assert verify_code(office.installation, digits).verdict is Verdict.BAD_SIGNATURE


def test_readiness_and_doctor_name_a_kid_that_was_used_again(office: Office) -> None:
    _, number = reuse_kid(office)
    for _ in range(2 * issued_keys.SAMPLES):
        office.issue()
    message = "key 2 here did not sign the slips under kid 2"
    answer = office.app.test_client().get("/readyz")
    assert (answer.status_code, message in answer.get_json()["checks"]["issued_keys"]) == (503, True)
    assert message in run(office, "doctor").output

    assert run(office, "slips", "reissue", number, "--reason", "密钥丢失", "--by", "00420014").exit_code == 0
    assert get_checks(office)["issued_keys"][0], "the slips of the lost key were signed anew"


def test_a_first_key_says_that_there_was_no_log_to_look_at(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, 9651, "http://127.0.0.1:9")
    done = run_flask(environment, "slip-keys", "new")
    assert (done.code, done.out) == (0, "key 1 signs from now on\n")
    assert "there is no database yet: if slips were issued before, see that none is under kid 1" in done.err
    assert not (tmp_path / "lixiao.sqlite3").exists()


def test_readiness_says_in_words_that_the_key_folder_is_gone(office: Office) -> None:
    run(office, "slip-keys", "list")
    office.installation.slip_keys.current()
    office.keys.rename(office.keys.with_name("elsewhere"))
    notice(office)
    is_good, message = get_checks(office)["slip_key"]
    assert (is_good, "flask doctor" in message, str(office.keys) in message) == (False, True, False)


def test_readiness_warns_of_a_private_key_that_is_left_in_memory_alone(office: Office) -> None:
    assert get_checks(office)["slip_key"] == (True, "key 1 signs")
    (office.keys / "1.pem").unlink()
    is_good, message = get_checks(office)["slip_key"]
    assert (is_good, "warning: it signs from memory alone" in message) == (True, True)
    assert get_newest_kid(office) == 1
    assert re.search("FAULT +slip keys .*1.pem", run(office, "doctor").output)


def test_without_a_key_that_signs_readiness_and_doctor_say_what_to_do(office: Office) -> None:
    run(office, "slip-keys", "retire", "1", "--force")
    is_good, message = get_checks(office)["slip_key"]
    assert (is_good, "flask slip-keys new" in message) == (False, True)
    assert re.search("FAULT +slip keys +no key signs now", run(office, "doctor").output)


def test_readiness_costs_one_statement_for_each_key(office: Office) -> None:
    for _ in range(3):
        office.issue()
    statements: list[str] = []
    with db.engine.connect() as connection:
        event.listen(connection, "before_cursor_execute", lambda *words: statements.append(words[2]))
        assert list_missing_kids(connection, office.installation.slip_keys.current().ring) == []
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 2


def test_without_a_key_a_submission_is_503_loses_nothing_and_can_be_done_again(
    campus: CampusClient, tmp_path: Path
) -> None:
    campus.reset()
    with running_service(campus, tmp_path) as service:
        visitor = service.visit()
        visitor.sign_in(STUDENT)
        check = visitor.get(f"{APP}/submission")
        assert run_flask(service.environment, "slip-keys", "retire", "1", "--force").code == 0
        wait_until(lambda: requests.get(f"{service.url}/readyz", timeout=30).status_code == 503)

        refused = visitor.post(f"{APP}/submission", check)

        assert refused.status_code == 503
        assert 'data-error="SigningUnavailable"' in refused.text
        assert refused.headers["Retry-After"] == "60"
        assert f'href="{APP}/submission">核对后重新提交' in refused.text
        assert list_slips(service.environment, STUDENT) == []
        check_nothing_is_half_done(service.environment)
        lines = [json.loads(line) for line in service.log.read_text().splitlines() if line.startswith("{")]
        assert [line for line in lines if line.get("message") == "no key can sign a slip"]
        assert run_flask(service.environment, "slip-keys", "new").code == 0
        wait_until(lambda: requests.get(f"{service.url}/readyz", timeout=30).status_code == 200)
        assert visitor.post(f"{APP}/submission", check).status_code == 303
        assert len(list_slips(service.environment, STUDENT)) == 1


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait at most twenty seconds."""
    ends_at = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.1)
