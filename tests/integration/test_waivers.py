"""Waivers at the command line: who may get one, taking one back, and a submission at the same moment."""

from __future__ import annotations

import getpass
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from click.testing import Result
from sqlalchemy import event, select

from app.domain.clearance import Status
from app.domain.errors import AlreadySubmitted, AlreadyWaived, DomainError
from app.extensions import db
from app.models import AuditEvent, BrowserSession, Submission, Waiver, write_transaction
from app.services.audit import find_broken_event, get_keyboard
from app.services.authenticated_rows import make_mac
from app.services.clearance import submissions, waivers
from app.services.clearance.clearances import look_up_clearance
from app.services.clearance.submissions import SubmissionRefused, submit
from app.services.clearance.waivers import grant_waiver, withdraw_waiver
from app.services.clock import get_now
from app.services.installation import Installation, InstalledMiniApp
from app.services.numbers import is_known_number
from tests.fixtures.departments import PASSES, Department, install, make_departments, make_graduate
from tests.fixtures.office import Office

STUDENT, CLERK, OTHER_CLERK = "TS23000005", "00420014", "00420015"
WHY = "论文涉密，线下归档"
MISTAKE = "学号录错"
LITTLE = 0.5
ENOUGH = 30

Place = tuple[Installation, InstalledMiniApp]


@pytest.fixture
def departments() -> dict[str, Department]:
    """All let everybody go, but for the archive."""
    departments = make_departments()
    archive = departments["archive"]
    archive.of_student[PASSES] = archive.records
    archive.records = ({"state": "未审核", "reviewed_on": None},)
    return departments


@pytest.fixture
def place(office: Office, departments: dict[str, Department]) -> Place:
    """The graduate departure with these departments."""
    return install(office.installation, departments)


def run(office: Office, *words: str) -> Result:
    """`flask <words>` in this application."""
    db.session.rollback()
    return office.app.test_cli_runner().invoke(args=list(words))


def waive(office: Office, *more: str, student: str = STUDENT, reason: str = WHY, by: str = CLERK) -> Result:
    """`flask waive` of the archive."""
    words = ("graduate_departure", "archive", student, "--reason", reason, "--by", by)
    return run(office, "waive", *words, *more)


def withdraw(
    office: Office, *, student: str = STUDENT, reason: str = MISTAKE, by: str = OTHER_CLERK
) -> Result:
    """`flask waivers withdraw` of the archive."""
    words = ("graduate_departure", "archive", student, "--reason", reason, "--by", by)
    return run(office, "waivers", "withdraw", *words)


def sign_in(student: str) -> None:
    """Leave what a sign-in leaves."""
    now = get_now()
    with write_transaction() as session:
        session.add(
            BrowserSession(
                id_hash=student,
                person_number=student,
                data="{}",
                mac="",
                created_at=now,
                seen_at=now,
                expires_at=now + timedelta(hours=1),
            )
        )


def list_events(kind: str) -> list[AuditEvent]:
    """The audit events of a kind."""
    db.session.rollback()
    return list(db.session.scalars(select(AuditEvent).where(AuditEvent.kind == kind)))


def count_waivers() -> int:
    """How many rows there are, withdrawn ones too."""
    db.session.rollback()
    return len(db.session.scalars(select(Waiver)).all())


def get_status(place: Place, student: str = STUDENT) -> Status:
    """Where the archive stands."""
    return look_up_clearance(*place, student, wait_for_all=True)["archive"].status


@pytest.mark.parametrize(
    "reason",
    [
        "",
        " ",
        "\u3000\u00a0",
        "\u200b\u2060",
        "退\x07学",
        "退" * 201,
        ".",
        "...",
        "-",
        "……",
        "无",
        "（无）",
        "0",
        "N/A",
    ],
)
def test_a_reason_is_1_to_200_characters_that_can_be_seen_and_says_something(
    office: Office, reason: str
) -> None:
    sign_in(STUDENT)
    done = waive(office, reason=reason)
    assert (done.exit_code, "--reason" in done.output) == (1, True)
    assert count_waivers() == 0


def test_a_reason_is_kept_clean(office: Office) -> None:
    sign_in(STUDENT)
    assert waive(office, reason="\u3000论文涉密，\n线下归档\u200b ").exit_code == 0
    assert db.session.scalars(select(Waiver.reason)).one() == "论文涉密， 线下归档"


@pytest.mark.parametrize(
    "by", ["<b>x</b>", "", "李四", "0042 0014", "0" * 33, "0", "00000000", "none", "nobody", "N/A"]
)
def test_by_is_a_staff_number_of_somebody(office: Office, by: str) -> None:
    sign_in(STUDENT)
    done = waive(office, by=by)
    assert (done.exit_code, "'--by' is not a staff number" in done.output) == (1, True)
    is_a_word = by in ("0", "00000000", "none", "nobody")
    assert ("stand for nobody" in done.output) == is_a_word, (
        "that the pattern is told of where it is at fault"
    )
    assert count_waivers() == 0


@pytest.mark.parametrize("by", [STUDENT, "ｔs23000005 "])
def test_nobody_decides_about_oneself(office: Office, by: str) -> None:
    number = office.issue(student_number=STUDENT)
    own = "somebody else must decide"
    for words in (
        ("waive", "graduate_departure", "archive", STUDENT),
        ("waivers", "withdraw", "graduate_departure", "archive", STUDENT),
        ("slips", "reissue", number),
        ("slips", "revoke", number),
    ):
        done = run(office, *words, "--reason", WHY, "--by", by)
        assert (done.exit_code, own in done.output) == (1, True), done.output
        # The control: of somebody else it is taken, or refused for another reason.
        assert own not in run(office, *words, "--reason", WHY, "--by", CLERK).output


@pytest.mark.parametrize("command", [("slips", "revoke"), ("slips", "reissue")])
def test_no_decision_about_a_slip_is_taken_for_nothing_or_by_nobody(
    office: Office, command: tuple[str, str]
) -> None:
    number = office.issue()
    assert "--reason" in run(office, *command, number, "--reason", "...", "--by", CLERK).output
    assert "--by" in run(office, *command, number, "--reason", WHY, "--by", "0").output
    assert run(office, *command, number.lower(), "--reason", WHY, "--by", CLERK).exit_code == 0


def store_waiver(place: Place, reason: str, by: str, student: str = STUDENT) -> None:
    """Store what an older release would have taken, and was adopted."""
    waiver = Waiver(
        mini_app="graduate_departure",
        period=place[1].settings.period,
        step="archive",
        student_number=student,
        reason=reason,
        granted_by=by,
        granted_at=get_now(),
    )
    waiver.mac = make_mac(place[1].row_keys, Waiver, waiver, get_now())
    with write_transaction() as session:
        session.add(waiver)


def find_waiver_findings(office: Office) -> list[str]:
    """What the doctor says of waivers."""
    return [line for line in run(office, "doctor").output.splitlines() if "departure waivers" in line]


@pytest.mark.parametrize(
    ("reason", "by"),
    [(" ", CLERK), ("无", CLERK), ("...", CLERK), (WHY, "<b>x</b>"), (WHY, "0"), (WHY, STUDENT)],
)
def test_a_faulty_waiver_of_an_older_release_is_without_effect_until_it_is_granted_anew(
    office: Office, place: Place, reason: str, by: str
) -> None:
    sign_in(STUDENT)
    store_waiver(place, reason, by)
    assert get_status(place) is Status.OUTSTANDING
    with pytest.raises(SubmissionRefused):
        submit(*place, make_graduate(STUDENT))
    assert "WITHOUT EFFECT" in run(office, "waivers", "list").output
    (found,) = find_waiver_findings(office)
    assert ("FAULT" in found, "1 waiver(s) of archive" in found) == (True, True)

    assert waive(office).exit_code == 0

    assert get_status(place) is Status.WAIVED
    assert "WITHOUT EFFECT" not in run(office, "waivers", "list").output
    assert "FAULT" not in find_waiver_findings(office)[0]
    (told,) = list_events("waiver_withdrawn")
    assert (told.actor, told.details["granted_by"]) == (CLERK, by)
    assert submit(*place, make_graduate(STUDENT)).startswith("LX")


def test_a_sound_waiver_of_an_older_release_counts(office: Office, place: Place) -> None:
    """The control of the test above."""
    store_waiver(place, WHY, CLERK)
    assert get_status(place) is Status.WAIVED
    assert "WITHOUT EFFECT" not in run(office, "waivers", "list").output
    assert ["FAULT" in line for line in find_waiver_findings(office)] == [False]


def test_a_faulty_waiver_can_be_withdrawn_and_beside_a_slip_it_is_a_note(
    office: Office, place: Place
) -> None:
    store_waiver(place, " ", CLERK)
    assert withdraw(office).exit_code == 0
    number = office.issue(student_number="TS23000042")
    store_waiver(place, " ", CLERK, "TS23000042")
    (found,) = find_waiver_findings(office)
    assert ("FAULT" in found, number in found) == (False, True)


def test_numbers_are_folded_to_the_campus_s_form(office: Office, place: Place) -> None:
    sign_in(STUDENT)
    assert waive(office, student=" ｔｓ23000005", by=" ００420014 ").exit_code == 0
    assert get_status(place) is Status.WAIVED
    assert db.session.scalars(select(Waiver.granted_by)).one() == CLERK


def test_a_number_that_nobody_has_is_refused_unless_it_is_said(office: Office) -> None:
    done = waive(office, student="TS99999999")
    assert (done.exit_code, "--unknown-number" in done.output) == (1, True)
    assert count_waivers() == 0
    assert waive(office, "--unknown-number", student="TS99999999").exit_code == 0
    assert not is_known_number("TS99999999"), "a waiver makes no number known"


def test_who_looked_at_the_items_or_submitted_is_known_after_the_session_is_gone(
    office: Office, place: Place, departments: dict[str, Department]
) -> None:
    assert not is_known_number("TS1")
    get_status(place, "TS1")
    assert is_known_number("TS1")
    number = office.issue(student_number="TS23000042")
    assert number
    assert is_known_number("TS23000042")


def test_the_system_s_user_and_who_became_it_by_sudo_are_in_the_event(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(STUDENT)
    monkeypatch.setenv("SUDO_USER", "wang.li")
    assert waive(office).exit_code == 0
    monkeypatch.setenv("SUDO_USER", "wang\nli")
    assert withdraw(office).exit_code == 0
    user = getpass.getuser()
    granted, withdrawn = list_events("step_waived"), list_events("waiver_withdrawn")
    assert [one.details["keyboard"] for one in (*granted, *withdrawn)] == [
        {"os_user": user, "sudo_user": "wang.li"},
        {"os_user": user, "sudo_user": "unreadable"},
    ]
    assert find_broken_event() is None


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("slips", "revoke", "{slip}", "--reason", WHY, "--by", CLERK), "slip_revoked"),
        (("slips", "reissue", "{slip}", "--reason", WHY, "--by", CLERK), "slip_reissued"),
        (("sessions", "end", STUDENT, "--by", CLERK), "sessions_ended"),
        (("purge", "--by", CLERK), "personal_data_purged"),
        (("purge",), "personal_data_purged"),
    ],
    ids=["revoke", "reissue", "sessions", "purge", "purge by a timer"],
)
def test_every_command_of_a_decision_names_the_system_s_user(
    office: Office, words: tuple[str, ...], kind: str
) -> None:
    number = office.issue()
    sign_in(STUDENT)
    with write_transaction() as session:
        session.query(BrowserSession).update({"expires_at": get_now() - timedelta(days=4000)})
    done = run(office, *(word.format(slip=number) for word in words))
    assert done.exit_code == 0, done.output
    (found,) = list_events(kind)
    assert found.details["keyboard"]["os_user"] == getpass.getuser()
    assert found.actor == (CLERK if "--by" in words else "operator")
    wrong = [*words[: words.index("--by")], "--by", "<b>x</b>"] if "--by" in words else [*words, "--by", "-"]
    assert run(office, *(word.format(slip=number) for word in wrong)).exit_code == 1


def test_outside_a_command_an_event_names_no_user_of_the_system(office: Office) -> None:
    """The control: what the tests above see comes from the command."""
    grant_waiver(
        office.installation.mini_apps["graduate-departure"],
        "archive",
        *(STUDENT, WHY, CLERK),
        accepts_unknown=True,
    )
    assert "keyboard" not in list_events("step_waived")[0].details


def test_a_waiver_that_is_withdrawn_counts_no_more_and_can_be_granted_again(
    office: Office, place: Place
) -> None:
    sign_in(STUDENT)
    assert waive(office).exit_code == 0
    again = waive(office)
    assert (again.exit_code, "already waived" in again.output) == (1, True)

    assert withdraw(office).exit_code == 0

    assert get_status(place) is Status.OUTSTANDING
    (told,) = list_events("waiver_withdrawn")
    assert (told.actor, told.subject) == (OTHER_CLERK, STUDENT)
    assert (told.details["reason"], told.details["granted_by"]) == (MISTAKE, CLERK)
    second = withdraw(office)
    assert (second.exit_code, "is not waived" in second.output) == (1, True)
    assert waive(office, reason="又一次").exit_code == 0
    assert get_status(place) is Status.WAIVED
    assert count_waivers() == 2


def test_a_withdrawal_needs_a_reason_and_a_person(office: Office) -> None:
    sign_in(STUDENT)
    waive(office)
    assert withdraw(office, reason="\u3000").exit_code == 1
    assert withdraw(office, by="<b>x</b>").exit_code == 1
    assert run(office, "waivers", "withdraw", "graduate_departure", "archive", STUDENT).exit_code == 2
    assert list_events("waiver_withdrawn") == []


def test_after_the_submission_a_withdrawal_is_refused_and_says_what_can_be_done(
    office: Office, place: Place
) -> None:
    sign_in(STUDENT)
    waive(office)
    slip = submit(*place, make_graduate(STUDENT))
    done = withdraw(office)
    assert done.exit_code == 1
    assert f"already submitted: {slip}" in done.output
    assert "can only be revoked, by `flask slips revoke`, unless it is already" in done.output
    assert list_events("waiver_withdrawn") == []


def test_the_list_is_filtered_and_shows_withdrawn_ones_when_asked(office: Office) -> None:
    for student in (STUDENT, "TS23000006"):
        sign_in(student)
        waive(office, student=student)
    withdraw(office)
    dormitory = ("graduate_departure", "dormitory", STUDENT, "--reason", WHY, "--by", CLERK)
    assert run(office, "waive", *dormitory).exit_code == 0

    def list_lines(*words: str) -> list[str]:
        return run(office, "waivers", "list", *words).output.splitlines()

    assert list_lines()[-1] == "2 waiver(s)"
    assert list_lines("--withdrawn")[-1] == "3 waiver(s)"
    (line, _) = list_lines("--student", "ts23000005")
    assert ("dormitory" in line, WHY in line, CLERK in line) == (True, True, True)
    (line, _) = list_lines("--step", "archive", "--mini-app", "graduate-departure")
    assert "TS23000006" in line
    (line, _) = list_lines("--step", "archive", "--student", STUDENT, "--withdrawn")
    assert f"by {OTHER_CLERK}: {MISTAKE}" in line
    for words, message in (
        (("--mini-app", "undergraduate_departure"), "there is graduate_departure"),
        (("--step", "nostep"), "dormitory"),
        (("--mini-app", "graduate-departure", "--step", "nostep"), "dormitory"),
    ):
        done = run(office, "waivers", "list", *words)
        assert (done.exit_code, message in done.output) == (1, True), done.output


@pytest.mark.parametrize(
    ("words", "message"),
    [(("nothing", "archive"), "there is graduate_departure"), (("graduate_departure", "x"), "dormitory")],
)
def test_a_mistaken_name_is_told_with_those_that_there_are(
    office: Office, words: tuple[str, str], message: str
) -> None:
    for command in (("waive",), ("waivers", "withdraw")):
        done = run(office, *command, *words, STUDENT, "--reason", WHY, "--by", CLERK)
        assert (done.exit_code, message in done.output) == (1, True), done.output


def submit_while_withdrawing(office: Office, place: Place, departments: dict[str, Department]) -> str:
    """Submit, and withdraw the waiver after it was looked at and before the transaction; the slip's number."""
    grant_waiver(place[1], "archive", STUDENT, WHY, CLERK, accepts_unknown=True)
    withdrawn = threading.Event()

    def take_back() -> None:
        if not withdrawn.is_set():
            with office.app.app_context():
                withdraw_waiver(place[1], "archive", STUDENT, MISTAKE, OTHER_CLERK)
            withdrawn.set()

    departments["finance"].when_asked = take_back
    try:
        return submit(*place, make_graduate(STUDENT))
    finally:
        assert withdrawn.is_set()


def test_a_waiver_withdrawn_between_the_look_and_the_submission_does_not_count(
    office: Office, place: Place, departments: dict[str, Department]
) -> None:
    with pytest.raises(SubmissionRefused) as refused:
        submit_while_withdrawing(office, place, departments)
    assert refused.value.fact.step_keys == ("archive",)
    assert refused.value.states["archive"].status is Status.OUTSTANDING
    assert db.session.scalars(select(Submission)).all() == []


def test_without_the_second_look_a_withdrawn_waiver_gives_a_slip(
    office: Office,
    place: Place,
    departments: dict[str, Department],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(submissions, "hold_waivers", lambda *_: None)
    assert submit_while_withdrawing(office, place, departments).startswith("LX")


def withdraw_inside_submission(office: Office, place: Place) -> tuple[bool, list[DomainError]]:
    """Begin a withdrawal in the middle of a submission's transaction: whether it ended before the submission did,
    and how it was refused.
    """
    grant_waiver(place[1], "archive", STUDENT, WHY, CLERK, accepts_unknown=True)
    refused: list[DomainError] = []
    others: list[threading.Thread] = []
    overtook: list[bool] = []

    def take_back() -> None:
        with office.app.app_context():
            try:
                withdraw_waiver(place[1], "archive", STUDENT, MISTAKE, OTHER_CLERK)
            except DomainError as fact:
                refused.append(fact)
            finally:
                db.session.remove()

    def pause(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if statement.startswith("INSERT INTO submissions"):
            others.append(threading.Thread(target=take_back))
            others[0].start()
            others[0].join(LITTLE)
            overtook.append(not others[0].is_alive())

    engine = db.engine
    event.listen(engine, "after_cursor_execute", pause)
    try:
        submit(*place, make_graduate(STUDENT))
    finally:
        event.remove(engine, "after_cursor_execute", pause)
    others[0].join(ENOUGH)
    return overtook == [True], refused


def test_a_withdrawal_waits_for_the_submission_that_rests_on_the_waiver(office: Office, place: Place) -> None:
    overtook, refused = withdraw_inside_submission(office, place)
    assert not overtook
    assert [type(fact) for fact in refused] == [AlreadySubmitted]
    assert list_events("waiver_withdrawn") == []


def test_without_the_lock_a_withdrawal_overtakes_a_submission_on_postgresql(
    office: Office, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waivers, "_HOLD", waivers._FIND)
    overtook, refused = withdraw_inside_submission(office, place)
    # SQLite has one writer at a time, whatever is locked.
    assert overtook == (db.engine.dialect.name == "postgresql")
    assert bool(refused) != overtook


def test_of_two_grants_at_once_one_counts(office: Office, place: Place) -> None:
    barrier = threading.Barrier(2)
    outcomes: list[str] = []

    def grant(reason: str) -> None:
        with office.app.app_context():
            barrier.wait()
            try:
                grant_waiver(place[1], "archive", STUDENT, reason, CLERK, accepts_unknown=True)
                outcomes.append("granted")
            except AlreadyWaived:
                outcomes.append("already")
            finally:
                db.session.remove()

    run_together([lambda: grant("一"), lambda: grant("二")])
    assert sorted(outcomes) == ["already", "granted"]


def run_together(calls: list[Callable[[], None]]) -> None:
    """Run each in a thread of its own, to the end."""
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(ENOUGH)


def test_a_command_whose_words_are_refused_leaves_no_keyboard_behind(office: Office) -> None:
    assert run(office, "slips", "revoke", "--by", CLERK, "--reason", " ").exit_code != 0
    assert get_keyboard() is None
