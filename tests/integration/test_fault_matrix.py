"""Every fault of every system, as a student meets it on the page and at submit: nobody passes by it."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
import requests
from sqlalchemy import create_engine, text
from werkzeug.serving import make_server

from app.connectors.base import ActionOutcome, Connector
from app.connectors.client import Answer, query_systems
from app.domain.clearance import Reading
from app.extensions import db
from app.factory import create_app
from app.services.clearance import clearances, live
from app.services.clearance.proofs import PageLooks
from app.services.installation import InstalledMiniApp
from app.settings import RoundSettings, load_settings
from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO
from tests.campus.state import COMMON_FAULTS, SYSTEMS_OF, VALUE_FAULTS, Fault
from tests.conftest import Service, get_free_port
from tests.integration.test_manual import ALL_CLEARED
from tests.running import running_service
from tests.visitor import APP, Visitor, get_csrf_token, list_statuses

SYSTEMS = tuple(ALL_CLEARED)
TOGETHER = (("library_loans", "archive", "finance"), ("library_thesis", "dormitory"))
"""Systems that fail at the same time; the others show that they are not affected."""
FAULTS = tuple(fault for fault in COMMON_FAULTS if fault not in (Fault.NONE, Fault.TIMEOUT_AFTER))
LOOKING, SUBMITTING, UNLUCKY, WITH_A_CARD, HOPEFUL, FOUND_OUT = (f"TS9700000{place}" for place in range(6))
DEADLINE_SECONDS = 1.5
SLACK_SECONDS = 4.0
"""For the page itself on a busy machine: a page that hangs takes longer."""
LIMITS = {
    "LIXIAO_ROUND__DEADLINE_SECONDS": str(DEADLINE_SECONDS),
    "LIXIAO_RATE_LIMIT__REFRESH": "100000 per minute",
}
SLIPS_OF = "SELECT count(*) FROM submissions WHERE student_number = :student"


@dataclass(frozen=True)
class Student:
    """A signed-in student and the token of a form."""

    visitor: Visitor
    token: str

    def look(self) -> requests.Response:
        """The clearance page after the round."""
        return self.visitor.get(f"{APP}/clearance?wait=1")

    def submit(self) -> requests.Response:
        """Press submit, without following the redirect."""
        return self.visitor.http.post(
            f"{self.visitor.url}{APP}/submission",
            data={"csrf_token": self.token},
            timeout=60,
            allow_redirects=False,
        )


@dataclass(frozen=True)
class Cell:
    """What one student met while one system had one fault."""

    fault: Fault
    system: str
    way: str
    status: int
    statuses: Mapping[str, str]
    failing: Sequence[str]
    seconds: float

    @property
    def is_false_clear(self) -> bool:
        """Whether the system that proved nothing was taken for anything but unavailable."""
        return self.statuses.get(self.system) != "unavailable"

    @property
    def has_hurt_others(self) -> bool:
        """Whether an item of a healthy system is not what it is."""
        healthy = set(SYSTEMS) - set(self.failing)
        return any(self.statuses.get(system) != "cleared" for system in healthy)


Matrix = list[Cell]


def sign_in(url: str, number: str) -> Student:
    visitor = Visitor(url)
    return Student(visitor, get_csrf_token(visitor.sign_in(number, f"{APP}/submission")))


def fill_matrix(
    url: str,
    campus: CampusClient,
    submitting: str,
    faults: Sequence[Fault] = FAULTS,
    together: Sequence[Sequence[str]] = TOGETHER,
) -> Matrix:
    """One student looks while the other one submits, for each fault of each system."""
    ways: dict[str, Callable[[], requests.Response]] = {
        "query": sign_in(url, LOOKING).look,
        "submit": sign_in(url, submitting).submit,
    }
    matrix = []
    with ThreadPoolExecutor(len(ways)) as threads:
        for fault in faults:
            for failing in together:
                set_faults(campus, failing, fault)
                met = threads.map(lambda way: (way, *ask(ways[way])), ways)
                matrix += [
                    Cell(fault, system, way, answer.status_code, list_statuses(answer), failing, seconds)
                    for way, answer, seconds in met
                    for system in failing
                ]
                set_faults(campus, failing, Fault.NONE)
    return matrix


def set_faults(campus: CampusClient, systems: Sequence[str], fault: Fault) -> None:
    for system in systems:
        campus.set_fault(system, fault)


def ask(request: Callable[[], requests.Response]) -> tuple[requests.Response, float]:
    begun = time.monotonic()
    return request(), time.monotonic() - begun


def count_submissions(environment: Mapping[str, str], student: str) -> int:
    engine = create_engine(environment["LIXIAO_DATABASE__URL"])
    try:
        with engine.connect() as connection:
            return int(connection.execute(text(SLIPS_OF), {"student": student}).scalar_one())
    finally:
        engine.dispose()


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that waits for its departments no longer than the matrix can bear."""
    campus.reset()
    with running_service(campus, tmp_path_factory.mktemp("matrix"), LIMITS) as running:
        yield running


@pytest.fixture(scope="module")
def matrix(service: Service) -> Matrix:
    """Every cell."""
    return fill_matrix(service.url, service.campus, SUBMITTING)


def test_no_fault_of_any_system_clears_an_item(matrix: Matrix) -> None:
    assert [cell for cell in matrix if cell.is_false_clear] == []


def test_no_fault_of_any_system_lets_a_slip_out(service: Service, matrix: Matrix) -> None:
    assert [cell for cell in matrix if cell.way == "submit" and cell.status != 422] == []
    assert count_submissions(service.environment, SUBMITTING) == 0


def test_no_fault_of_any_system_fails_the_page(matrix: Matrix) -> None:
    assert [cell for cell in matrix if cell.way == "query" and cell.status != 200] == []


def test_no_fault_of_any_system_holds_the_page_past_its_deadline(matrix: Matrix) -> None:
    assert [cell for cell in matrix if cell.seconds > DEADLINE_SECONDS + SLACK_SECONDS] == []


def test_no_fault_of_any_system_touches_the_other_items(matrix: Matrix) -> None:
    assert [cell for cell in matrix if cell.has_hurt_others] == []


def test_every_fault_of_every_system_was_met_in_both_ways(
    matrix: Matrix, record_property: Callable[[str, object], None]
) -> None:
    met = {(cell.fault, cell.system, cell.way) for cell in matrix}
    assert len(met) == len(matrix) == len(FAULTS) * len(SYSTEMS) * 2
    record_property("table: faults x systems, query / submit: status, seconds", draw(matrix))


def draw(matrix: Matrix) -> str:
    """The matrix as text: what the item was, and how long the page took, when looked at and at submit."""
    lines = [f"{'':16}" + "".join(f"{system:>28}" for system in SYSTEMS)]
    found = {(cell.fault, cell.system, cell.way): cell for cell in matrix}
    for fault in FAULTS:
        cells = [tuple(found[fault, system, way] for way in ("query", "submit")) for system in SYSTEMS]
        lines.append(f"{fault:16}" + "".join(f"{_draw_cell(*pair):>28}" for pair in cells))
    return "\n".join(lines)


def _draw_cell(query: Cell, submit: Cell) -> str:
    return f"{query.statuses.get(query.system)} {query.seconds:.1f} / {submit.status} {submit.seconds:.1f}"


def test_a_card_cancelled_behind_a_time_out_is_told_as_cancelled_and_as_nothing_else(
    service: Service,
) -> None:
    service.campus.set_facts(WITH_A_CARD, "library_loans", card="active")
    visitor = service.visit()
    page = visitor.sign_in(WITH_A_CARD)
    assert list_statuses(page)["library_loans"] == "outstanding"
    service.campus.set_fault("library_loans", "timeout_after")
    answer = visitor.post(f"{APP}/clearance/library_loans/cancel-card", page)
    assert answer.status_code == 303
    service.campus.set_fault("library_loans")
    assert service.campus.get_facts(WITH_A_CARD, "library_loans")["card"] == "cancelled"
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1")) == ALL_CLEARED
    calls = service.campus.calls("library_loans", WITH_A_CARD)
    assert sum("/cancel" in call["address"] for call in calls) == 1


def read_breaker(service: Service, system: str) -> str:
    return str(requests.get(f"{service.url}/readyz", timeout=30).json()["systems"][system])


def test_an_open_breaker_is_unavailable_too_and_closes_when_the_system_is_back(service: Service) -> None:
    students = [sign_in(service.url, f"TS9710000{place}") for place in range(4)]
    service.campus.set_fault("finance", "refuse")
    with ThreadPoolExecutor(len(students)) as threads:
        list(threads.map(lambda place: students[place % 4].look(), range(12)))
        assert re.fullmatch(r"not asked for \d s after failures", read_breaker(service, "finance"))
        asked = len(service.campus.calls("finance"))
        page, refused = students[0].look(), students[1].submit()
    assert list_statuses(page) == ALL_CLEARED | {"finance": "unavailable"}
    assert refused.status_code == 422
    assert len(service.campus.calls("finance")) <= asked + 2  # a trial each, if the pause is over already
    service.campus.set_fault("finance")
    for _ in range(100):
        page = students[0].look()
        if list_statuses(page) == ALL_CLEARED:
            break
        time.sleep(0.2)
    assert list_statuses(page) == ALL_CLEARED
    assert read_breaker(service, "finance") == "answers"


class LenientFinance:
    """A connector as one writes it in a hurry: whatever is missing is nothing, and nothing is no arrears."""

    name = "finance"
    actions: frozenset[str] = frozenset()

    def __init__(self, campus_url: str) -> None:
        self._url = f"{campus_url}/systems/finance/arrears"

    async def fetch_reading(self, student_number: str) -> Reading:
        """The rows that could be read, none otherwise."""
        rows: list[dict[str, Any]] = []
        question = {"card_number": student_number, "token": DEMO.finance_token}
        timeout = aiohttp.ClientTimeout(total=DEADLINE_SECONDS / 2)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as client,
                client.post(self._url, json=question) as answer,
            ):
                rows = (await answer.json())["data"]["arrears"] or []
        except Exception:  # noqa: BLE001
            rows = []
        records = tuple({"amount": int(row.get("arrear_amount", 0))} for row in rows)
        return Reading(self.name, student_number, records, datetime.now(UTC))

    async def perform_action(self, action: str, student_number: str) -> ActionOutcome:
        """It has none."""
        return ActionOutcome.UNKNOWN

    async def close(self) -> None:
        """It keeps no connection."""


@contextmanager
def running_leniently(service: Service) -> Iterator[str]:
    """The product in this process, on the service's database, with the lenient connector; its address."""
    port = get_free_port()
    url = f"http://127.0.0.1:{port}"
    app = create_app(load_settings({**service.environment, "LIXIAO_SERVICE__BASE_URL": url}))
    connectors = app.extensions["installation"].mini_apps["graduate-departure"].connectors
    connectors["finance"] = LenientFinance(service.campus.url)
    server = make_server("127.0.0.1", port, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
        with app.app_context():
            db.engine.dispose()


LENIENT_FAULTS = (
    Fault.HTTP_500,
    Fault.NULL_DATA,
    Fault.REFUSE,
    Fault.HTML_LOGIN,
    Fault.MISSING_PAGE,
)


def believe(
    _installed: InstalledMiniApp,
    connectors: Mapping[str, Connector],
    number: str,
    limits: RoundSettings,
    *_: object,
) -> tuple[dict[str, Answer], dict[str, datetime]]:
    """What departments say, as it comes."""
    return query_systems(connectors, number, limits.deadline_seconds), {}


def test_a_lenient_connector_fails_the_same_matrix(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    # Where canary students are asked, even it clears nobody: see the next test.
    monkeypatch.setattr(live, "ask_proven", believe)
    monkeypatch.setattr(clearances, "begin_looks", lambda *_, **__: PageLooks({}, 0, 0))
    monkeypatch.setattr(clearances, "admit_to_page", lambda _installed, answers, *_, **__: dict(answers))
    with running_leniently(service) as url:
        lenient = fill_matrix(url, service.campus, UNLUCKY, LENIENT_FAULTS, [("finance",)])
    assert len([cell for cell in lenient if cell.way == "query" and cell.is_false_clear]) == len(
        LENIENT_FAULTS
    )
    assert [cell for cell in lenient if cell.way == "submit" and cell.status != 422]
    assert count_submissions(service.environment, UNLUCKY) == 1


def test_canary_students_find_a_lenient_connector_out(service: Service) -> None:
    with running_leniently(service) as url:
        lenient = fill_matrix(url, service.campus, FOUND_OUT, LENIENT_FAULTS, [("finance",)])
    assert [cell for cell in lenient if cell.is_false_clear] == []
    assert count_submissions(service.environment, FOUND_OUT) == 0


ONLY_SHOWN = {(Fault.FUTURE_DAY, "archive"), (Fault.FUTURE_DAY, "library_thesis")}
"""The day of the review and of handing in: no rule reads them."""
VALUES = [
    (fault, system)
    for fault in sorted(VALUE_FAULTS)
    for system in sorted(SYSTEMS_OF[fault])
    if (fault, system) not in ONLY_SHOWN
]
SAYS_NOTHING = {
    (Fault.SENTINEL_DAY, "dormitory"),
    (Fault.NOTHING_TEXT, "dormitory"),
    (Fault.NOTHING_TEXT, "archive"),
}
"""Where the configuration knows what nothing means: the item is outstanding, for which its canary students who should
pass may make it unavailable. Everywhere else it is unavailable.
"""


@pytest.mark.parametrize(("fault", "system"), sorted(ONLY_SHOWN))
def test_a_day_to_come_that_no_rule_reads_keeps_nobody(service: Service, fault: Fault, system: str) -> None:
    service.campus.set_fault(system, fault)
    statuses = list_statuses(sign_in(service.url, HOPEFUL).look())
    service.campus.set_fault(system)
    assert statuses[system] == "cleared"


def test_no_value_that_stands_for_nothing_and_no_missing_page_clears_an_item(
    service: Service, record_property: Callable[[str, object], None]
) -> None:
    """The last test of the module: canary students who get such answers make their step unavailable for a while."""
    cells = [
        cell
        for fault, system in VALUES
        for cell in fill_matrix(service.url, service.campus, HOPEFUL, [fault], [(system,)])
    ]
    wrong = [
        cell
        for cell in cells
        if cell.statuses.get(cell.system) != "unavailable"
        and ((cell.fault, cell.system) not in SAYS_NOTHING or cell.statuses[cell.system] != "outstanding")
    ]
    assert wrong == []
    assert {cell.status for cell in cells if cell.way == "submit"} == {422}
    assert len(cells) == len(VALUES) * 2
    assert count_submissions(service.environment, HOPEFUL) == 0
    record_property("values: fault, system, way, status", "\n".join(map(_tell, cells)))


def _tell(cell: Cell) -> str:
    return f"{cell.fault:14} {cell.system:16} {cell.way:8} {cell.statuses.get(cell.system)}"
