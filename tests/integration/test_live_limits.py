"""How often departments are asked for one person: it stops nobody else, and keeps nobody from a page or a slip."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count
from pathlib import Path

import pytest
import requests

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.integration.test_manual import ALL_CLEARED
from tests.running import running_service
from tests.visitor import APP, Visitor, list_statuses

LIMIT = 5
TIGHT = {"LIXIAO_RATE_LIMIT__REFRESH": f"{LIMIT} per hour"}
BY_ADDRESS = "tests.fixtures.counted_by_address:app"
WITH_A_CARD, OWING = "TS23000001", "TS23000008"
CANCEL_CARD = f"{APP}/clearance/library_loans/cancel-card"
_numbers = (f"TS93{number:06d}" for number in count())


@pytest.fixture(scope="module", params=["memory", "redis"])
def strict(
    request: pytest.FixtureRequest, campus: CampusClient, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Service]:
    """A service with a tight limit, counted in memory or in Redis."""
    shared: Mapping[str, str] = {}
    if request.param == "redis":
        shared = {"LIXIAO_RATE_LIMIT__STORAGE_URL": request.getfixturevalue("redis_url")}
    with running_service(campus, tmp_path_factory.mktemp("strict"), {**TIGHT, **shared}) as service:
        yield service


def sign_in(service: Service, number: str = "") -> Visitor:
    """A student at the service, for whom nobody was asked yet."""
    visitor = service.visit()
    visitor.sign_in(number or next(_numbers), "/completed")
    return visitor


def refresh(visitor: Visitor) -> requests.Response:
    """Press the button that asks finance again."""
    return visitor.post(f"{APP}/clearance/finance/refresh", visitor.get("/completed"))


def use_up(visitor: Visitor) -> None:
    """Look as often as the limit allows."""
    for _ in range(LIMIT):
        assert "data-limited" not in visitor.get(f"{APP}/clearance?wait=1").text


PAGES: dict[str, str] = {
    "clearance": f"{APP}/clearance",
    "clearance that waits": f"{APP}/clearance?wait=1",
    "clearance that waits for one": f"{APP}/clearance?wait=finance",
    "check page": f"{APP}/submission",
}


@pytest.mark.parametrize("page", list(PAGES))
def test_beyond_the_limit_a_page_asks_nobody_and_shows_what_was_learnt_before(
    strict: Service, page: str
) -> None:
    number = next(_numbers)
    visitor = sign_in(strict, number)
    use_up(visitor)
    calls = len(strict.campus.calls(student=number))
    answer = visitor.get(PAGES[page])
    assert answer.status_code == 200
    assert list_statuses(answer) == ALL_CLEARED
    assert "data-limited" in answer.text
    assert "只限制您本人的查询，提交不受影响" in answer.text
    assert "五项通过（此前的结果，这次没有重新查询）" in answer.text
    assert "五项全部通过" not in answer.text
    assert answer.text.count("不作为提交依据") == len(ALL_CLEARED)
    assert len(strict.campus.calls(student=number)) == calls


def test_a_page_that_nobody_asked_for_before_says_that_it_was_not_looked_up(strict: Service) -> None:
    visitor = sign_in(strict)
    for _ in range(LIMIT):
        refresh(visitor)
    page = visitor.get(f"{APP}/clearance?wait=1")
    assert list_statuses(page) == dict.fromkeys(ALL_CLEARED, "unavailable") | {"finance": "cleared"}
    assert "这一项这次没有查询" in page.text
    assert "起无法查询" not in page.text


def test_beyond_the_limit_asking_again_says_for_whom_and_until_when(strict: Service) -> None:
    visitor = sign_in(strict)
    use_up(visitor)
    answer = refresh(visitor)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 3600
    assert 'data-error="AskedTooOften"' in answer.text
    assert "60 分钟后可以再试。只限制您本人，其他人不受影响。" in answer.text


def test_a_confirmation_page_counts_too(strict: Service) -> None:
    visitor = sign_in(strict, WITH_A_CARD)
    answers = [visitor.get(CANCEL_CARD).status_code for _ in range(LIMIT + 1)]
    assert answers == [200] * LIMIT + [429]


def test_one_students_clicks_stop_nobody_else_at_the_same_address(strict: Service) -> None:
    one, other = sign_in(strict), sign_in(strict)
    use_up(one)
    assert refresh(one).status_code == 429
    assert refresh(other).status_code == 303
    assert "data-limited" not in other.get(f"{APP}/clearance?wait=1").text


def test_counted_by_address_the_neighbour_is_stopped(campus: CampusClient, tmp_path: Path) -> None:
    with running_service(campus, tmp_path, TIGHT, target=BY_ADDRESS) as service:
        one, other = sign_in(service), sign_in(service)
        use_up(one)
        assert refresh(other).status_code == 429


def test_whoever_looked_a_lot_may_submit(strict: Service) -> None:
    visitor = sign_in(strict)
    use_up(visitor)
    answer = visitor.submit()
    assert answer.status_code == 303
    assert "/slips/LX" in answer.headers["Location"]


def test_whoever_looked_a_lot_may_act(strict: Service) -> None:
    visitor = sign_in(strict, "TS23000011")
    page = visitor.get(f"{APP}/clearance?wait=1")
    use_up_the_rest = [visitor.get(f"{APP}/clearance?wait=1") for _ in range(LIMIT)]
    assert "data-limited" in use_up_the_rest[-1].text
    assert visitor.post(CANCEL_CARD, page).status_code == 303


def test_submitting_without_end_is_limited_and_a_slip_is_found_again_all_the_same(strict: Service) -> None:
    owing = sign_in(strict, OWING)
    page = owing.get("/completed")
    answers = [owing.post(f"{APP}/submission", page).status_code for _ in range(LIMIT + 1)]
    assert answers == [422] * LIMIT + [429]
    ready = sign_in(strict)
    page = ready.get("/completed")
    found = {ready.post(f"{APP}/submission", page).headers["Location"] for _ in range(2 * LIMIT)}
    assert len(found) == 1


def test_a_question_that_is_under_way_is_joined_and_not_counted(strict: Service) -> None:
    visitor = sign_in(strict)
    strict.campus.set_fault("finance", delay_ms=1500)
    visitor.get(f"{APP}/clearance")
    for _ in range(LIMIT - 1):
        visitor.get(f"{APP}/clearance?wait=finance")
    strict.campus.set_fault("finance")
    assert refresh(visitor).status_code == 303


def test_a_hurried_student_who_loads_twenty_times_sees_a_page_each_time(
    campus: CampusClient, tmp_path: Path
) -> None:
    changes = {"LIXIAO_RATE_LIMIT__REFRESH": "20 per minute"}
    with running_service(campus, tmp_path, changes) as service:
        visitor = sign_in(service)
        pages = [visitor.get(f"{APP}/clearance?wait=1") for _ in range(30)]
    assert {page.status_code for page in pages} == {200}
    assert [list_statuses(page) for page in pages] == [ALL_CLEARED] * 30
