"""A whole year's graduates in the database, 10,000 on SQLite and 50,000 on PostgreSQL: every use still works, and how long
it takes beside an empty database.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest
import requests

from app.services.verification.status_list import FORMAT
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.issued_slips import GUARD, issue_slip, sign_in_staff
from tests.fixtures.many_graduates import submit_all
from tests.fixtures.signed_in import sign_in_all
from tests.fixtures.stored import check_nothing_is_half_done, query
from tests.integration.operation.commands import run_flask
from tests.postgres import Postgres, running_postgres
from tests.running import running_service
from tests.visitor import APP, Visitor, get_verdict, list_statuses

GRADUATES = {"sqlite": 10_000, "postgresql": 50_000}
STUDENTS, CODES = 5, 50
SHORT = "SELECT short_code, digits FROM issued_codes ORDER BY id"
WIDE = {"LIXIAO_RATE_LIMIT__VERIFICATION": "100000 per minute"}
_numbers = (f"TS97{place:06d}" for place in count())


@dataclass
class Watch:
    """How long each use took, in milliseconds."""

    took: dict[str, list[float]] = field(default_factory=dict)

    @contextmanager
    def time(self, use: str) -> Iterator[None]:
        """Time the block as this use."""
        began = time.perf_counter()
        yield
        self.took.setdefault(use, []).append(1000 * (time.perf_counter() - began))


@pytest.fixture(params=list(GRADUATES))
def database(request: pytest.FixtureRequest) -> Iterator[tuple[str, Mapping[str, str], Postgres | None]]:
    """The kind of database, what chooses it, and its server."""
    if request.param == "sqlite":
        yield "sqlite", {}, None
        return
    with running_postgres() as server:
        yield (
            "postgresql",
            {"LIXIAO_DATABASE__URL": server.get_url(server.create_database())},
            server,
        )


@pytest.mark.timeout(900)
def test_with_a_year_of_graduates_every_use_works(
    database: tuple[str, Mapping[str, str], Postgres | None],
    campus: CampusClient,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    kind, changes, server = database
    few, many = Watch(), Watch()
    with running_service(campus, tmp_path / "data", {**WIDE, **changes}) as service:
        issue_slip(service, next(_numbers))
        use_all(service, server, few, tmp_path / "few")
        began = time.perf_counter()
        submit_all(GRADUATES[kind], service.environment)
        sign_in_all(service.environment, (f"TS96{place:06d}" for place in range(GRADUATES[kind])))
        filled_in = time.perf_counter() - began
        use_all(service, server, many, tmp_path / "many")
        check_nothing_is_half_done(service.environment)
        assert '"ERROR"' not in service.log.read_text()
    table = f"table: {GRADUATES[kind]:,} graduates on {kind}, stored in {filled_in:.0f} s; ms, the median"
    record_property(table, "\n".join(describe(few, many)))


def describe(few: Watch, many: Watch) -> Iterator[str]:
    """The lines of the table."""
    yield f"{'':<32}{'empty':>9}{'full':>9}"
    for use, times in many.took.items():
        yield f"{use:<32}{statistics.median(few.took[use]):>9.1f}{statistics.median(times):>9.1f}"


def use_all(service: Service, server: Postgres | None, watch: Watch, folder: Path) -> None:
    """Everything that a student, a guard and an operator do."""
    folder.mkdir()
    for _ in range(STUDENTS):
        depart(service, watch)
    codes = [(str(short), str(digits)) for short, digits in query(service.environment, SHORT)]
    guard = sign_in_staff(service, GUARD)
    for short, digits in random.Random(1).choices(codes, k=CODES):
        check_slip(service, guard, watch, short, digits)
    with watch.time("status list"):
        answer = requests.get(f"{service.url}/.well-known/slip-status", timeout=60)
    assert (answer.json()["format"], answer.json()["counter"]) == (FORMAT, len(codes))
    watch.took["status list, kilobytes"] = [len(answer.content) / 1000]
    operate(service, server, watch, folder / "copy")


def depart(service: Service, watch: Watch) -> None:
    """One student, from the sign-in to the slip."""
    visitor = service.visit()
    with watch.time("sign in and look"):
        visitor.sign_in(next(_numbers))
    with watch.time("wait for all departments"):
        page = visitor.get(f"{APP}/clearance?wait=1")
    assert set(list_statuses(page).values()) == {"cleared"}
    check = visitor.get(f"{APP}/submission")
    with watch.time("submit"):
        answer = visitor.post(f"{APP}/submission", check)
    assert answer.status_code == 303
    with watch.time("slip's page"):
        assert visitor.get(answer.headers["Location"]).status_code == 200
    with watch.time("slip as PDF"):
        assert visitor.get(f"{answer.headers['Location']}.pdf").content.startswith(b"%PDF-")


def check_slip(service: Service, guard: Visitor, watch: Watch, short: str, digits: str) -> None:
    """A stranger scans it, another types its short code, and a guard sees all of it."""
    with watch.time("scan"):
        scanned = requests.get(f"{service.url}/v/{digits}", timeout=60)
    with watch.time("short code"):
        typed = requests.post(f"{service.url}/verify", data={"code": short}, timeout=60)
    with watch.time("guard's scan"):
        seen = guard.get(f"/v/{digits}")
    assert {get_verdict(page) for page in (scanned, typed, seen)} == {"valid"}


def operate(service: Service, server: Postgres | None, watch: Watch, copy: Path) -> None:
    """The operator's commands, and the backup."""
    for words in (
        ("audit", "verify"),
        ("slips", "log", "verify"),
        ("purge", "--dry-run"),
    ):
        with watch.time(f"flask {' '.join(words)}"):
            done = run_flask(service.environment, *words)
        assert done.code == 0, done.out + done.err
    with watch.time("flask backup" if server is None else "pg_dump"):
        done = run_flask(service.environment, "backup", str(copy))
        if server is not None:
            assert server.run_shell(next(line for line in done.err.splitlines() if "pg_dump " in line)) == 0
    watch.took["backup, megabytes"] = [copy.stat().st_size / 1e6]
