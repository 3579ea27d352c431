"""What departments last said is kept as it was, and how long they have been failing."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from app.domain.clearance import DepartmentUnavailable, Reading
from app.services.clearance import cached_answers
from app.services.clearance.cached_answers import (
    CachedAnswer,
    load_cached_answers,
    restore_reading,
    store_answers,
)
from tests.fixtures.office import Office

APP = "graduate_departure"
NOON = datetime(2026, 6, 18, 12, tzinfo=UTC)
FACTS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**9), 10**9),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=20),
    st.decimals(0, 10**9, places=2),
    st.dates(),
)
RECORDS = st.lists(st.dictionaries(st.from_regex("[a-z_]{1,12}", fullmatch=True), FACTS), max_size=3)


def describe_types(records: Any) -> Any:
    """True == 1 and Decimal(1) == 1: what is equal must be of the same type, too."""
    return [{key: (type(value), str(value)) for key, value in record.items()} for record in records]


def keep(records: Any) -> Reading | None:
    """What comes back after a way through JSON."""
    reading = Reading("finance", "TS1", tuple(records), NOON)
    row = cached_answers._describe(reading, None, NOON)
    row["records"] = json.loads(json.dumps(row["records"]))
    return restore_reading(CachedAnswer(step="finance", student_number="TS1", **row))


@given(RECORDS)
def test_a_restored_reading_equals_the_original(records: list[dict[str, Any]]) -> None:
    restored = keep(records)
    assert restored == Reading("finance", "TS1", tuple(records), NOON)
    assert describe_types(restored.records) == describe_types(records)


def test_plain_json_would_restore_something_else() -> None:
    record = {"amount": Decimal("12.50"), "day": date(2026, 6, 10)}
    plain = json.loads(json.dumps(record, default=str))
    assert describe_types([plain]) != describe_types([record])
    assert describe_types(keep([record]).records) == describe_types([record])  # type: ignore[union-attr]


def store(student: str, answer: Reading | DepartmentUnavailable, now: datetime) -> CachedAnswer:
    store_answers(APP, student, {"finance": answer}, load_cached_answers(APP, student), now)
    return load_cached_answers(APP, student)["finance"]


def test_a_failing_system_keeps_its_last_answer_and_since_when_it_fails(office: Office) -> None:
    reading = Reading("finance", "TS2", ({"amount": Decimal("0.10")},), NOON)
    fault = DepartmentUnavailable("finance", "timeout")
    assert store("TS2", reading, NOON).failing_since is None
    for minutes in (1, 2, 3):
        known = store("TS2", fault, NOON + timedelta(minutes=minutes))
        assert known.failing_since == NOON + timedelta(minutes=1)
        assert restore_reading(known) == reading
    assert store("TS2", reading, NOON).failing_since is None


def test_a_system_that_never_answered_has_nothing_to_show(office: Office) -> None:
    known = store("TS3", DepartmentUnavailable("finance", "timeout"), NOON)
    assert restore_reading(known) is None
    assert known.failing_since == NOON


def test_what_is_known_of_one_student_is_not_told_of_another(office: Office) -> None:
    store("TS4", Reading("finance", "TS4", (), NOON), NOON)
    assert load_cached_answers(APP, "TS5") == {}
    assert load_cached_answers("other_departure", "TS4") == {}


def test_a_page_does_not_fail_because_its_answers_cannot_be_kept(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise OperationalError("INSERT", {}, OSError("TS6"))

    monkeypatch.setattr(cached_answers, "upsert", fail)
    store_answers(APP, "TS6", {"finance": Reading("finance", "TS6", (), NOON)}, {}, NOON)
    assert "answers not kept" in caplog.text
    assert "TS6" not in caplog.text
    assert load_cached_answers(APP, "TS6") == {}
