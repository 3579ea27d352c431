"""The product as it runs in production, against the pretend campus: one of each for a test process."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests import running
from tests.campus.client import CampusClient, running_campus
from tests.log_watch import LogWatch
from tests.running import Service, get_free_port
from tests.visitor import Visitor

__all__ = ["Service", "get_free_port"]

# How long an example takes says nothing on a busy machine.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(scope="session", autouse=True)
def log_watch() -> Iterator[None]:
    """Fails at the end of the run if a line of any service's log, or of the product's in this process, holds what looks
    like a secret.
    """
    watch = LogWatch()
    watch.start()
    yield
    assert watch.end() == []


@pytest.fixture(scope="session")
def campus() -> Iterator[CampusClient]:
    """A pretend campus of this test process."""
    with running_campus() as client:
        yield client


@pytest.fixture(scope="session")
def running_service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The service on granian with SQLite."""
    # Tests knock far more often than people.
    often = {f"LIXIAO_RATE_LIMIT__{name}": "100000 per minute" for name in ("VERIFICATION", "REFRESH")}
    with running.running_service(campus, tmp_path_factory.mktemp("service"), often) as started:
        yield started


@pytest.fixture
def service(running_service: Service) -> Service:
    """The running service, its campus as at the start. Submissions of earlier tests stay."""
    running_service.campus.reset()
    return running_service


@pytest.fixture
def fresh_student() -> str:
    """The number of a student for whom everything passes and who has not submitted yet."""
    return _next_student()


_numbers = iter(range(int.from_bytes(os.urandom(2), "big") * 100, 9_999_999))


def _next_student() -> str:
    return f"TS9{next(_numbers):07d}"


@pytest.fixture
def visitor(service: Service) -> Visitor:
    """A fresh browser at the running service."""
    return service.visit()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the tables that passed tests recorded by `record_property("table: ...", text)`, and what was left out."""
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties:
            if name.startswith("table: "):
                terminalreporter.section(name.removeprefix("table: "))
                terminalreporter.write_line(str(value))
    left_out = Counter(report.longrepr[2] for report in terminalreporter.getreports("skipped"))
    if left_out:
        terminalreporter.section("LEFT OUT", red=True, bold=True)
        for reason, count in left_out.items():
            terminalreporter.write_line(f"{count} x {reason.removeprefix('Skipped: ')}")
        terminalreporter.write_line(
            "`bash .ci/run`, as root on Debian, installs what is missing and runs everything."
        )
