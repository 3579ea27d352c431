"""What somebody may do, looked up at each request of staff, among the grants of a large university."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from statistics import median

from sqlalchemy import event, insert

from app.extensions import db
from app.models import StaffGrant, write_transaction
from app.models.engine import get_reader
from app.services.authenticated_rows import sign_row
from app.services.clock import get_now
from app.services.staff.grants import load_grants
from tests.fixtures.office import Office, open_office
from tests.fixtures.staff import grant
from tests.postgres import running_postgres

PEOPLE = 2_000
TURNS, LOOKS = 8, 400
APP, STEP = "graduate_departure", "dormitory"
CLERK, STAND_IN, HEAD = "00420018", "00420017", "00420019"
ASKED = "0.3 ms"

Row = tuple[str, str, str]


def run() -> list[Row]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with tempfile.TemporaryDirectory() as folder, open_office(Path(folder)) as office:
        rows = list(_measure(office, "SQLite"))
    with tempfile.TemporaryDirectory() as folder, running_postgres() as server:
        url = server.get_url(server.create_database())
        with open_office(Path(folder), database_url=url) as office:
            rows += _measure(office, "PostgreSQL")
    return rows


def _measure(office: Office, database: str) -> list[Row]:
    _fill(office)
    who = {"a clerk": CLERK, "a stand-in": STAND_IN, "nobody's": "00420001"}
    rows = [
        (f"grants of {name}, {database}", f"{_time(office, number):.3f} ms", ASKED)
        for name, number in who.items()
    ]
    return [(f"statements for them, {database}", str(_count(office, STAND_IN)), "1"), *rows]


def _fill(office: Office) -> None:
    now, keys = get_now(), office.installation.row_keys
    signed = [sign_row(keys, StaffGrant, _make_row(place), now) for place in range(PEOPLE)]
    with write_transaction() as session:
        session.execute(insert(StaffGrant), signed)
    place = {"mini_app": APP, "step": STEP}
    head = grant(office.app, HEAD, "head", **place)
    grant(office.app, CLERK, "desk", **place)
    grant(office.app, STAND_IN, "desk", delegated_from=head, **place)


def _make_row(place: int) -> dict[str, object]:
    now = get_now()
    return {
        "staff_number": f"0077{place:04d}",
        "name": "测试人员",
        "role": "desk",
        "mini_app": APP,
        "step": STEP,
        "college": "",
        "period": "",
        "valid_from": now,
        "valid_until": None,
        "granted_by": HEAD,
        "granted_at": now,
        "reason": "测试",
        "delegated_from": None,
        "revoked_at": None,
        "revoked_by": None,
        "revocation_reason": None,
    }


def _time(office: Office, number: str) -> float:
    """Milliseconds of the wall clock: of some turns' medians the least, which other programs disturbed least."""
    return min(_time_turn(office, number) for _ in range(TURNS))


def _time_turn(office: Office, number: str) -> float:
    took = []
    for _ in range(LOOKS):
        now, begun = get_now(), time.perf_counter()
        load_grants(office.installation, number, now)
        took.append(time.perf_counter() - begun)
    return 1000 * median(took)


def _count(office: Office, number: str) -> int:
    """How many statements one look sends."""
    is_postgres = db.engine.dialect.name == "postgresql"
    engine = get_reader(db.engine) if is_postgres else db.engine
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_others: object) -> None:
        sent.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    load_grants(office.installation, number, get_now())
    event.remove(engine, "before_cursor_execute", note)
    return len(sent)
