"""A desk's entries may be too old to be believed: by when they were recorded, or by a day that they name."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import StaleView
from app.domain.clearance import Reading
from app.settings import load_settings
from tests.fixtures.connectors import list_faults
from tests.integration.connectors.desks import Installation, make_installation
from tests.integration.connectors.test_desk import FACTS, ask, connect, keep


@pytest.fixture
def hall(tmp_path: Path) -> Installation:
    """An installation with an empty desk."""
    return make_installation(tmp_path)


@pytest.mark.usefixtures("all_authentic")
def test_an_entry_that_is_too_old_is_told_with_its_time(hall: Installation) -> None:
    keep(hall, json.dumps(FACTS))
    with sqlite3.connect(hall.folder / "lixiao.sqlite3") as connection:
        connection.execute("UPDATE desk_entries SET recorded_at = '2026-06-01 00:00:00.000000'")
    assert isinstance(ask(connect(hall)), Reading)
    stale = ask(connect(hall, fresh_for_minutes=60))
    assert isinstance(stale, StaleView)
    assert stale.as_of == datetime(2026, 6, 1, tzinfo=UTC)
    assert isinstance(ask(connect(hall, fresh_for_minutes=500_000)), Reading)


@pytest.mark.usefixtures("all_authentic")
def test_an_entry_may_name_the_day_as_of_which_it_holds(hall: Installation) -> None:
    keep(hall, json.dumps(FACTS | {"done_on": "2026-06-02"}))
    fields = load_settings(hall.environment).connectors["hall"]["fields"]
    dated = fields | {"done_on": {"path": "日期", "type": "day"}}
    stale = ask(connect(hall, fields=dated, as_of="done_on", fresh_for_minutes=60))
    assert isinstance(stale, StaleView)
    assert stale.as_of == datetime(2026, 6, 1, 16, tzinfo=UTC)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"as_of": "state", "fresh_for_minutes": 5}, "as_of"),
        ({"as_of": "done_on", "fresh_for_minutes": 5}, "as_of"),
        ({"as_of": "nowhere", "fresh_for_minutes": 5}, "as_of"),
        ({"as_of": "state"}, "as_of"),
        ({"fresh_for_minutes": 0}, "fresh_for_minutes"),
    ],
)
def test_a_limit_of_age_that_cannot_be_kept_is_told(
    hall: Installation, changes: dict[str, Any], named: str
) -> None:
    settings = load_settings(hall.environment)
    faults = list_faults(hall={**settings.connectors["hall"], **changes})
    assert any(fault.startswith(f"connectors.hall.{named} ") for fault in faults), faults
