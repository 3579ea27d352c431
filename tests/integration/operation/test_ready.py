"""What `/readyz` tells an operator."""

from __future__ import annotations

import subprocess

import requests

from tests.campus.client import PROJECT
from tests.conftest import Service


def test_it_names_the_commit_that_runs_and_the_migration_of_the_database(service: Service) -> None:
    commit = subprocess.run(
        ["git", "-c", "safe.directory=*", "rev-parse", "HEAD"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    told = requests.get(f"{service.url}/readyz", timeout=30).json()
    assert told["commit"] == commit
    assert told["checks"]["database"].startswith("migration ")
