"""`make load`: starts the service and its pretend campus, or takes a running one on loopback, and lets people in."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.campus.client import PROJECT, running_campus
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.conftest import get_free_port

LOOPBACK = ("127.0.0.1", "localhost", "::1")
MOST_SECONDS = 600
MOST_USERS = 500
GRACE_SECONDS = 60
ONE_ADDRESS = "1000000 per minute"
"""All people come from one address here; limits by address are tested elsewhere."""


@contextmanager
def running_pair(workers: int) -> Iterator[str]:
    """A service of its own with a campus and a fresh database; gives its address."""
    with tempfile.TemporaryDirectory() as folder, running_campus() as campus:
        port = get_free_port()
        environment = make_environment(Path(folder) / "data", port, campus.url)
        environment["LIXIAO_RATE_LIMIT__VERIFICATION"] = ONE_ADDRESS
        prepare(environment)
        with (Path(folder) / "service.log").open("wb") as log:
            process = start_service(environment, port, workers, log.fileno())
            try:
                yield f"http://127.0.0.1:{port}"
            finally:
                stop(process)


def run_locust(program: Path, url: str, users: int, seconds: int) -> int:
    """Let people in for so long; returns 0 when nothing failed."""
    command = [
        str(program),
        "-f",
        str(PROJECT / "tests" / "load" / "journey.py"),
        "--headless",
        "--only-summary",
    ]
    command += ["--host", url, "--users", str(users), "--spawn-rate", str(max(users / 5, 1))]
    command += ["--run-time", f"{seconds}s", "--stop-timeout", "20", "--loglevel", "WARNING"]
    return subprocess.run(command, cwd=PROJECT, check=False, timeout=seconds + GRACE_SECONDS).returncode


def main() -> int:
    """Returns the exit code: 1 when a step failed, 2 when it may not begin."""
    parser = argparse.ArgumentParser(
        prog="make load", description="The whole journey under load, on this machine."
    )
    parser.add_argument("--locust", type=Path, required=True)
    parser.add_argument("--users", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--url", default="", help="a running demo on loopback, instead of one of its own")
    options = parser.parse_args()
    if not (1 <= options.users <= MOST_USERS and 1 <= options.seconds <= MOST_SECONDS):
        parser.error(f"at most {MOST_USERS} users and {MOST_SECONDS} seconds")
    if options.url and urlsplit(options.url).hostname not in LOOPBACK:
        parser.error("LOAD_URL must be on this machine: 127.0.0.1, localhost or [::1]")
    if options.url:
        return run_locust(options.locust, options.url, options.users, options.seconds)
    with running_pair(options.workers) as url:
        print(
            f"{options.users} people for {options.seconds} seconds at {url}, {options.workers} worker(s)",
            flush=True,
        )
        return run_locust(options.locust, url, options.users, options.seconds)


if __name__ == "__main__":
    sys.exit(main())
