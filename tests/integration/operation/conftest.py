"""An application with slips in it, on each kind of database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fixtures.office import Office, open_office
from tests.integration.conftest import MakeDatabase


@pytest.fixture
def office(tmp_path: Path, make_database: MakeDatabase) -> Iterator[Office]:
    """One on SQLite, one on PostgreSQL."""
    with open_office(tmp_path, database_url=make_database(tmp_path)) as office:
        yield office
