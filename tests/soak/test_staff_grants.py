"""A thousand grants, each given, used, and ended between a page and its form: all hold and end at the next request."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.extensions import db
from app.factory import create_app
from app.settings import load_settings
from tests.campus.client import CampusClient
from tests.fixtures.signed_in import sign_in_all
from tests.integration.staff.staff_pages import count_prompt_ends
from tests.postgres import running_postgres
from tests.running import running_service

ROUNDS, PEOPLE = 1_000, 20
Database = Callable[[Path], str]


@pytest.fixture(params=["sqlite", "postgresql"])
def make_database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """Makes a database of either kind."""
    if request.param == "sqlite":
        yield lambda folder: f"sqlite:///{folder.resolve()}/lixiao.sqlite3"
        return
    with running_postgres() as server:
        yield lambda _folder: server.get_url(server.create_database())


@pytest.mark.timeout(1500)
def test_a_thousand_grants_hold_and_end_at_the_next_request(
    campus: CampusClient, tmp_path: Path, make_database: Database
) -> None:
    changes = {"LIXIAO_DATABASE__URL": make_database(tmp_path)}
    with running_service(campus, tmp_path, changes) as service:
        people = sign_in_all(service.environment, [f"TS82{place:06d}" for place in range(PEOPLE)])
        app = create_app(load_settings(service.environment))
        with app.app_context():
            assert count_prompt_ends(service.url, app, people, ROUNDS) == ROUNDS
            db.session.remove()
            db.engine.dispose()
