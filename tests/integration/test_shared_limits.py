"""Limits that several processes share through a real Redis."""

from __future__ import annotations

import socket
from contextlib import closing
from pathlib import Path

import requests

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.issued_slips import issue_slip
from tests.running import running_service
from tests.visitor import APP, get_verdict

JSON = {"Accept": "application/json"}
WRONG = "0123456789ABCDEF"


def type_wrong_code(service: Service) -> int:
    return requests.post(f"{service.url}/verify", data={"code": WRONG}, timeout=30).status_code


def count_accepted(campus: CampusClient, folder: Path, storage_url: str) -> int:
    """How many of six wrong codes two processes of one installation with a limit of four let through, three
    sent to each.
    """
    changes = {
        "LIXIAO_RATE_LIMIT__STORAGE_URL": storage_url,
        "LIXIAO_RATE_LIMIT__TYPED": "4 per hour",
        "LIXIAO_RATE_LIMIT__UNPROVEN": "100000 per minute",
    }
    with (
        running_service(campus, folder, changes) as one,
        running_service(campus, folder, changes) as two,
    ):
        answers = [type_wrong_code(service) for service in (one, one, one, two, two, two)]
    assert set(answers) <= {200, 429}
    return answers.count(200)


def test_two_processes_share_one_limit_through_redis(
    campus: CampusClient, tmp_path: Path, redis_url: str
) -> None:
    assert count_accepted(campus, tmp_path, redis_url) == 4


def test_without_redis_each_process_counts_for_itself(campus: CampusClient, tmp_path: Path) -> None:
    assert count_accepted(campus, tmp_path, "memory://") == 6


def test_beside_a_silent_redis_pages_answer_and_the_process_counts_for_itself(
    campus: CampusClient, tmp_path: Path
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        changes = {"LIXIAO_RATE_LIMIT__STORAGE_URL": url, "LIXIAO_RATE_LIMIT__TYPED": "4 per hour"}
        with running_service(campus, tmp_path, changes) as service:
            assert [type_wrong_code(service) for _ in range(6)] == [200] * 4 + [429] * 2
            assert get_verdict(requests.get(f"{service.url}/v/1", timeout=30)) == "malformed"
            visitor = service.visit()
            visitor.sign_in("TS23000002", "/completed")
            assert visitor.get(f"{APP}/clearance?wait=1").status_code == 200
            assert "limits are counted by this process alone" in service.log.read_text()


def test_wrong_names_are_counted_by_two_processes_together_through_redis(
    campus: CampusClient, tmp_path: Path, redis_url: str, fresh_student: str
) -> None:
    changes = {
        "LIXIAO_RATE_LIMIT__STORAGE_URL": redis_url,
        "LIXIAO_RATE_LIMIT__COMPARISON_MISSES": "4 per day",
    }
    with (
        running_service(campus, tmp_path, changes) as one,
        running_service(campus, tmp_path, changes | {"LIXIAO_SERVICE__BASE_URL": one.url}) as two,
    ):
        slip = issue_slip(one, fresh_student)
        answers = [
            requests.post(
                f"{service.url}/v/{slip.digits}", data={"name": f"某{number}"}, headers=JSON, timeout=30
            ).json()
            for number, service in enumerate((one, two) * 3)
        ]
    assert [answer["comparison"] for answer in answers] == ["no_match"] * 4 + ["staff_only"] * 2
