"""The manual's rules 2.2.1 to 2.2.5, sentence by sentence, on the graduate departure's own manifest."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.clearance import PASSING, FactValue, Reading, Reason, RuleResult, Status
from app.domain.mini_app import MiniApp
from app.domain.rules import AllPresent, AllSettled, FactMissing, judge_reading
from app.domain.step import Step
from app.mini_apps.loader import load_mini_app

FOLDER = Path(__file__).resolve().parents[3] / "miniapp_templates" / "graduate_departure"
LOANS_CLEAR: dict[str, FactValue] = {
    "overdue_books": 0,
    "fine": Decimal("0.00"),
    "violations": 0,
    "card_status": "cancelled",
}


@pytest.fixture(scope="module")
def mini_app() -> MiniApp:
    faults: list[str] = []
    loaded = load_mini_app(FOLDER, faults)
    assert faults == []
    assert loaded is not None
    return loaded


def judge(mini_app: MiniApp, key: str, *records: dict[str, FactValue]) -> RuleResult:
    step = get_step(mini_app, key)
    return judge_reading(step.rule, step.no_record, Reading(key, "TS1", records, datetime.now(UTC)))


def get_step(mini_app: MiniApp, key: str) -> Step:
    step = mini_app.get_step(key)
    assert step is not None
    return step


def test_no_books_no_fee_no_violation_and_a_cancelled_card_pass(mini_app: MiniApp) -> None:
    assert judge(mini_app, "library_loans", LOANS_CLEAR).status is Status.CLEARED


@pytest.mark.parametrize(
    ("key", "value"),
    [("overdue_books", 2), ("fine", Decimal("0.01")), ("violations", 1), ("card_status", "active")],
)
def test_each_library_debt_alone_does_not_pass_and_is_the_reason(
    mini_app: MiniApp, key: str, value: FactValue
) -> None:
    finding = judge(mini_app, "library_loans", LOANS_CLEAR | {key: value})
    assert finding.status is Status.OUTSTANDING
    assert [(reason.key, reason.value) for reason in finding.reasons] == [(key, value)]


@pytest.mark.parametrize("books", [0, 1])
@pytest.mark.parametrize("fine", [Decimal(0), Decimal("12.50")])
@pytest.mark.parametrize("violations", [0, 1])
@pytest.mark.parametrize("card", ["active", "cancelled"])
def test_cancelling_is_offered_exactly_when_all_but_the_card_is_clear(
    mini_app: MiniApp, books: int, fine: Decimal, violations: int, card: str
) -> None:
    facts = {"overdue_books": books, "fine": fine, "violations": violations, "card_status": card}
    action = get_step(mini_app, "library_loans").get_action("cancel-card")
    assert action is not None
    is_offered = action.is_offered(judge(mini_app, "library_loans", facts))
    assert is_offered == (not books and not fine and not violations and card == "active")


@pytest.mark.parametrize("state", ["未提交", "已提交", "审核中", "退回修改", "审核通过"])
def test_a_thesis_passes_at_the_library_only_when_it_is_审核通过(mini_app: MiniApp, state: str) -> None:
    finding = judge(mini_app, "library_thesis", {"state": state, "submitted_on": None})
    assert (finding.status is Status.CLEARED) == (state == "审核通过")


@pytest.mark.parametrize("state", [None, "已提交", "已审核"])
def test_the_archive_passes_only_when_已审核_and_not_when_empty(mini_app: MiniApp, state: str | None) -> None:
    finding = judge(mini_app, "archive", {"state": state, "reviewed_on": None})
    assert (finding.status is Status.CLEARED) == (state == "已审核")


def test_an_empty_archive_status_sends_the_student_to_the_archive(mini_app: MiniApp) -> None:
    step = get_step(mini_app, "archive")
    finding = judge(mini_app, "archive", {"state": None, "reviewed_on": None})
    assert step.explain(finding) == (("档案馆尚未收到论文", "请线下到档案馆提交论文。"),)


@pytest.mark.parametrize("day", [None, date(2026, 6, 10)])
@pytest.mark.parametrize("clerk", [None, "王建国"])
def test_the_dormitory_passes_only_with_both_the_day_and_the_clerk_of_checking_out(
    mini_app: MiniApp, day: date | None, clerk: str | None
) -> None:
    facts = {"building": "竹园2号楼", "room": "B412", "checkout_date": day, "checkout_by": clerk}
    finding = judge(mini_app, "dormitory", facts)
    assert (finding.status is Status.CLEARED) == (day is not None and clerk is not None)


def test_who_never_lived_in_a_dormitory_passes(mini_app: MiniApp) -> None:
    assert judge(mini_app, "dormitory").status is Status.CLEARED


def owe(amount: str, deferred: str = "0", reduced: str = "0", loan: str = "0") -> dict[str, FactValue]:
    amounts = {"amount": amount, "deferred": deferred, "reduced": reduced, "loan": loan}
    return {"project": "学费", **{key: Decimal(value) for key, value in amounts.items()}}


def test_finance_without_data_passes(mini_app: MiniApp) -> None:
    assert judge(mini_app, "finance").status is Status.CLEARED


def test_arrears_do_not_pass_and_the_sum_is_the_reason(mini_app: MiniApp) -> None:
    finding = judge(mini_app, "finance", owe("500.00"), owe("300.00"))
    assert finding.status is Status.OUTSTANDING
    assert [message for message, _ in get_step(mini_app, "finance").explain(finding)] == ["共欠款 ¥800.00"]


@pytest.mark.parametrize("way", ["deferred", "reduced", "loan"])
def test_deferral_reduction_and_loan_lessen_what_is_owed(mini_app: MiniApp, way: str) -> None:
    assert judge(mini_app, "finance", owe("500", **{way: "500"})).status is Status.CLEARED
    assert judge(mini_app, "finance", owe("500", **{way: "499.99"})).status is Status.OUTSTANDING


def test_a_reduction_of_one_item_does_not_hide_the_debt_of_another(mini_app: MiniApp) -> None:
    finding = judge(mini_app, "finance", owe("500", reduced="900"), owe("300"))
    assert finding.reasons[0].value == Decimal(300)


def test_a_credit_is_no_debt_and_pays_for_no_other_row(mini_app: MiniApp) -> None:
    assert judge(mini_app, "finance", owe("-800")).status is Status.CLEARED
    finding = judge(mini_app, "finance", owe("-800"), owe("300"))
    assert finding.reasons[0].value == Decimal(300)
    with pytest.raises(FactMissing):
        judge(mini_app, "finance", owe("300", reduced="-500"))


@pytest.mark.parametrize("key", ["library_loans", "library_thesis", "archive"])
def test_a_system_that_does_not_know_the_student_is_unavailable_not_passed(
    mini_app: MiniApp, key: str
) -> None:
    assert judge(mini_app, key).status is Status.UNAVAILABLE


@pytest.mark.parametrize("value", [None, "0", True, Decimal("NaN"), Decimal(-1), Decimal("Infinity")])
def test_a_fact_of_another_type_is_never_judged(mini_app: MiniApp, value: FactValue) -> None:
    with pytest.raises(FactMissing):
        judge(mini_app, "library_loans", LOANS_CLEAR | {"fine": value})


def test_two_records_where_one_is_expected_are_never_judged(mini_app: MiniApp) -> None:
    with pytest.raises(FactMissing):
        judge(mini_app, "library_loans", LOANS_CLEAR, LOANS_CLEAR)


@pytest.mark.parametrize("value", [False, True, 0, 1, Decimal("0.00")])
def test_what_is_neither_a_text_nor_a_day_is_not_taken_for_something_that_is_there(value: FactValue) -> None:
    with pytest.raises(FactMissing):
        AllPresent(facts=("left",)).judge(({"left": value},))


@pytest.mark.parametrize("text", ["未退宿", "未 退 宿", "待确认", "尚未办理", "不需要"])
def test_a_text_that_says_that_something_is_undone_is_the_reason(text: str) -> None:
    finding = AllPresent(facts=("by",)).judge(({"by": text},))
    assert (finding.status, [(reason.key, reason.value) for reason in finding.reasons]) == (
        Status.OUTSTANDING,
        [("by", text)],
    )


def test_a_mini_app_may_name_other_words_for_what_is_undone() -> None:
    assert AllPresent(facts=("by",), undone=("缺",)).judge(({"by": "未来"},)).status is Status.CLEARED
    assert AllPresent(facts=("by",), undone=("缺",)).judge(({"by": "缺签字"},)).status is Status.OUTSTANDING
    assert AllPresent(facts=("by",), undone=()).judge(({"by": "未退宿"},)).status is Status.CLEARED


@pytest.mark.parametrize(
    ("key", "state", "status"),
    [
        ("library_thesis", "审核中", Status.PENDING),
        ("library_thesis", "已提交", Status.PENDING),
        ("library_thesis", "退回修改", Status.OUTSTANDING),
        ("library_thesis", "未提交", Status.OUTSTANDING),
        ("archive", "已提交", Status.PENDING),
        ("archive", None, Status.OUTSTANDING),
    ],
)
def test_what_the_department_is_still_to_review_is_pending_and_what_is_sent_back_is_not(
    mini_app: MiniApp, key: str, state: str | None, status: Status
) -> None:
    finding = judge(mini_app, key, {"state": state, "submitted_on": None, "reviewed_on": None})
    assert finding.status is status
    assert finding.status not in PASSING


def test_a_pending_step_says_who_acts_next_and_not_what_the_student_has_to_do(mini_app: MiniApp) -> None:
    step = get_step(mini_app, "library_thesis")
    finding = judge(mini_app, "library_thesis", {"state": "审核中", "submitted_on": None})
    ((message, next_step),) = step.explain(finding)
    assert message == "论文状态为“审核中”，等待图书馆审核"
    assert "由图书馆审核" in next_step


def test_a_step_with_something_left_to_do_is_outstanding_though_another_fact_is_pending() -> None:
    rule = AllSettled(zero=("fine",), equals={"card": ("closed",)}, pending={"card": ("closing",)})
    assert rule.judge(({"fine": 0, "card": "closing"},)).status is Status.PENDING
    both = rule.judge(({"fine": 3, "card": "closing"},))
    assert (both.status, [reason.is_pending for reason in both.reasons]) == (
        Status.OUTSTANDING,
        [False, True],
    )
    assert rule.judge(({"fine": 0, "card": "open"},)).status is Status.OUTSTANDING
    assert rule.judge(({"fine": 0, "card": "closed"},)).status is Status.CLEARED


def test_nothing_is_offered_for_what_is_pending(mini_app: MiniApp) -> None:
    action = get_step(mini_app, "library_loans").get_action("cancel-card")
    assert action is not None
    reason = Reason("card_status", "active", is_pending=True)
    assert not action.is_offered(RuleResult(Status.PENDING, (reason,)))
    assert action.is_offered(RuleResult(Status.OUTSTANDING, (reason,)))
