"""The service as it runs in production, against the pretend campus."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.campus.client import CampusClient
from tests.campus.run import Launch, make_environment, start_service, stop
from tests.fixtures.templates import prepare
from tests.programs import Program
from tests.visitor import Visitor


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


@contextmanager
def running_service(
    campus: CampusClient,
    data_dir: Path,
    changes: Mapping[str, str] | None = None,
    before_start: Callable[[Mapping[str, str]], None] | None = None,
    configs: Sequence[Path] = (),
    workers: int = 1,
    target: str = "wsgi:app",
    launch: Launch = Program,
    departments: Sequence[Path] = (),
) -> Iterator[Service]:
    """Start a service at the campus as it was at its start. Its environment has these changes and its
    configuration these files beside the demo's; `before_start` sees its migrated database. `workers`, `target`
    and `launch`: see `start_service`; `departments`: those that the campus was started with besides.
    """
    campus.reset()
    port = get_free_port()
    environment = make_environment(data_dir, port, campus.url, configs, departments) | dict(changes or {})
    prepare(environment)
    if before_start:
        before_start(environment)
    log = data_dir / "service.log"
    with log.open("ab") as file:
        process = start_service(environment, port, workers, file.fileno(), target, launch)
        try:
            yield Service(f"http://127.0.0.1:{port}", campus, data_dir, environment, log)
        finally:
            stop(process)
