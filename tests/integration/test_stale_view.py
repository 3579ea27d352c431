"""The whole product with finance on a view that is brought up to date now and then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from tests.campus.client import CampusClient
from tests.fixtures.finance_view import FRAGMENT, FinanceView, make_finance_view
from tests.integration.test_manual import ALL_CLEARED, get_item
from tests.running import running_service
from tests.visitor import APP, Visitor, list_statuses

WAIT = f"{APP}/clearance?wait=1"
PAST = timedelta(minutes=91)
"""One minute more than the fragment allows."""


@pytest.fixture(scope="module")
def running(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, FinanceView]]:
    """The address of a service whose finance department is a view, and the view."""
    folder = tmp_path_factory.mktemp("service")
    view = make_finance_view(folder / "finance.sqlite3")
    with running_service(campus, folder, view.environment, configs=[FRAGMENT]) as service:
        yield service.url, view


def show(moment: datetime) -> str:
    """A moment as pages write it in Chinese."""
    return f"{moment.year}年{moment.month}月{moment.day}日 {moment:%H:%M}"


@pytest.fixture
def view(running: tuple[str, FinanceView], campus: CampusClient) -> FinanceView:
    campus.reset()
    running[1].bring_up_to_date()
    return running[1]


@pytest.fixture
def visitor(running: tuple[str, FinanceView]) -> Visitor:
    return Visitor(running[0])


def test_a_stale_view_is_unavailable_and_says_of_when_it_is(
    visitor: Visitor, view: FinanceView, fresh_student: str
) -> None:
    as_of = view.bring_up_to_date(age=PAST)
    page = visitor.sign_in(fresh_student, WAIT)
    assert list_statuses(page) == ALL_CLEARED | {"finance": "unavailable"}
    item = get_item(page.text, "finance")
    assert "暂时无法查询" in item
    assert f"部门数据最后更新于 {show(as_of)} ，已超过时限" in item
    assert "没有欠费记录" not in item


@pytest.mark.parametrize("owes", [False, True])
def test_what_was_learnt_while_the_view_was_fresh_is_shown_beside_and_does_not_count(
    visitor: Visitor, view: FinanceView, fresh_student: str, owes: bool
) -> None:
    view.bring_up_to_date([fresh_student] if owes else [])
    assert list_statuses(visitor.sign_in(fresh_student, WAIT))["finance"] != "unavailable"
    view.bring_up_to_date(age=PAST)
    item = get_item(visitor.get(WAIT).text, "finance")
    assert "上次查到的结果是 未通过" in item if owes else "上次查到的结果是 通过" in item
    assert visitor.submit().status_code == 422


def test_submitting_by_a_stale_view_is_refused_with_its_time_and_passes_once_it_is_fresh_again(
    visitor: Visitor, view: FinanceView, fresh_student: str
) -> None:
    as_of = view.bring_up_to_date(age=PAST)
    visitor.sign_in(fresh_student, WAIT)
    refused = visitor.submit()
    assert refused.status_code == 422
    assert 'data-error="StepsOutstanding"' in refused.text
    assert list_statuses(refused) == ALL_CLEARED | {"finance": "unavailable"}
    assert f">{show(as_of)}</span>，已超过时限" in refused.text
    view.bring_up_to_date()
    page = visitor.get(WAIT)
    assert list_statuses(page) == ALL_CLEARED
    assert "已超过时限" not in page.text
    assert visitor.submit().status_code == 303


def test_a_view_just_within_its_limit_is_believed(
    visitor: Visitor, view: FinanceView, fresh_student: str
) -> None:
    view.bring_up_to_date([fresh_student], age=timedelta(minutes=80))
    assert list_statuses(visitor.sign_in(fresh_student, WAIT))["finance"] == "outstanding"
    view.bring_up_to_date(age=timedelta(minutes=80))
    assert list_statuses(visitor.get(WAIT)) == ALL_CLEARED
