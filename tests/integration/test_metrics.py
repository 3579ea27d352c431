"""Numbers for operators: of all workers together, for who holds the token, and about nobody."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.settings import ROOT, load_settings
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.integration.operation.commands import load_as_server
from tests.running import running_service
from tests.visitor import Visitor

TOKEN = "metrics-token-of-the-tests-only-0"
STUDENT = "TS23000002"
WORKERS = 2
MOST_CHECKS = 400


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of two workers whose numbers are asked for."""
    changes = {
        "LIXIAO_SERVICE__METRICS_TOKEN": TOKEN,
        "LIXIAO_RATE_LIMIT__UNPROVEN": "100000 per minute",
    }
    with running_service(campus, tmp_path_factory.mktemp("metrics"), changes, workers=WORKERS) as running:
        yield running


def scrape(service: Service, token: str = TOKEN) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.get(f"{service.url}/metrics", headers=headers, timeout=30)


def read_number(service: Service, sample: str) -> float:
    """The value of a sample written out with its labels; 0 while there is none."""
    found = re.search(rf"^{re.escape(sample)} (\S+)$", scrape(service).text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def count_verdict(service: Service, verdict: str) -> float:
    return read_number(service, f'lixiao_verifications_total{{verdict="{verdict}"}}')


def test_only_who_holds_the_token_gets_the_numbers(service: Service) -> None:
    assert scrape(service).status_code == 200
    assert scrape(service).headers["Content-Type"].startswith("text/plain")
    for token in ("", TOKEN[:-1], "错" * 32):
        answer = requests.get(
            f"{service.url}/metrics", headers={"Authorization": f"Bearer {token}".encode()}, timeout=30
        )
        assert answer.status_code == 401
        assert "lixiao" not in answer.text
    assert requests.get(f"{service.url}/metrics", timeout=30).status_code == 401


def test_without_a_token_in_the_configuration_there_is_no_such_page(running_service: Service) -> None:
    for token in ("", TOKEN):
        assert scrape(running_service, token).status_code == 404


def test_a_short_token_stops_the_start_by_its_name(running_service: Service) -> None:
    environment = {**running_service.environment, "LIXIAO_SERVICE__METRICS_TOKEN": "guessable"}
    assert load_settings(environment).faults == ["service.metrics_token must have at least 16 characters"]


def test_checks_are_counted_by_verdict_in_whatever_worker_they_were_made(service: Service) -> None:
    checks = 0
    while len(list((service.data_dir / "metrics").glob("counter_*.db"))) < WORKERS and checks < MOST_CHECKS:
        requests.get(f"{service.url}/v/1", timeout=30)
        checks += 1
    assert checks < MOST_CHECKS
    assert {count_verdict(service, "malformed") for _ in range(8)} == {checks}


def test_submissions_and_departments_are_counted_and_nothing_of_a_person_is_told(service: Service) -> None:
    visitor = Visitor(service.url)
    visitor.sign_in(STUDENT)
    service.campus.set_fault("finance", "null_data")
    assert visitor.submit().status_code == 422
    service.campus.set_fault("finance")
    assert visitor.submit().status_code == 303
    text = scrape(service).text
    for outcome in ("refused", "issued"):
        sample = f'lixiao_submissions_total{{mini_app="graduate_departure",outcome="{outcome}"}}'
        assert read_number(service, sample) == 1
    assert re.search(r'lixiao_department_failures_total\{fault="[a-z_]+",system="finance"\} [1-9]', text)
    assert read_number(service, 'lixiao_department_seconds_count{system="archive"}') >= 4
    assert 'lixiao_breaker_open{system="finance"} 0.0' in text
    assert 'lixiao_step_suspended{mini_app="graduate_departure",step="finance"} 0.0' in text
    for personal in (STUDENT, "李文静", "TS0000000", "127.0.0.1"):
        assert personal not in text


def test_a_process_that_ended_keeps_its_counts_and_loses_its_states(service: Service) -> None:
    before = count_verdict(service, "never_issued")
    program = (
        "from app import metrics;"
        "metrics.verifications.labels('never_issued').inc();"
        "metrics.breaker_open.labels('gone').set(1)"
    )
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=dict(service.environment), check=True)
    assert count_verdict(service, "never_issued") == before + 1
    assert "gone" not in scrape(service).text


def test_a_service_that_cannot_keep_its_numbers_does_not_start(service: Service, tmp_path: Path) -> None:
    nowhere = {**service.environment, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "nowhere")}
    done = load_as_server(nowhere)
    assert done.code == 3
    assert done.err.splitlines()[-1] == "PROMETHEUS_MULTIPROC_DIR: No such file or directory"
