"""Services of a test's own, beside the one that all tests share."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.campus.client import CampusClient
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.conftest import Service, get_free_port


@contextmanager
def running_service(
    campus: CampusClient,
    data_dir: Path,
    changes: Mapping[str, str] | None = None,
    before_start: Callable[[Mapping[str, str]], None] | None = None,
    configs: Sequence[Path] = (),
    target: str = "wsgi:app",
    under: Sequence[str] = (),
) -> Iterator[Service]:
    """Start a service at the campus as it was at its start. Its environment has these changes and its
    configuration these files beside the demo's; `before_start` sees its migrated database. `target` and `under`: see
    `start_service`.
    """
    campus.reset()
    port = get_free_port()
    environment = make_environment(data_dir, port, campus.url, configs) | dict(changes or {})
    prepare(environment)
    if before_start:
        before_start(environment)
    log = data_dir / "service.log"
    with log.open("ab") as file:
        process = start_service(environment, port, log=file.fileno(), target=target, under=under)
        try:
            yield Service(f"http://127.0.0.1:{port}", campus, data_dir, environment, log)
        finally:
            stop(process)
