"""Requests are counted by route, method and how they end; whatever anybody makes up adds no numbers."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask
from prometheus_client.samples import Sample

from app.factory import create_app
from app.metrics import RESERVED_BYTES
from app.settings import load_settings
from app.web import request_metrics
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.metrics_text import read_own, read_text, sum_up
from tests.running import running_service
from tests.visitor import APP, Visitor

TOKEN = "metrics-token-of-the-tests-only-1"
METHODS = ("GET", "HEAD", "POST", "OPTIONS", "PUT", "BREW")
COUNT = "lixiao_request_seconds_count"
MOST_SERIES = 2000
"""Of all routes, however they are asked: some ten for each of the few ways in which a route can answer."""


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of two workers whose numbers are asked for."""
    changes = {"LIXIAO_SERVICE__METRICS_TOKEN": TOKEN, "LIXIAO_RATE_LIMIT__UNPROVEN": "100000 per minute"}
    with running_service(campus, tmp_path_factory.mktemp("requests"), changes, workers=2) as running:
        yield running


def scrape(service: Service) -> list[Sample]:
    answer = requests.get(f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30)
    assert answer.status_code == 200
    return read_text(answer.text)


@pytest.fixture(scope="module")
def app(service: Service) -> Flask:
    """The application, in this process."""
    return create_app(load_settings(service.environment))


def ask_oddly(service: Service, app: Flask) -> None:
    """Every route by every method, and addresses, hosts, queries, forms and browsers that nobody has named before."""
    session = requests.Session()
    for rule in {rule.rule for rule in app.url_map.iter_rules()} | {"/<a>", "//<a>", "/<a>/<b>/<c>", "/<a>/"}:
        for method in METHODS:
            path = rule.replace("<mini_app:app_path>", "graduate-departure").replace("<name>", "campus")
            path = re.sub(r"<[^>]+>", lambda _: make_up(), path)
            hosts = ("127.0.0.1", f"{make_up()}.example") if method == "GET" else ("127.0.0.1",)
            for host in hosts:
                session.request(
                    method,
                    f"{service.url}{path}?error={make_up()}&state={make_up()}&{make_up()}=1",
                    headers={"Host": host, "User-Agent": make_up()},
                    data={"code": make_up()} if method == "POST" else None,
                    allow_redirects=False,
                    timeout=30,
                )


def make_up() -> str:
    return secrets.token_hex(8)


def test_made_up_requests_add_no_series_and_stay_in_the_room_that_was_reserved(
    service: Service, app: Flask
) -> None:
    scrape(service)
    found = []
    for _ in range(2):
        ask_oddly(service, app)
        samples = scrape(service)
        found.append({(sample.name, *sorted(sample.labels.items())) for sample in samples})
    assert found[1] - found[0] == set()
    assert len(found[1]) < MOST_SERIES
    routes = {sample.labels["route"] for sample in samples if "route" in sample.labels}
    assert routes == {rule.rule for rule in app.url_map.iter_rules()} | {"none"}
    assert {s.labels["method"] for s in samples if s.name == COUNT} == {"GET", "POST", "other"}
    assert {s.labels["status"] for s in samples if s.name == COUNT} <= {"2xx", "3xx", "4xx", "5xx"}
    outcomes = {sample.labels["outcome"] for sample in samples if sample.name == "lixiao_sign_ins_total"}
    assert outcomes == {"signed_in", "unknown_state"}
    check_room(Path(service.environment["PROMETHEUS_MULTIPROC_DIR"]))


def check_room(folder: Path) -> None:
    """No file had to grow, and the disk has room for the whole of each."""
    files = list(folder.glob("*.db"))
    assert {file.name.rpartition("_")[0] for file in files} == RESERVED_BYTES.keys()
    for file in files:
        found = file.stat()
        assert found.st_size == RESERVED_BYTES[file.name.rpartition("_")[0]]
        assert found.st_blocks * 512 >= found.st_size


def test_if_addresses_were_routes_every_request_would_add_series(
    service: Service, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count_routes() -> float:
        return sum(read_own(COUNT, route=f"/{place}", method="GET") for place in range(5))

    client = app.test_client()
    for place in range(5):
        client.get(f"/{place}", base_url="http://127.0.0.1")
    assert count_routes() == 0
    monkeypatch.setattr(request_metrics, "_get_route", lambda: request_metrics.request.path)
    for place in range(5):
        client.get(f"/{place}", base_url="http://127.0.0.1")
    assert count_routes() == 5


def test_requests_of_both_workers_are_counted_by_how_they_end(service: Service) -> None:
    guide = {"route": "/<mini_app:app_path>/", "method": "GET"}
    before = scrape(service)
    for _ in range(20):
        requests.get(f"{service.url}{APP}/", timeout=30)
        requests.head(f"{service.url}{APP}/", timeout=30)
        requests.get(f"{service.url}/no-such-page/of/ours", timeout=30)
    after = scrape(service)

    def count(name: str, **labels: str) -> float:
        return sum_up(after, name, **labels) - sum_up(before, name, **labels)

    assert count(COUNT, status="2xx", **guide) == 40
    assert count("lixiao_request_seconds_bucket", le="+Inf", status="2xx", **guide) == 40
    assert count(COUNT, route="none", status="4xx", method="GET") == 20
    assert count("lixiao_request_seconds_sum", status="2xx", **guide) > 0


def test_only_what_is_being_answered_is_in_flight(service: Service) -> None:
    found = {
        sample.labels["route"]: sample.value
        for sample in scrape(service)
        if sample.name == "lixiao_requests_in_flight"
    }
    assert found.pop("/metrics") == 1
    assert set(found.values()) == {0}


def test_a_request_that_fails_is_counted_as_one_and_is_in_flight_no_more(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise RuntimeError

    app = create_app(load_settings(service.environment))
    app.add_url_rule("/failing", view_func=fail)
    assert app.test_client().get("/failing", base_url="http://127.0.0.1").status_code == 500
    assert read_own(COUNT, route="/failing", status="5xx", method="GET") == 1
    assert read_own("lixiao_requests_in_flight", route="/failing") == 0


def test_sign_ins_are_counted_by_provider_and_outcome(service: Service) -> None:
    def count(outcome: str) -> float:
        return sum_up(scrape(service), "lixiao_sign_ins_total", provider="campus", outcome=outcome)

    signed_in, refused = count("signed_in"), count("callback")
    Visitor(service.url).sign_in("TS23000002")
    assert count("signed_in") == signed_in + 1
    visitor = Visitor(service.url)
    page = visitor.http.get(f"{service.url}/sign-in/campus", allow_redirects=False, timeout=30)
    state = re.search(r"[?&]state=([^&]+)", page.headers["Location"])
    assert state
    visitor.get(f"/sign-in/campus/callback?error=own_word&state={state[1]}")
    assert count("callback") == refused + 1
    assert "own_word" not in str(scrape(service))


def test_a_worker_of_a_full_disk_does_not_start(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    from app import metrics

    def refuse(*_: object) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", service.environment["PROMETHEUS_MULTIPROC_DIR"])
    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(metrics.MetricsRefused, match="No space left on device"):
        metrics.reserve_files({})
