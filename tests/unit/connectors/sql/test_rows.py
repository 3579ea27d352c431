"""What the values of a database's rows mean, whatever type their driver gives them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.sql.config import SqlConfig
from app.connectors.sql.rows import MAX_ROWS, Found, get_as_of, parse_moment, read_rows
from app.domain.clearance import Status
from app.domain.rules import NothingOwed
from tests.fixtures import connectors

NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")
NUMBER = "TS23000001"


def read_config(**fields: dict[str, Any]) -> SqlConfig:
    section = {
        "kind": "sql",
        "url": "sqlite:////srv/none.sqlite3",
        "statement": "SELECT :student_number",
        "number_column": "xh",
        "numbers_statement": "SELECT xh FROM view",
        "rows": "many",
        "no_record": "never",
        "freshness_column": "at",
        "fresh_for_minutes": 60,
        "fields": fields,
    }
    config: SqlConfig = connectors.read_config(section, "view")
    return config


def read_value(field: dict[str, Any], value: object) -> object:
    found = Found(("xh", "v"), ((NUMBER, value),), None)
    return read_rows(read_config(fact={"path": "v", **field}), found, NUMBER)[0]["fact"]


COUNT, MONEY, FEN = {"type": "count"}, {"type": "money", "unit": "yuan"}, {"type": "money", "unit": "fen"}
DAY, FLAG, TEXT = {"type": "day"}, {"type": "flag"}, {"type": "text"}
CODE = {"type": "text", "values": {"1": "active", "9": "cancelled"}}


@pytest.mark.parametrize(
    ("field", "value", "fact"),
    [
        (COUNT, 2, 2),
        (COUNT, "2", 2),
        (COUNT, Decimal(2), 2),
        (COUNT, Decimal("2.00"), 2),
        (MONEY, Decimal("12.5000"), Decimal("12.50")),
        (MONEY, Decimal("1E+3"), Decimal("1000.00")),
        (MONEY, 12, Decimal("12.00")),
        (MONEY, "12.50", Decimal("12.50")),
        (FEN, 1250, Decimal("12.50")),
        (FEN, Decimal(1250), Decimal("12.50")),
        (DAY, date(2026, 6, 9), date(2026, 6, 9)),
        (DAY, datetime(2026, 6, 9), date(2026, 6, 9)),  # noqa: DTZ001 - Oracle's way to write a day
        (DAY, "2026-06-09", date(2026, 6, 9)),
        (FLAG, True, True),
        (FLAG, 0, False),
        (CODE, 9, "cancelled"),
        (CODE, "1", "active"),
        (TEXT, "竹园", "竹园"),
        (DAY | {"formats": ["YYYYMMDD"]}, 20260609, date(2026, 6, 9)),
        (DAY | {"formats": ["YYYYMMDD"]}, Decimal(20260609), date(2026, 6, 9)),
        (DAY | {"formats": ["YYYY/MM/DD"]}, "2026/06/09", date(2026, 6, 9)),
        (DAY | {"formats": ["YYYY-MM-DD HH:mm:ss"]}, datetime(2026, 6, 9, 8), date(2026, 6, 9)),  # noqa: DTZ001
        (FLAG | {"values": {"Y": True, "N": False}}, "N", False),
        (FLAG | {"values": {"1": True, "2": False}}, 2, False),
        (CODE, Decimal(9), "cancelled"),
        (COUNT | {"null": "0"}, None, 0),
        (MONEY | {"may_be_negative": True}, Decimal("-12.5000"), Decimal("-12.50")),
        (MONEY | {"formats": ["bare_point", "spaces"]}, " .5", Decimal("0.50")),
    ],
)
def test_a_value_of_a_fitting_type_is_the_fact(field: dict[str, Any], value: object, fact: object) -> None:
    assert read_value(field, value) == fact


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (COUNT, None),
        (COUNT, True),
        (COUNT, 2.0),
        (COUNT, -1),
        (COUNT, Decimal("1.5")),
        (COUNT, Decimal("NaN")),
        (COUNT, b"2"),
        (MONEY, 12.5),
        (MONEY, float("nan")),
        (MONEY, Decimal("Infinity")),
        (MONEY, Decimal("-0.01")),
        (MONEY, Decimal("0.001")),
        (MONEY, "12,50"),
        (FEN, Decimal("12.5")),
        (DAY, datetime(2026, 6, 9, 8)),  # noqa: DTZ001 - a moment is no day
        (DAY, datetime(2026, 6, 9, tzinfo=UTC)),
        (DAY, 20260609),
        (DAY, ""),
        (FLAG, 2),
        (FLAG, "true"),
        (FLAG, None),
        (FLAG, 1.0),
        (CODE, True),
        (CODE, 7),
        (TEXT, 1),
        (TEXT, b"x"),
        (TEXT, memoryview(b"x")),
        (TEXT, Decimal(1)),
        (TEXT, ["x"]),
    ],
)
def test_any_other_value_is_refused(field: dict[str, Any], value: object) -> None:
    with pytest.raises(UntrustedAnswer):
        read_value(field, value)


values = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.decimals(),
    st.text(max_size=8),
    st.binary(max_size=4),
    st.dates(),
)


@given(values, values)
def test_no_value_of_any_type_hides_a_debt(amount: object, reduced: object) -> None:
    """Whatever stands beside it, a row that was read as owing nothing said so in a fitting type."""
    config = read_config(amount={"path": "a", **MONEY}, reduced={"path": "r", **MONEY})
    found = Found(("xh", "a", "r"), ((NUMBER, amount, reduced), (NUMBER, Decimal("0.01"), Decimal(0))), None)
    try:
        records = read_rows(config, found, NUMBER)
    except UntrustedAnswer:
        return
    assert NothingOwed(amount="amount", reduced_by=("reduced",)).judge(records).status is Status.OUTSTANDING


def test_more_rows_than_a_student_can_have_are_refused() -> None:
    row = (NUMBER, 1)
    with pytest.raises(UntrustedAnswer, match=FailureCode.TOO_LARGE):
        read_rows(
            read_config(fact={"path": "v", **COUNT}),
            Found(("xh", "v"), (row,) * (MAX_ROWS + 1), None),
            NUMBER,
        )


@pytest.mark.parametrize(
    "value",
    [
        "2026-06-10 19:30:00",
        "2026-06-10T19:30:00+08:00",
        "2026-06-10 11:30:00.000Z",
        datetime(2026, 6, 10, 19, 30),  # noqa: DTZ001 - a column without a zone
        datetime(2026, 6, 10, 11, 30, tzinfo=UTC),
        datetime(2026, 6, 10, 19, 30, tzinfo=timezone(timedelta(hours=8))),
    ],
)
def test_a_moment_is_read_in_its_own_zone_or_the_configured_one(value: object) -> None:
    assert parse_moment(value, SHANGHAI, NOW) == datetime(2026, 6, 10, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "2026-06-10",
        date(2026, 6, 10),
        1781090000,
        "2026-06-10 25:00:00",
        "２０２６-06-10 11:30:00",
        "infinity",
        datetime(2026, 6, 10, 20, 30),  # noqa: DTZ001 - half an hour ahead in Shanghai
        datetime(1, 1, 1),  # noqa: DTZ001 - before the first moment in UTC
        datetime(9999, 12, 31),  # noqa: DTZ001 - a column's way to say "never"
    ],
)
def test_what_is_no_moment_of_the_past_is_refused(value: object) -> None:
    with pytest.raises(UntrustedAnswer):
        parse_moment(value, SHANGHAI, NOW)


def test_the_oldest_row_counts() -> None:
    config = read_config(fact={"path": "v", **COUNT})
    old, new = NOW - timedelta(hours=3), NOW - timedelta(minutes=1)
    assert get_as_of(config, Found(("xh", "at"), ((NUMBER, new), (NUMBER, old)), None), NOW) == old
    for freshness in ((), ((old, old),), ((old,), (new,))):
        with pytest.raises(UntrustedAnswer):
            get_as_of(config, Found((), (), freshness), NOW)
