"""The product as it runs in production, against the pretend campus: one of each for a test process."""

from __future__ import annotations

import os
import socket
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

from tests.campus.client import CampusClient, running_campus
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.log_watch import LogWatch
from tests.visitor import Visitor

ROOT = Path(__file__).resolve().parent.parent

# How long an example takes says nothing on a busy machine.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@dataclass(frozen=True)
class Service:
    """A running service; `url` has no trailing slash, `log` is the file with its log lines."""

    url: str
    campus: CampusClient
    data_dir: Path
    environment: Mapping[str, str]
    log: Path

    def visit(self) -> Visitor:
        """A fresh browser at this service."""
        return Visitor(self.url)


def get_free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


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
    data_dir = tmp_path_factory.mktemp("service")
    port = get_free_port()
    environment = make_environment(data_dir, port, campus.url)
    # Tests knock far more often than people.
    environment |= {
        "LIXIAO_RATE_LIMIT__VERIFICATION": "100000 per minute",
        "LIXIAO_RATE_LIMIT__REFRESH": "100000 per minute",
    }
    prepare(environment)
    log = data_dir / "service.log"
    with log.open("wb") as file:
        process = start_service(environment, port, log=file.fileno())
        try:
            yield Service(f"http://127.0.0.1:{port}", campus, data_dir, environment, log)
        finally:
            stop(process)


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
