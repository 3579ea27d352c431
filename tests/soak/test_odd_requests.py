"""Thousands of generated requests to every address, forms, files and all: no 5xx, and what is described."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.campus.client import CampusClient
from tests.integration.test_described_addresses import COUNTED, DESCRIPTION, run_schemathesis
from tests.integration.test_odd_forms import WITH_DEBTS, try_requests
from tests.running import running_service

REQUESTS = 20_000
SECONDS = 120
ENDS_THE_SESSION = ("/sign-out",)
WIDE = {f"LIXIAO_RATE_LIMIT__{name}": "100000000 per minute" for name in (*COUNTED, "REFRESH")}


@pytest.mark.timeout(1500)
def test_none_of_twenty_thousand_requests_breaks_a_page(campus: CampusClient, tmp_path: Path) -> None:
    with running_service(campus, tmp_path, WIDE) as service:
        visitor = service.visit()
        visitor.sign_in(WITH_DEBTS)
        try_requests(service, visitor, REQUESTS, ENDS_THE_SESSION)
        assert '"ERROR"' not in service.log.read_text()


def test_for_minutes_the_service_answers_as_described(campus: CampusClient, tmp_path: Path) -> None:
    with running_service(campus, tmp_path / "service", WIDE) as service:
        assert run_schemathesis(service, tmp_path, DESCRIPTION, SECONDS) == ""
