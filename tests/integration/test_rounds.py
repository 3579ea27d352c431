"""Rounds on the running service: a department that hangs holds nobody else up; a wrong view is noticed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.campus import run
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.integration.test_manual import ALL_CLEARED
from tests.running import running_service
from tests.visitor import APP, Visitor, list_statuses

WAITING = 100
DEADLINE_SECONDS = 6.0
CONTROL_STUDENT = "TS00000002"
CHANGES = {
    "LIXIAO_ROUND__DEADLINE_SECONDS": str(DEADLINE_SECONDS),
    "LIXIAO_ROUND__CANARIES_SUSPEND_SECONDS": "4",
    "LIXIAO_RATE_LIMIT__UNPROVEN": "100000 per minute",
    "LIXIAO_CONNECTORS__FINANCE__DEADLINE_SECONDS": "30",
}


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that waits long for its departments, whose finance view was empty when it started."""

    def empty_the_view(_environment: Mapping[str, str]) -> None:
        campus.set_facts(CONTROL_STUDENT, "finance", rows=[])

    with running_service(campus, tmp_path_factory.mktemp("rounds"), CHANGES, empty_the_view) as running:
        yield running


def read_distrusted(service: Service) -> dict[str, str]:
    answer = requests.get(f"{service.url}/readyz", timeout=30)
    assert answer.status_code == 200
    found: dict[str, str] = answer.json()["suspended"]
    return found


def wait_for(is_so: Callable[[], bool]) -> None:
    for _ in range(300):
        if is_so():
            return
        time.sleep(0.1)
    raise AssertionError


def test_an_emptied_view_is_unavailable_for_all_until_its_canary_students_are_right_again(
    service: Service,
) -> None:
    wait_for(lambda: read_distrusted(service).keys() == {"graduate_departure.finance"})
    visitor = service.visit()
    page = visitor.sign_in("TS96000001")
    assert list_statuses(page) == ALL_CLEARED | {"finance": "unavailable"}
    answer = visitor.post(f"{APP}/submission", page)
    assert answer.status_code == 422
    assert list_statuses(answer) == ALL_CLEARED | {"finance": "unavailable"}
    assert "canary students get wrong answers" in service.log.read_text()
    service.campus.reset()
    wait_for(lambda: read_distrusted(service) == {})
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1")) == ALL_CLEARED
    assert "right answers again" in service.log.read_text()


def test_a_hundred_pages_that_wait_for_a_hung_department_do_not_keep_verification_waiting(
    service: Service,
) -> None:
    pages, checks = check_beside_pages(service, "TS96000002")
    assert max(checks) < DEADLINE_SECONDS / 2
    assert [list_statuses(page) for page in pages] == [ALL_CLEARED | {"finance": "unavailable"}] * WAITING
    # Whoever came while the question was under way joined it.
    assert len(service.campus.calls("finance", "TS96000002")) < WAITING / 4


def test_with_too_few_threads_they_would(
    campus: CampusClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "BLOCKING_THREADS", 64)
    with running_service(campus, tmp_path, CHANGES) as small:
        _, checks = check_beside_pages(small, "TS96000003")
    assert max(checks) > DEADLINE_SECONDS / 2


def check_beside_pages(service: Service, student: str) -> tuple[list[requests.Response], list[float]]:
    """The pages of a student who opens them all while finance hangs, and how many seconds each check of a
    slip took until the first page was there.
    """
    service.campus.reset()
    visitor = Visitor(service.url)
    visitor.sign_in(student)
    service.campus.set_fault("finance", "timeout")
    begun = threading.Barrier(WAITING + 1)

    def look(_: int) -> requests.Response:
        begun.wait()
        cookies = visitor.http.cookies.get_dict()
        return requests.get(f"{service.url}{APP}/clearance?wait=1", cookies=cookies, timeout=60)

    with ThreadPoolExecutor(WAITING) as threads:
        pages = [threads.submit(look, place) for place in range(WAITING)]
        begun.wait()
        wait_for(lambda: bool(service.campus.calls("finance", student)))
        checks = [check(service)]
        while not any(page.done() for page in pages):
            checks.append(check(service))
    service.campus.set_fault("finance")
    return [page.result() for page in pages], checks


def check(service: Service) -> float:
    """Seconds that a verification took."""
    begun = time.monotonic()
    assert requests.get(f"{service.url}/v/1", timeout=60).status_code == 200
    return time.monotonic() - begun
