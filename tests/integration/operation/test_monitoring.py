"""The alerts and the dashboard of config/ ask for nothing that `/metrics` does not tell, and fire when they should."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.campus.client import PROJECT, CampusClient
from tests.campus.staff import STAFF_FILE
from tests.conftest import Service
from tests.fixtures.certificates import PASSWORD, make_p12
from tests.fixtures.metrics_text import read_text
from tests.integration.operation.alert_cases import CASES, Series
from tests.running import running_service
from tests.visitor import Visitor

ALERTS = PROJECT / "config" / "alerts.yml"
DASHBOARD = PROJECT / "config" / "grafana_dashboard.json"
TOKEN = "metrics-token-of-the-tests-only-3"
OF_PROMETHEUS = {"instance", "job"}
"""Labels that the scrape adds."""
COMPLETE = {"check", "kind", "place", "pool", "queue", "state", "verdict"}
"""Labels whose values are all told from the start: one that is not there never will be."""
_QUERY = re.compile(r"\b(lixiao_\w+|up\b)(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|ignoring|on|without)\s*\(([^)]*)\)")

Told = dict[str, dict[str, set[str]]]
"""By the name of a sample the values that each of its labels has."""


@pytest.fixture(scope="module")
def told(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Told:
    """What a service tells of which everything was used, and a department failed."""
    folder = tmp_path_factory.mktemp("monitoring")
    changes = {
        "LIXIAO_SERVICE__METRICS_TOKEN": TOKEN,
        "LIXIAO_SLIP__P12_FILE": str(make_p12(folder, "ec").path),
        "LIXIAO_SLIP__P12_PASSWORD": PASSWORD,
    }
    configs = [PROJECT / "config" / STAFF_FILE]
    with running_service(campus, folder / "data", changes, configs=configs) as service:
        use(service)
        answer = requests.get(
            f"{service.url}/metrics", headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30
        )
    found: Told = defaultdict(lambda: defaultdict(set))
    for sample in read_text(answer.text):
        for label, value in sample.labels.items():
            found[sample.name][label].add(value)
        found[sample.name].setdefault("", set())
    return found


def use(service: Service) -> None:
    visitor = Visitor(service.url)
    service.campus.set_fault("finance", "null_data")
    visitor.sign_in("TS23000002")
    assert visitor.submit().status_code == 422
    service.campus.set_fault("finance")


def read_alerts() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


def read_panels() -> list[dict[str, Any]]:
    return list(json.loads(DASHBOARD.read_text("utf-8"))["panels"])


def list_queries() -> Iterator[str]:
    yield from (rule["expr"] for rule in read_alerts())
    yield from (target["expr"] for panel in read_panels() for target in panel.get("targets", ()))


def find_unknown(query: str, told: Told) -> list[str]:
    """The names, labels and values of a query that are never told."""
    unknown, labels = [], set(OF_PROMETHEUS)
    for name, matchers in _QUERY.findall(query):
        if name == "up":
            continue
        if name not in told:
            unknown.append(name)
            continue
        labels |= told[name].keys()
        for label, operator, value in _MATCHER.findall(matchers):
            if label not in {*OF_PROMETHEUS, *told[name]}:
                unknown.append(f"{name}.{label}")
            elif label in COMPLETE and "~" not in operator and value not in told[name][label]:
                unknown.append(f"{name}.{label}={value}")
    grouping = {label.strip() for group in _GROUPING.findall(query) for label in group.split(",")}
    return [*unknown, *sorted(grouping - labels)]


def test_alerts_and_dashboard_ask_only_for_what_is_told(told: Told) -> None:
    queries = list(list_queries())
    assert len(queries) > 50
    assert {query: unknown for query in queries if (unknown := find_unknown(query, told))} == {}


@pytest.mark.parametrize(
    ("query", "unknown"),
    [
        ("rate(lixiao_request_second_count[5m])", "lixiao_request_second_count"),
        ('lixiao_ready{chek="database"}', "lixiao_ready.chek"),
        ('lixiao_ready{check="keys"}', "lixiao_ready.check=keys"),
        ("sum by (route) (lixiao_ready)", "route"),
        ("sum(lixiao_verifications)", "lixiao_verifications"),
    ],
)
def test_a_name_that_is_never_told_is_noticed(told: Told, query: str, unknown: str) -> None:
    assert find_unknown(query, told) == [unknown]


def test_whatever_is_counted_is_on_the_dashboard(told: Told) -> None:
    asked = {name for query in list_queries() for name, _ in _QUERY.findall(query)}
    families = {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in asked}
    assert {re.sub(r"_(bucket|count|sum|created)$", "", name) for name in told} <= families


def test_every_alert_says_what_to_do_and_where_the_runbook_goes_on() -> None:
    rules = read_alerts()
    assert len({rule["alert"] for rule in rules}) == len(rules)
    for rule in rules:
        assert rule["labels"]["severity"] in ("page", "ticket")
        assert set(rule["annotations"]) == {"summary", "action", "runbook"}
        assert rule["annotations"]["runbook"] == f"OPERATIONS.md#{rule['alert'].lower()}"


def test_panels_have_ids_of_their_own_and_lie_side_by_side() -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in read_panels())
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(taken) == len(set(taken))
    assert max(x for x, _ in taken) == 23
    ids = [panel["id"] for panel in read_panels()]
    assert len(ids) == len(set(ids))


def require_promtool() -> str:
    """Where promtool is. Skips where it is missing, and fails where everything must be there."""
    program = shutil.which("promtool")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("promtool is missing")
        pytest.skip("promtool is not installed: the alerts were not tried")
    return program


def run_promtool(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [require_promtool(), *words], capture_output=True, text=True, check=False, timeout=120
    )


def test_prometheus_takes_the_rules() -> None:
    done = run_promtool("check", "rules", str(ALERTS))
    assert done.returncode == 0, done.stderr


def make_case(alert: str, series: Series, *, fires: bool) -> dict[str, Any]:
    found = [{"labels": "{}", "value": 1}] if fires else []
    query = f'sum(ALERTS{{alertname="{alert}", alertstate="firing"}})'
    return {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "promql_expr_test": [{"expr": query, "eval_time": "95m", "exp_samples": found}],
    }


def try_alerts(folder: Path, *, swapped: bool = False) -> subprocess.CompletedProcess[str]:
    tests = [
        make_case(alert, series, fires=(place == 0) is not swapped)
        for alert, both in CASES.items()
        for place, series in enumerate(both)
    ]
    file = folder / "cases.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "tests": tests}), encoding="utf-8")
    return run_promtool("test", "rules", str(file))


def test_every_alert_fires_when_it_should_and_not_beside_that(tmp_path: Path) -> None:
    assert CASES.keys() == {rule["alert"] for rule in read_alerts()}
    done = try_alerts(tmp_path)
    assert done.returncode == 0, done.stderr + done.stdout


def test_control_promtool_notices_alerts_that_fire_the_other_way_round(tmp_path: Path) -> None:
    done = try_alerts(tmp_path, swapped=True)
    assert done.returncode != 0
    assert (done.stdout + done.stderr).count("exp:") == 2 * len(CASES)
