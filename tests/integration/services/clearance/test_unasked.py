"""Steps that are not asked about: those that are not for the student, and those that come after others."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from app.connectors.base import FailureCode
from app.domain.applies import Condition, PersonField
from app.domain.clearance import Status, StepState
from app.domain.errors import NothingRequired, NotRequired
from app.domain.person import Person
from app.extensions import db
from app.models import Slip, Submission
from app.services.clearance import submissions
from app.services.clearance.clearances import look_up_awaited, look_up_clearance, look_up_kept
from app.services.clearance.live import get_live_step
from app.services.clearance.submissions import SubmissionRefused, submit
from app.services.clearance.unasked import UNDECIDED
from app.services.clearance.waivers import grant_waiver
from app.services.installation import Installation, InstalledMiniApp
from app.services.operations.stuck import find_stuck
from app.services.operations.student_records import load_student
from tests.fixtures.departments import OF_FAILING_CONTROL, Department, install, make_graduate
from tests.fixtures.office import Office

Place = tuple[Installation, InstalledMiniApp]
KINDS = PersonField(label="学习形式", values=("全日制", "非全日制"))
FULL_TIME = (Condition(where={"kind": ("全日制",)}),)
SAYS = "非全日制研究生不住校，无需退宿"


@pytest.fixture
def place(office: Office, departments: dict[str, Department]) -> Place:
    """The graduate departure, whose dormitory is for full-time students, and whose finance comes last."""
    installation, installed = install(office.installation, departments, fresh=15)
    changed = change(installed, "dormitory", applies=FULL_TIME, not_required_says=SAYS)
    return installation, change(changed, "finance", after=("*",))


def change(installed: InstalledMiniApp, step_key: str, **changes: Any) -> InstalledMiniApp:
    steps = tuple(
        step.model_copy(update=changes) if step.key == step_key else step for step in installed.mini_app.steps
    )
    update = {"steps": steps, "person": {"kind": KINDS}}
    return replace(installed, mini_app=installed.mini_app.model_copy(update=update))


def make_person(number: str, **attributes: str) -> Person:
    return replace(make_graduate(number), attributes=attributes)


def look(place: Place, person: Person, *, wait_for_all: bool = True) -> dict[str, StepState]:
    decisions = place[1].mini_app.decide(person)
    return look_up_clearance(*place, person.number, wait_for_all=wait_for_all, decisions=decisions)


def get_evidence(number: str) -> dict[str, Any]:
    db.session.rollback()
    evidence = db.session.scalar(select(Submission.evidence).where(Submission.student_number == number))
    assert evidence is not None
    return dict(evidence)


def test_a_step_that_is_not_for_a_student_is_not_asked_and_passes(
    place: Place, departments: dict[str, Department]
) -> None:
    person = make_person("TS70000001", kind="非全日制")
    departments["dormitory"].fault = FailureCode.TIMEOUT
    state = look(place, person)["dormitory"]
    assert (state.status, state.is_passed, state.reading) == (Status.NOT_REQUIRED, True, None)
    submit(*place, person)
    assert departments["dormitory"].questions == 0


def test_the_evidence_and_the_slip_tell_why_it_was_not_required(place: Place) -> None:
    submit(*place, make_person("TS70000002", kind="非全日制", boarder="否"))
    told = get_evidence("TS70000002")["dormitory"]
    assert told["status"] == "not_required"
    assert told["applies"] == [{"where": {"kind": ["全日制"]}}]
    assert told["told"] == {"kind": "非全日制"}
    assert "applies" not in get_evidence("TS70000002")["archive"]
    (record,) = db.session.scalars(
        select(Slip.record).join(Submission).where(Submission.student_number == "TS70000002")
    )
    printed = next(step for step in record["steps"] if step["key"] == "dormitory")
    assert (printed["status_word"], printed["facts"][0]["value"]) == ("无需办理", SAYS)


def test_the_evidence_of_whom_the_step_is_for_tells_by_what(place: Place) -> None:
    submit(*place, make_person("TS70000003", kind="全日制"))
    told = get_evidence("TS70000003")["dormitory"]
    assert (told["status"], told["told"]) == ("cleared", {"kind": "全日制"})


@pytest.mark.parametrize("attributes", [{}, {"kind": "全日制（普通）"}])
def test_a_step_that_nobody_can_decide_is_unavailable_not_asked_and_never_clears(
    place: Place, departments: dict[str, Department], attributes: dict[str, str]
) -> None:
    person = make_person("TS70000004", **attributes)
    state = look(place, person)["dormitory"]
    assert (state.status, state.fault, state.unknown) == (Status.UNAVAILABLE, UNDECIDED, ("kind",))
    with pytest.raises(SubmissionRefused) as refused:
        submit(*place, person)
    assert refused.value.fact.step_keys == ("dormitory",)
    assert departments["dormitory"].questions == 0


def test_a_variant_that_takes_unknown_for_no_gives_a_slip(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = submissions.get_live_clearance
    loose = replace(place[1].mini_app.decide(make_person("x"))["dormitory"], applies=False)

    def ask_loosely(*words: Any, decisions: dict[str, Any]) -> dict[str, StepState]:
        return ask(*words, decisions=decisions | {"dormitory": loose})

    monkeypatch.setattr(submissions, "get_live_clearance", ask_loosely)
    assert submit(*place, make_person("TS70000005")).startswith("LX")


def test_whoever_asks_without_knowing_the_person_exempts_nobody(place: Place) -> None:
    states = look_up_clearance(*place, "TS70000006", wait_for_all=True)
    assert states["dormitory"].fault == UNDECIDED


def test_an_undecided_step_can_be_waived_and_one_that_is_not_required_need_not(place: Place) -> None:
    undecided, exempt = make_person("TS70000007"), make_person("TS70000008", kind="非全日制")
    look(place, exempt)
    with pytest.raises(NotRequired):
        grant_waiver(place[1], "dormitory", exempt.number, "不住校，已核对", "00420014", accepts_unknown=True)
    grant_waiver(place[1], "dormitory", undecided.number, "不住校，已核对", "00420014", accepts_unknown=True)
    assert look(place, undecided)["dormitory"].status is Status.WAIVED
    assert submit(*place, undecided).startswith("LX")


def test_what_the_sign_in_tells_anew_counts_and_an_earlier_answer_does_not(
    place: Place, departments: dict[str, Department]
) -> None:
    number = "TS70000009"
    assert look(place, make_person(number, kind="非全日制"))["dormitory"].status is Status.NOT_REQUIRED
    departments["dormitory"].of_student[number] = OF_FAILING_CONTROL["dormitory"]
    full_time = make_person(number, kind="全日制")
    assert look(place, full_time, wait_for_all=False)["dormitory"].status is Status.OUTSTANDING
    with pytest.raises(SubmissionRefused):
        submit(*place, full_time)
    assert look(place, make_person(number))["dormitory"].last_known is None


def test_for_whom_nothing_is_required_there_is_no_slip(place: Place) -> None:
    nothing = place[1]
    for key in nothing.mini_app.step_keys:
        nothing = change(nothing, key, applies=FULL_TIME, not_required_says=SAYS)
    with pytest.raises(NothingRequired):
        submit(place[0], nothing, make_person("TS70000010", kind="非全日制"))
    assert submit(place[0], nothing, make_person("TS70000010", kind="全日制")).startswith("LX")


def test_operators_see_what_was_decided_when_the_student_looked(place: Place) -> None:
    look(place, make_person("TS70000011", kind="非全日制"))
    look(place, make_person("TS70000012"))
    installation = replace(place[0], mini_apps={"graduate-departure": place[1]})
    states = load_student(installation, "TS70000011").mini_apps[0].states
    assert (states["dormitory"].status, states["finance"].status) == (Status.NOT_REQUIRED, Status.CLEARED)
    (blocked,) = [one for one in find_stuck(place[1]).students if one.number == "TS70000012"]
    assert [(block.step_key, block.is_undecided, block.waits_for) for block in blocked.blocks] == [
        ("dormitory", True, ()),
        ("finance", False, ("dormitory",)),
    ]


def test_a_step_after_others_is_not_asked_before_they_pass(
    place: Place, departments: dict[str, Department]
) -> None:
    person = make_person("TS70000013", kind="全日制")
    departments["archive"].of_student[person.number] = OF_FAILING_CONTROL["archive"]
    state = look(place, person)["finance"]
    assert (state.status, state.waits_for, state.is_passed) == (Status.WAITING, ("archive",), False)
    alone = get_live_step(*place, "finance", person.number, place[1].mini_app.decide(person))
    assert alone.status is Status.WAITING
    assert departments["finance"].questions == 0
    del departments["archive"].of_student[person.number]
    assert look(place, person)["finance"].status is Status.CLEARED
    assert departments["finance"].questions == 1


@pytest.mark.parametrize("way", ["waived", "not required"])
def test_a_step_that_is_waived_or_not_required_keeps_none_waiting(
    place: Place, departments: dict[str, Department], way: str
) -> None:
    number = {"waived": "TS70000014", "not required": "TS70000015"}[way]
    departments["dormitory"].of_student[number] = OF_FAILING_CONTROL["dormitory"]
    if way == "waived":
        grant_waiver(place[1], "dormitory", number, "不住校，已核对", "00420014", accepts_unknown=True)
    kind = "全日制" if way == "waived" else "非全日制"
    assert look(place, make_person(number, kind=kind))["finance"].status is Status.CLEARED


def test_an_open_page_has_the_last_step_asked_as_soon_as_those_before_it_pass(
    place: Place, departments: dict[str, Department]
) -> None:
    person = make_person("TS70000016", kind="全日制")
    decisions, end = place[1].mini_app.decide(person), threading.Event()
    departments["archive"].when_asked = partial(end.wait, 20)
    limits = place[0].settings.round.model_copy(update={"page_wait_seconds": 0.05})
    hasty = replace(place[0], settings=replace(place[0].settings, round=limits))
    page = look((hasty, place[1]), person, wait_for_all=False)
    assert (page["archive"].is_asking, page["finance"].status) == (True, Status.WAITING)
    end.set()
    for _ in range(2 * len(page)):
        awaited = [key for key, state in page.items() if state.is_asking or state.status is Status.WAITING]
        if awaited:
            page = look_up_awaited(hasty, place[1], person.number, awaited, decisions=decisions)
    assert {state.status for state in page.values()} == {Status.CLEARED}
    assert (departments["archive"].questions, departments["finance"].questions) == (1, 1)


def test_after_the_last_one_before_it_was_asked_again_a_page_asks_for_the_step(
    place: Place, departments: dict[str, Department]
) -> None:
    person = make_person("TS70000017", kind="全日制")
    decisions = place[1].mini_app.decide(person)
    departments["archive"].of_student[person.number] = OF_FAILING_CONTROL["archive"]
    look(place, person)
    del departments["archive"].of_student[person.number]
    get_live_step(*place, "archive", person.number, decisions)
    states = look_up_kept(*place, person.number, decisions)
    assert (states["archive"].status, states["finance"].is_asking) == (Status.CLEARED, True)


def test_at_submission_all_are_asked_in_one_round_and_the_fresh_set_decides(
    place: Place, departments: dict[str, Department]
) -> None:
    person = make_person("TS70000018", kind="全日制")
    departments["archive"].of_student[person.number] = OF_FAILING_CONTROL["archive"]
    with pytest.raises(SubmissionRefused) as refused:
        submit(*place, person)
    assert refused.value.fact.step_keys == ("archive",)
    assert departments["finance"].questions > 0


def test_a_page_counts_as_one_query_however_many_steps_follow_each_other(place: Place) -> None:
    counted: list[bool] = []

    def count() -> bool:
        counted.append(True)
        return True

    person = make_person("TS70000019", kind="全日制")
    decisions = place[1].mini_app.decide(person)
    states = look_up_clearance(*place, person.number, wait_for_all=True, may_ask=count, decisions=decisions)
    assert (states["finance"].status, len(counted)) == (Status.CLEARED, 1)


def test_who_waits_alone_asks_nothing_again_while_the_answers_are_fresh(
    place: Place, departments: dict[str, Department]
) -> None:
    person = make_person("TS70000020", kind="全日制")
    departments["archive"].of_student[person.number] = OF_FAILING_CONTROL["archive"]
    look(place, person)
    decisions = place[1].mini_app.decide(person)
    look_up_clearance(
        *place, person.number, wait_for_all=False, may_ask=lambda: pytest.fail("asked"), decisions=decisions
    )
    assert departments["archive"].questions == 1
