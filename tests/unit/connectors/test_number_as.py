"""Student numbers that a system keeps as integers, without their leading zeros, and moments as it writes them."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.json_paths import read_json
from app.connectors.reading import (
    NumberAs,
    get_as_of,
    judge_action,
    parse_moment,
    read_records,
    require_student,
)
from app.connectors.sql.rows import require_folded
from app.domain.conventions import USUAL
from app.domain.person import NumberForm
from tests.fixtures.connectors import list_faults, read_config

EIGHT = replace(USUAL, numbers=NumberForm(pattern="[0-9]{8}"))
NOW = datetime(2026, 6, 10, 12, tzinfo=UTC)
SECTION: dict[str, Any] = {
    "kind": "http_json",
    "base_url": "https://library.example.edu.cn",
    "path": "/readers",
    "method": "GET",
    "number_in": "query",
    "number_name": "no",
    "credential_in": "none",
    "number_as": "integer",
    "success": {"code": 0},
    "echo": "no",
    "rows_path": "rows",
    "rows": "many",
    "count": "total",
    "record_number": "no",
    "no_record": "never",
    "fields": {"books": {"path": "books", "type": "count"}},
}


def read(number: str, **changes: Any) -> Any:
    answer = {"code": 0, "no": 420013, "total": 1, "rows": [{"no": 420013, "books": 2}]} | changes
    config = read_config(SECTION, conventions=EIGHT)
    return read_records(config, read_json(json.dumps(answer)), number)


def test_an_integer_means_the_number_with_its_zeros() -> None:
    assert read("00420013") == ({"books": 2},)


@pytest.mark.parametrize("total", ["2", "0", "01", "１", "1 ", "", None, True, 1.0, "1.0"])
def test_another_number_of_rows_is_refused_though_texts_count(total: object) -> None:
    config = read_config(SECTION | {"count_as": "either"}, conventions=EIGHT)
    answer = {"code": 0, "no": 420013, "total": "1", "rows": [{"no": 420013, "books": 2}]}
    assert read_records(config, read_json(json.dumps(answer)), "00420013")
    with pytest.raises(UntrustedAnswer):
        read_records(config, read_json(json.dumps(answer | {"total": total})), "00420013")


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"total": "1"}, FailureCode.WRONG_COUNT),
        ({"no": 420014}, FailureCode.WRONG_STUDENT),
        ({"no": 4200130}, FailureCode.WRONG_STUDENT),
        ({"no": -420013}, FailureCode.WRONG_STUDENT),
        ({"no": "420013"}, FailureCode.WRONG_TYPE),
        ({"no": "00420013"}, FailureCode.WRONG_TYPE),
        ({"no": 420013.0}, FailureCode.WRONG_TYPE),
        ({"no": True}, FailureCode.WRONG_TYPE),
        ({"no": None}, FailureCode.WRONG_TYPE),
        ({"rows": [{"no": 420014, "books": 0}]}, FailureCode.WRONG_STUDENT),
    ],
)
def test_another_integer_is_another_student(changes: dict[str, Any], fault: FailureCode) -> None:
    with pytest.raises(UntrustedAnswer) as caught:
        read("00420013", **changes)
    assert caught.value.fault is fault


@pytest.mark.parametrize("number", ["TS420013", "42001３", "420013X"])
def test_a_number_that_is_not_of_digits_is_no_integer(number: str) -> None:
    with pytest.raises(UntrustedAnswer):
        require_student(EIGHT, 420013, number, NumberAs.INTEGER)


def test_integers_are_refused_at_start_where_two_numbers_may_be_one() -> None:
    assert list_faults(EIGHT, library=SECTION) == []
    (told,) = list_faults(USUAL, library=SECTION)
    assert told.startswith("connectors.library.number_as is integer, and by [numbers] pattern two numbers")
    # What it guards from: by the usual pattern both are numbers, and one integer.
    for number in ("00420013", "420013"):
        require_student(USUAL, 420013, number, NumberAs.INTEGER)


def test_without_the_key_an_integer_is_no_student_number() -> None:
    with pytest.raises(UntrustedAnswer):
        require_student(EIGHT, 420013, "00420013")


def test_an_actions_answer_may_echo_an_integer_too() -> None:
    cancel = {"path": "/x", "method": "POST", "number_in": "form", "number_name": "n", "echo": "no"}
    table = SECTION | {"actions": {"cancel": cancel | {"confirmed": {"done": True}}}}
    shape = read_config(table, conventions=EIGHT).actions["cancel"]
    answer: Any = {"no": 420013, "done": True}
    assert judge_action(shape, shape.echo, answer, "00420013", NumberAs.INTEGER) is ActionOutcome.CONFIRMED
    with pytest.raises(UntrustedAnswer):
        judge_action(shape, shape.echo, answer, "00420014", NumberAs.INTEGER)


@pytest.mark.parametrize("number", [420013, Decimal(420013), Decimal("420013.00")])
def test_a_column_of_integers_has_one_form_alone(number: object) -> None:
    require_folded(EIGHT.numbers, [(number,)], NumberAs.INTEGER)
    with pytest.raises(UntrustedAnswer):
        require_folded(EIGHT.numbers, [(number,)])


@pytest.mark.parametrize(
    "number", ["00420013", None, True, Decimal("1.5"), Decimal("NaN"), Decimal("Infinity")]
)
def test_what_is_no_integer_makes_the_view_unavailable(number: object) -> None:
    with pytest.raises(UntrustedAnswer):
        require_folded(EIGHT.numbers, [(number,)], NumberAs.INTEGER)


SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("YYYY/MM/DD HH:mm:ss", "2026/06/10 08:30:00"),
        ("YYYYMMDDHHmmss", "20260610083000"),
        ("YYYYMMDDHHmmss", 20260610083000),
        ("YYYY年M月D日 HH:mm", "2026年6月10日 08:30"),
        ("epoch_seconds", 1781051400),
        ("epoch_milliseconds", "1781051400000"),
        ("YYYY-MM-DDTHH:mm:ss.fZ", "2026-06-10T00:30:00.000+0000"),
    ],
)
def test_a_moment_is_read_by_its_format(written: str, value: object) -> None:
    moment = datetime(2026, 6, 10, 0, 30, tzinfo=UTC)
    assert parse_moment(value, SHANGHAI, NOW, (written,)) == moment
    with pytest.raises(UntrustedAnswer):
        parse_moment(value, SHANGHAI, NOW)


def test_a_day_as_a_moment_is_its_first_one() -> None:
    found = parse_moment("20260610", SHANGHAI, NOW, ("YYYYMMDD",))
    assert found == datetime(2026, 6, 9, 16, tzinfo=UTC)


@pytest.mark.parametrize("value", ["20260611", "2026-06-10", True, None, "", 20260610.5])
def test_a_moment_to_come_or_of_another_format_is_refused(value: object) -> None:
    with pytest.raises(UntrustedAnswer):
        parse_moment(value, SHANGHAI, NOW, ("YYYYMMDD",))


def test_the_formats_of_moments_reach_the_answers_own_and_need_one() -> None:
    keys = {"as_of": "at", "fresh_for_minutes": 60, "time_zone": "UTC", "moment_formats": ["epoch_seconds"]}
    config = read_config(SECTION | keys, conventions=EIGHT)
    assert get_as_of(config, {"at": 1781051400}, NOW) == datetime(2026, 6, 10, 0, 30, tzinfo=UTC)
    assert list_faults(EIGHT, x=SECTION | {"moment_formats": ["YYYY"]}) == [
        "connectors.x.moment_formats has 'YYYY', which must name a year, a month and a day, each once"
    ]
    assert list_faults(EIGHT, x=SECTION | {"moment_formats": ["YYYYMMDD"]}) == [
        "connectors.x.moment_formats needs as_of"
    ]
