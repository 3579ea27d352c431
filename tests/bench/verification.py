"""Verifications a second on one worker, against a bare Flask route on the same server."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import median

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


PAIRS = 3


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with _running_bare() as bare, running_campus() as campus:
        rows = [("bare Flask route on granian, 1 worker", f"{measure_rate(bare, ['/v/1']):.0f}/s", "-")]
        rows += _measure_service(campus, "SQLite", LIMITS, bare, ("17 %", "22 %"))
        with running_postgres() as postgres:
            database = {"LIXIAO_DATABASE__URL": postgres.get_url(postgres.create_database())}
            rows += _measure_service(campus, "PostgreSQL", LIMITS | database, bare, ("-", "-"))
    return rows


def _measure_service(
    campus: CampusClient, name: str, changes: Mapping[str, str], bare: str, asked: tuple[str, str]
) -> list[tuple[str, str, str]]:
    with (
        tempfile.TemporaryDirectory() as folder,
        running_service(campus, Path(folder), changes, partial(submit_all, SLIPS)) as service,
    ):
        paths = [f"/v/{digits}" for digits in _list_digits(service.environment)]
        return [
            (f"/v/<code>, {name}, a code never seen", _compare(service.url, paths, bare), asked[0]),
            (f"/v/<code>, {name}, a code just seen", _compare(service.url, paths[:1], bare), asked[1]),
            (f"/v/<code>, {name}, not a code", _compare(service.url, ["/v/1"], bare), "-"),
        ]


def _compare(url: str, paths: Sequence[str], bare: str) -> str:
    """Medians of a few turns. The bare route is measured anew in each: a machine's speed changes by the minute."""
    pairs = [(measure_rate(url, paths), measure_rate(bare, ["/v/1"])) for _ in range(PAIRS)]
    share = median(rate / bare_rate for rate, bare_rate in pairs)
    return f"{median(rate for rate, _ in pairs):.0f}/s = {share:.0%} of bare"


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
