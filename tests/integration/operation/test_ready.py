"""What `/readyz` tells an operator."""

from __future__ import annotations

import re
import subprocess
import time

import requests

from app.services.operations.migrations import get_migration_head
from app.version import VERSION
from tests.campus.client import PROJECT
from tests.conftest import Service


def test_it_names_the_version_and_the_commit_that_run_and_tells_what_is_there_in_words(
    service: Service,
) -> None:
    commit = subprocess.run(
        ["git", "-c", "safe.directory=*", "rev-parse", "HEAD"],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    told = requests.get(f"{service.url}/readyz", timeout=30).json()
    assert (told["version"], told["commit"]) == (VERSION, commit)
    assert re.fullmatch(
        r"checkpoint \d+ is written|the newest checkpoint is not written yet"
        r"|nothing has happened yet that a checkpoint tells of",
        told["checks"].pop("checkpoints"),
    )
    assert told["checks"] == {
        "database": f"reachable, schema {get_migration_head()}",
        "fonts": "every rare character that was tried is in a font",
        "issued_keys": "every key that signed slips is here",
        "rows": "every row that decides is signed by a key of this host",
        "slip_key": "key 1 signs",
    }


def test_every_system_is_told_in_words_and_none_is_closed_while_it_answers(service: Service) -> None:
    """At its start the service asks each about its canary students."""
    for _ in range(300):
        systems = requests.get(f"{service.url}/readyz", timeout=30).json()["systems"]
        if set(systems.values()) == {"answers"}:
            break
        time.sleep(0.1)
    assert systems == dict.fromkeys(
        ("archive", "dormitory", "finance", "library_loans", "library_thesis"), "answers"
    )
