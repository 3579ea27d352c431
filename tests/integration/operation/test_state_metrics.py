"""`/metrics` tells how the installation stands: what runs, what it lacks, how long its keys last, what was left undone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from prometheus_client import REGISTRY

from app.domain.keys import KeyRing, KeyState, NoSigningKey, PublicSlipKey
from app.extensions import db
from app.factory import create_app
from app.models import Action, write_transaction
from app.services.clock import get_now
from app.services.operations.state_metrics import describe_state
from app.settings import load_settings
from app.version import VERSION
from tests.campus.run import PROJECT, make_environment
from tests.fixtures.metrics_text import list_samples, read_text, sum_up
from tests.fixtures.office import NOBODY, Office

TOKEN = "metrics-token-of-the-tests-only-2"
MANUAL = PROJECT / "config" / "README.md"
MOMENT = datetime(2026, 6, 20, 9, 31, tzinfo=UTC)


def read(office: Office, name: str, **labels: str) -> float:
    db.session.rollback()
    return sum_up(list_samples(describe_state(office.installation)), name, **labels)


def test_the_manual_s_table_names_every_number_and_no_other(office: Office) -> None:
    told = [*REGISTRY.collect(), *describe_state(office.installation)]
    names = {f"{one.name}_total" if one.type == "counter" else one.name for one in told}
    rows = [line for line in MANUAL.read_text(encoding="utf-8").splitlines() if line.startswith("| `lixiao_")]
    listed = {name for line in rows for name in re.findall(r"`(lixiao_[a-z_]+)`", line.split("|")[1])}
    only_with_a_certificate = {"lixiao_certificate_days_left"}
    assert listed == {name for name in names if name.startswith("lixiao_")} | only_with_a_certificate


def test_it_names_the_program_that_runs(office: Office) -> None:
    commit = office.installation.settings.service.commit
    assert read(office, "lixiao_build_info", version=VERSION, commit=commit) == 1


def test_every_check_of_readyz_is_told(office: Office) -> None:
    for check in ("database", "slip_key", "fonts", "issued_keys"):
        assert read(office, "lixiao_ready", check=check) == 1
    (office.keys / "keys.json").rename(office.keys / "keys.gone")
    office.installation.slip_keys._checked_at = 0.0
    assert read(office, "lixiao_ready", check="slip_key") == 0
    assert read(office, "lixiao_ready", check="database") == 1
    assert read(office, "lixiao_slip_key_days_left") == 0


def test_days_of_the_key_count_down(office: Office) -> None:
    left, age = (read(office, f"lixiao_slip_key_{what}") for what in ("days_left", "age_days"))
    with time_machine.travel(get_now() + timedelta(days=40), tick=False):
        assert read(office, "lixiao_slip_key_days_left") == left - 40
        assert read(office, "lixiao_slip_key_age_days") == age + 40


def make_key(
    kid: int, first: str, last: str, signs_from: datetime | None = None, **state: KeyState
) -> PublicSlipKey:
    days = date.fromisoformat(f"2026-{first}"), date.fromisoformat(f"2026-{last}")
    return PublicSlipKey(kid, bytes(32), *days, state.get("state", KeyState.ACTIVE), signs_from)


NOW = make_key(1, "06-01", "06-30")


@pytest.mark.parametrize(
    ("others", "last"),
    [
        ((), "06-30"),
        ((make_key(2, "07-01", "08-31"),), "08-31"),
        ((make_key(2, "06-10", "08-31"), make_key(3, "09-01", "09-30")), "09-30"),
        ((make_key(2, "07-02", "08-31"),), "06-30"),  # a day without a key
        ((make_key(2, "07-01", "08-31", state=KeyState.RETIRED),), "06-30"),
        ((make_key(2, "06-01", "08-31", datetime(2026, 6, 29, tzinfo=UTC)),), "08-31"),
        (
            (make_key(2, "06-01", "08-31", datetime(2026, 7, 1, 3, tzinfo=UTC)),),
            "06-30",
        ),  # hours without a key
        ((make_key(2, "06-05", "06-25"),), "06-30"),
    ],
)
def test_a_successor_counts_where_no_day_is_left_out(others: tuple[PublicSlipKey, ...], last: str) -> None:
    assert KeyRing((*others, NOW)).find_last_signing_day(MOMENT) == date.fromisoformat(f"2026-{last}")


def test_there_is_no_last_day_while_no_key_signs() -> None:
    with pytest.raises(NoSigningKey):
        KeyRing((make_key(1, "07-01", "07-31"),)).find_last_signing_day(MOMENT)


def test_the_oldest_action_without_an_outcome_is_told(office: Office) -> None:
    names = ("lixiao_actions_unfinished", "lixiao_oldest_unfinished_action_seconds")
    assert [read(office, name) for name in names] == [0, 0]
    now = get_now()
    with write_transaction() as session:
        for minutes, outcome in ((90, None), (10, None), (300, "confirmed")):
            session.add(
                Action(
                    mini_app="graduate_departure",
                    period="2026-06",
                    student_number="TS23000001",
                    step="library_loans",
                    action="cancel-card",
                    outcome=outcome,
                    intended_at=now - timedelta(minutes=minutes),
                )
            )
    with time_machine.travel(now, tick=False):
        assert [read(office, name) for name in names] == [2, 90 * 60]


def test_free_room_is_told_of_every_folder_that_is_written_to(office: Office) -> None:
    own = {"database"} if db.engine.dialect.name == "sqlite" else set()
    for place in own | {"slip keys", "temporary files"}:
        assert read(office, "lixiao_disk_free_bytes", place=place) > 0


def test_without_a_database_the_rest_is_told_and_none_is_made(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, 8000, NOBODY) | {"LIXIAO_SERVICE__METRICS_TOKEN": TOKEN}
    client = create_app(load_settings(environment)).test_client()
    headers = {"Authorization": f"Bearer {TOKEN}"}
    answer = client.get("/metrics", headers=headers, base_url="http://127.0.0.1")
    assert answer.status_code == 200
    samples = read_text(answer.text)
    assert sum_up(samples, "lixiao_build_info") == 1
    assert {s.labels["check"]: s.value for s in samples if s.name == "lixiao_ready"}["database"] == 0
    assert "lixiao_actions_unfinished" not in answer.text
    assert not list(tmp_path.glob("*.sqlite3"))
