"""The five systems of the demo configuration, asked over HTTP at the pretend campus."""

from __future__ import annotations

import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import Connector
from app.connectors.client import close_connectors
from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO
from tests.fixtures.connectors import connect_all
from tests.integration.connectors.desks import Installation, make_installation

DEMO_FILE = Path(__file__).resolve().parents[3] / "config" / "demo.toml"
CREDENTIALS = {
    "library_loans": DEMO.library_loans_token,
    "library_thesis": DEMO.library_thesis_key,
    "archive": DEMO.archive_secret,
    "dormitory": DEMO.dormitory_secret,
    "finance": DEMO.finance_token,
}


@pytest.fixture
def all_authentic(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows count that the test wrote past the service, for what else is asked of them."""
    monkeypatch.setattr("app.services.desk.desk.is_authentic", lambda *_: True)


def demo_connectors(base_url: str, **changes: Any) -> dict[str, Connector]:
    """The demo file's connectors at another address, with further keys for each."""
    sections = tomllib.loads(DEMO_FILE.read_text(encoding="utf-8"))["connectors"]
    return connect_all(
        {
            name: section | {"base_url": base_url, "credential": CREDENTIALS[name]} | changes
            for name, section in sections.items()
        }
    )


@pytest.fixture
def campus(campus: CampusClient) -> CampusClient:
    """The test process's campus as at the start."""
    campus.reset()
    return campus


@pytest.fixture
def connectors(campus: CampusClient) -> Iterator[dict[str, Connector]]:
    built = demo_connectors(campus.url, deadline_seconds=1.0)
    yield built
    close_connectors(built.values())


@pytest.fixture(scope="session")
def desk_template(tmp_path_factory: pytest.TempPathFactory) -> Installation:
    """An installation with desks, made once."""
    return make_installation(tmp_path_factory.mktemp("template"))


@pytest.fixture
def hall(desk_template: Installation, tmp_path: Path) -> Installation:
    """An installation whose desks are empty."""
    folder = tmp_path / "hall"
    shutil.copytree(desk_template.folder, folder)
    environment = {
        key: value.replace(str(desk_template.folder), str(folder))
        for key, value in desk_template.environment.items()
    }
    return Installation(folder, environment)
