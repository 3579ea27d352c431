"""The front page of the pretend campus, and its forms."""

from __future__ import annotations

import re

import requests

from tests.campus.callers import ask, send
from tests.campus.client import CampusClient


def test_the_front_page_shows_and_changes_what_is_held(campus: CampusClient) -> None:
    page = requests.get(campus.url, timeout=30).text
    assert "陈思远" in page
    assert "TS25000012" in page
    assert "余额（元） 23.40 · 状态 正常" in page
    assert "2 项，金额合计 800.00" in page
    form = {"books": "3", "debt": "0.00", "violations": "0", "card": "active", "refuses_cancel": "true"}
    saved = requests.post(
        f"{campus.url}/facts/TS23000002/library_loans", form, timeout=30, allow_redirects=False
    )
    assert saved.status_code == 303
    held = campus.get_facts("TS23000002", "library_loans")
    assert held == form | {"debarred": False, "books": 3, "violations": 0, "refuses_cancel": True}


def test_the_front_pages_finance_form_adds_and_drops_rows(campus: CampusClient) -> None:
    columns = {"project": ["", "书费"], "amount": ["500.00", "9.90"]}
    form = columns | {name: ["0.00", "0.00"] for name in ("deferred", "reduced", "loan")}
    requests.post(f"{campus.url}/facts/TS23000008/finance", form, timeout=30)
    rows = campus.get_facts("TS23000008", "finance")["rows"]
    assert [(row["project"], row["amount"]) for row in rows] == [("书费", "9.90")]


def test_the_front_page_sets_faults_and_says_what_it_cannot_follow(campus: CampusClient) -> None:
    requests.post(f"{campus.url}/systems-form/finance", {"fault": "http_500", "delay_ms": "5"}, timeout=30)
    assert send(campus.url, ask("finance", "TS23000002")).status_code == 500
    page = requests.get(campus.url, timeout=30).text
    assert re.search(r"<option selected>http_500", page)
    assert "fault http_500" in page
    refused = requests.post(f"{campus.url}/facts/TS23000002/library_loans", {"books": "many"}, timeout=30)
    assert refused.status_code == 400
    assert "books: expected" in refused.text
    requests.post(f"{campus.url}/reset", timeout=30)
    assert send(campus.url, ask("finance", "TS23000002")).ok
