"""Verifications a second on one worker, against a bare Flask route on the same server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from sqlalchemy import create_engine, text

from app.services.verification.verification import REMEMBERED_SLIPS
from tests.bench._load import measure_rate
from tests.campus.client import CampusClient, running_campus
from tests.campus.run import start_service, stop
from tests.conftest import get_free_port
from tests.fixtures.many_graduates import submit_all
from tests.postgres import running_postgres
from tests.running import running_service

LIMITS = {f"LIXIAO_RATE_LIMIT__{name}": "100000000 per minute" for name in ("VERIFICATION", "UNPROVEN")}
# Asked in turn, these never meet what the service remembers of the newest ones.
SLIPS = REMEMBERED_SLIPS + 100


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with _running_bare() as bare, running_campus() as campus:
        rate = measure_rate(bare, ["/v/1"])
        rows = [("bare Flask route on granian, 1 worker", f"{rate:.0f}/s", "-")]
        rows += _measure_service(campus, "SQLite", LIMITS, rate, ("40 %", "80 %"))
    with _running_bare() as bare, running_campus() as campus, running_postgres() as postgres:
        rate = measure_rate(bare, ["/v/1"])
        database = {"LIXIAO_DATABASE__URL": postgres.get_url(postgres.create_database())}
        rows += _measure_service(campus, "PostgreSQL", LIMITS | database, rate, ("30 %", "60 %"))
    return rows


def _measure_service(
    campus: CampusClient, name: str, changes: Mapping[str, str], bare: float, asked: tuple[str, str]
) -> list[tuple[str, str, str]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(campus, Path(folder), changes, partial(submit_all, SLIPS)) as service,
    ):
        paths = [f"/v/{digits}" for digits in _list_digits(service.environment)]
        unseen = measure_rate(service.url, paths)
        seen = measure_rate(service.url, paths[:1])
        malformed = measure_rate(service.url, ["/v/1"])
    return [
        (f"/v/<code>, {name}, a code never seen", _show(unseen, bare), asked[0]),
        (f"/v/<code>, {name}, a code just seen", _show(seen, bare), asked[1]),
        (f"/v/<code>, {name}, not a code", _show(malformed, bare), "-"),
    ]


def _show(rate: float, bare_rate: float) -> str:
    return f"{rate:.0f}/s = {rate / bare_rate:.0%} of bare"


@contextmanager
def _running_bare() -> Iterator[str]:
    port = get_free_port()
    process = start_service(os.environ, port, target="tests.bench._bare:app")
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        stop(process)


def _list_digits(environment: Mapping[str, str]) -> list[str]:
    engine = create_engine(environment["LIXIAO_DATABASE__URL"])
    try:
        with engine.connect() as connection:
            return [str(digits) for (digits,) in connection.execute(text("SELECT digits FROM issued_codes"))]
    finally:
        engine.dispose()
