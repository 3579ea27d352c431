"""Real shapes of answers, each over its own protocol: with its keys the status is the one of the table, and without them
nobody is cleared.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine

from app.config_model import read
from app.connectors.base import Connector
from app.connectors.client import close_connectors, query_systems
from app.connectors.registry import build_connectors
from app.domain.clearance import DepartmentUnavailable, Status
from app.domain.composed_rules import RULES
from app.domain.conventions import USUAL
from app.domain.person import NumberForm
from app.domain.rules import FactMissing, judge_reading
from tests.campus.sip2_wire import seal
from tests.fixtures.connectors import read_config
from tests.integration.connectors import stand_in
from tests.integration.connectors.answer_shapes import (
    CLEARED,
    DOCUMENT,
    MARK,
    SHAPES,
    STUDENT,
    UNAVAILABLE,
    Shape,
    Table,
    make_table,
)
from tests.integration.connectors.test_sip2 import serving

INTEGER = "00420013"
SQL: Table = {
    "kind": "sql",
    "statement": "SELECT xh, x, at FROM v",
    "number_column": "xh",
    "rows": "one",
    "no_record": "never",
    "freshness_column": "at",
    "fresh_for_minutes": 60,
    "time_zone": "UTC",
}
SIP2: Table = {
    "kind": "sip2",
    "host": "127.0.0.1",
    "tls": False,
    "encoding": "utf-8",
    "question": "information",
    "success": {"BL": "Y"},
    "no_record": "never",
    "currency": "CNY",
}


@pytest.fixture(scope="module")
def server() -> Iterator[stand_in.StandIn]:
    with stand_in.running_stand_in() as running:
        yield running


@contextmanager
def reach_http(shape: Shape, server: stand_in.StandIn, _folder: Path) -> Iterator[Table]:
    body = shape.answer.replace("<now>", str(int(time.time())))
    if not shape.is_whole:
        body = f'{{"code": 0, "no": "{STUDENT}", "rows": {body}}}'
    kind = shape.content_type or ("text/xml" if shape.kind == "http_xml" else "application/json")
    first = [stand_in.response(each.encode(shape.encoding)) for each in shape.first]
    server.will_answer(*first, stand_in.response(body.encode(shape.encoding), content_type=kind))
    yield stand_in.SECTION | {"kind": shape.kind, "base_url": server.url}


@contextmanager
def reach_sql(shape: Shape, _server: stand_in.StandIn, folder: Path) -> Iterator[Table]:
    url = f"sqlite:///{folder / 'v.sqlite3'}"
    number = int(INTEGER) if shape.keys else f"'{STUDENT}'"
    engine = create_engine(url)
    with engine.begin() as owner:
        owner.exec_driver_sql("DROP TABLE IF EXISTS v")
        owner.exec_driver_sql(f"CREATE TABLE v AS SELECT {number} xh, {shape.answer} x, CURRENT_TIMESTAMP at")
    engine.dispose()
    statement = "SELECT xh, x, at FROM v WHERE CAST(xh AS INTEGER) = CAST(:student_number AS INTEGER)"
    yield SQL | {"url": url, "statement": statement}


@contextmanager
def reach_sip2(shape: Shape, _server: stand_in.StandIn, _folder: Path) -> Iterator[Table]:
    body = shape.answer.replace("<now>", f"{datetime.now(UTC):%Y%m%d    %H%M%S}")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r")
        with closing(writer):
            writer.write(seal(body, shape.sequence or "0") if shape.is_sealed else f"{body}\r".encode())
            await writer.drain()

    with serving(answer) as port:
        yield SIP2 | {"port": port}


KINDS = {"http_json": reach_http, "http_xml": reach_http, "sql": reach_sql, "sip2": reach_sip2}
"""How the answer of a shape is sent: the table by which its system is reached."""


def find_status(shape: Shape, section: Table) -> str:
    """The status of the student by the shape's rule."""
    campus = replace(USUAL, numbers=NumberForm(pattern=shape.pattern))
    rule = read(RULES[shape.rule["rule"]], {k: v for k, v in shape.rule.items() if k != "rule"}, "", [])
    config = read_config(section, "x", campus)
    connector: Connector = build_connectors({"x": config})["x"]
    number = INTEGER if "number_as" in shape.keys else STUDENT
    try:
        answer = query_systems({"step": connector}, number, 10)["step"]
    finally:
        close_connectors([connector])
    if isinstance(answer, DepartmentUnavailable):
        return UNAVAILABLE
    try:
        return judge_reading(rule, Status.UNAVAILABLE, answer).status
    except FactMissing:
        return UNAVAILABLE


def build_section(reached: Table, shape: Shape, needed: Table, keys: Table) -> dict[str, Any]:
    """The table that reaches the system, with these keys of the shape; a credential in the body has no other name."""
    base = dict(shape.base)
    others = {name: {"path": name, **base.pop(name)} for name in ("on",) if name in base}
    fields = {"x": {"path": "x", **shape.fact, **needed}, **others}
    section = {**reached, **base, **keys, "fields": fields}
    unused = ("credential", "credential_name") if section.get("credential_in") == "none" else ()
    unused += ("number_name",) if section.get("number_in") == "body" else ()
    return {key: value for key, value in section.items() if key not in unused}


@pytest.mark.parametrize("shape", SHAPES, ids=[shape.says for shape in SHAPES])
def test_an_answer_has_the_status_of_the_table_by_its_keys_and_is_never_cleared_without(
    shape: Shape, server: stand_in.StandIn, tmp_path: Path
) -> None:
    def ask(needed: Table, keys: Table) -> str:
        with KINDS[shape.kind](shape, server, tmp_path) as reached:
            return find_status(shape, build_section(reached, shape, needed, keys))

    assert ask(shape.needed, shape.keys) == shape.status
    assert shape.is_plain == (not shape.needed and not shape.keys)
    if shape.needed:
        assert ask({}, shape.keys) == UNAVAILABLE
    if shape.keys:
        assert ask(shape.needed, {}) == UNAVAILABLE


def test_the_table_in_the_documents_is_this_one() -> None:
    found = MARK.search(DOCUMENT.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == found[1] + make_table(SHAPES) + found[2], "out of date: run make docs"
    assert len({shape.says for shape in SHAPES}) == len(SHAPES)
    assert {shape.status for shape in SHAPES} > {CLEARED, UNAVAILABLE}
