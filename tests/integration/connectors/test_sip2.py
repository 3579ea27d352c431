"""The pretend library by SIP2: its facts, its faults, cancelling a card, and how the connector travels."""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.connectors.base import ActionOutcome, Connector, FailureCode
from app.connectors.client import perform_action, query_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from tests.campus.client import CampusClient, running_campus
from tests.campus.credentials import DEMO
from tests.campus.facts import LibraryLoans
from tests.campus.sip2_server import Sip2Library
from tests.campus.sip2_wire import read_request, seal, write_patron
from tests.campus.state import COMMON_FAULTS, Fault, State
from tests.conftest import get_free_port
from tests.fixtures.connectors import connect_all
from tests.integration.connectors.test_transport import make_certificate
from tests.unit.connectors.sip2.library import demo_section

STUDENT = "TS23000002"
CLEARED = {"overdue_books": 0, "fine": Decimal("0.00"), "violations": 0, "card_status": "cancelled"}
FAULTS = sorted(set(COMMON_FAULTS) - {Fault.NONE, Fault.TIMEOUT_AFTER})
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture(scope="module")
def library_port() -> int:
    return get_free_port()


@pytest.fixture(scope="module")
def shared_library(library_port: int) -> Iterator[CampusClient]:
    with running_campus(0, "--sip2-port", str(library_port)) as campus:
        yield campus


@pytest.fixture
def library(shared_library: CampusClient) -> CampusClient:
    shared_library.reset()
    return shared_library


def build(port: int, **changes: Any) -> Connector:
    section = demo_section(port=port, login_password=DEMO.library_loans_token, deadline_seconds=1, **changes)
    return connect_all({"library": section})["library"]


@pytest.fixture
def connector(library: CampusClient, library_port: int) -> Connector:
    return build(library_port)


def ask(connector: Connector, number: str = STUDENT) -> Reading | DepartmentUnavailable:
    return query_systems({"library": connector}, number, 10)["library"]


def records_of(connector: Connector, number: str = STUDENT) -> tuple[Any, ...]:
    answer = ask(connector, number)
    assert isinstance(answer, Reading), answer
    return answer.records


def fault_of(connector: Connector, number: str = STUDENT) -> str:
    answer = ask(connector, number)
    assert isinstance(answer, DepartmentUnavailable), answer
    return answer.fault


def cancel(connector: Connector, number: str) -> ActionOutcome:
    return perform_action(connector, "cancel-card", number, 10)


def test_the_library_says_what_it_holds(connector: Connector) -> None:
    assert records_of(connector) == (CLEARED,)
    assert records_of(connector, "TS23000003") == (
        {"overdue_books": 2, "fine": Decimal("12.50"), "violations": 1, "card_status": "active"},
    )


def test_a_change_at_the_library_is_seen_at_once(connector: Connector, library: CampusClient) -> None:
    library.set_facts(STUDENT, "library_loans", books=3)
    assert records_of(connector)[0]["overdue_books"] == 3


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_makes_the_library_unavailable_in_time_and_it_comes_back_alone(
    connector: Connector, library: CampusClient, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    library.set_fault("library_loans", fault)
    started = time.monotonic()
    answer = ask(connector)
    assert time.monotonic() - started < 4
    assert isinstance(answer, DepartmentUnavailable)
    shown = caplog.text + repr(answer)
    assert STUDENT not in shown
    assert DEMO.library_loans_token not in shown
    library.set_fault("library_loans")
    assert records_of(connector) == (CLEARED,)


def test_the_faults_are_told_apart(connector: Connector, library: CampusClient) -> None:
    told = {}
    for fault in FAULTS:
        library.set_fault("library_loans", fault)
        told[fault] = fault_of(connector)
    assert (
        told
        | {
            Fault.TIMEOUT: "timeout",
            Fault.DRIP: "timeout",
            Fault.RESET: "disconnected",
            Fault.HTTP_401: "credential_refused",
            Fault.HTML_LOGIN: "not_sip2",
            Fault.REDIRECT: "sequence",
            Fault.BAD_JSON: "checksum",
            Fault.HUGE: "too_large",
            Fault.WRONG_STUDENT: "wrong_student",
            Fault.TWO_STUDENTS: "duplicate_key",
        }
        == told
    )


def test_a_card_is_cancelled_and_cancelling_it_again_is_confirmed(
    connector: Connector, library: CampusClient
) -> None:
    assert cancel(connector, "TS23000001") is ActionOutcome.CONFIRMED
    assert library.get_facts("TS23000001", "library_loans")["card"] == "cancelled"
    assert records_of(connector, "TS23000001") == (CLEARED,)
    assert cancel(connector, "TS23000001") is ActionOutcome.CONFIRMED


def test_a_refusal_is_told_as_one(connector: Connector) -> None:
    assert cancel(connector, "TS23000011") is ActionOutcome.REFUSED


@pytest.mark.parametrize("fault", sorted(set(COMMON_FAULTS) - {Fault.NONE}))
def test_after_any_fault_cancelling_is_unknown_and_was_asked_for_at_most_once(
    connector: Connector, library: CampusClient, fault: Fault
) -> None:
    library.set_fault("library_loans", fault)
    assert cancel(connector, "TS23000001") is ActionOutcome.UNKNOWN
    sent = [call for call in library.calls("library_loans") if call["address"] == "SIP2 01"]
    assert len(sent) <= 1


def test_a_card_cancelled_behind_a_time_out_is_seen_by_asking_again(
    connector: Connector, library: CampusClient
) -> None:
    library.set_fault("library_loans", "timeout_after")
    assert cancel(connector, "TS23000001") is ActionOutcome.UNKNOWN
    assert records_of(connector, "TS23000001") == (CLEARED,)


def test_a_number_with_a_delimiter_never_leaves(connector: Connector, library: CampusClient) -> None:
    assert fault_of(connector, f"TS1|AA{STUDENT}") == "odd_student_number"
    assert cancel(connector, f"TS1|AA{STUDENT}") is ActionOutcome.UNKNOWN
    assert library.calls("library_loans") == []


def test_the_question_about_the_status_alone_is_understood(library: CampusClient, library_port: int) -> None:
    fields = {"card_status": {"path": "ZC", "type": "text", "values": {"9": "cancelled"}}}
    connector = build(library_port, question="status", fields=fields, currency=None)
    assert records_of(connector) == ({"card_status": "cancelled"},)
    assert [call["address"] for call in library.calls("library_loans")] == ["SIP2 23"]


def test_a_wrong_password_is_a_fault_of_its_own(library: CampusClient, library_port: int) -> None:
    section = demo_section(port=library_port, login_password="wrong")
    connector = connect_all({"library": section})["library"]
    assert fault_of(connector) == "credential_refused"


def test_nobody_listening_is_unreachable(library_port: int) -> None:
    assert fault_of(build(get_free_port())) == "unreachable"


def test_many_students_at_once_get_each_their_own(connector: Connector, library: CampusClient) -> None:
    numbers = [f"TS9{number:07d}" for number in range(40)]
    for place, number in enumerate(numbers):
        library.set_facts(number, "library_loans", books=place)
    found: dict[str, int] = {}

    def look(number: str) -> None:
        found[number] = records_of(connector, number)[0]["overdue_books"]

    threads = [threading.Thread(target=look, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: place for place, number in enumerate(numbers)}


# --- servers that the campus does not have


@contextmanager
def serving(handler: Handler, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> Iterator[int]:
    """A TCP server in a thread of its own; yields its port."""
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(asyncio.start_server(handler, host, 0, ssl=tls))
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.run_until_complete(_end(server))
        loop.close()


async def _end(server: asyncio.Server) -> None:
    """Close the server and every connection that it still has."""
    server.close()
    conversations = asyncio.all_tasks() - {asyncio.current_task()}
    for conversation in conversations:
        conversation.cancel()
    await asyncio.wait_for(asyncio.gather(*conversations, return_exceptions=True), 5)
    await asyncio.sleep(0.1)  # the loop's turns in which the connections end


def test_a_certificate_that_nobody_vouches_for_is_refused_and_a_trusted_one_is_not(tmp_path: Path) -> None:
    certificate, tls = make_certificate(tmp_path)
    with serving(Sip2Library(State(), DEMO).serve, tls) as port:
        assert fault_of(build(port, tls=True)) == "tls"
        assert records_of(build(port, tls=True, host="localhost", ca_file=str(certificate))) == (CLEARED,)


def test_a_certificate_of_another_name_is_refused(tmp_path: Path) -> None:
    certificate, tls = make_certificate(tmp_path)
    with serving(Sip2Library(State(), DEMO).serve, tls, "127.0.0.2") as port:
        assert fault_of(build(port, tls=True, host="127.0.0.2", ca_file=str(certificate))) == "tls"


def answering(body: str, encoding: str, terminator: bytes) -> Handler:
    """A server without a login that answers everything with the same 64."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readuntil(terminator)
        request = read_request(line.removesuffix(terminator), encoding)
        writer.write(seal(body, request.sequence, encoding)[:-1] + terminator)
        await writer.drain()
        writer.close()

    return handle


@pytest.mark.parametrize("encoding", ["gbk", "gb18030", "utf-8"])
def test_names_in_the_librarys_encoding_do_not_disturb_the_facts(encoding: str) -> None:
    body = write_patron("64", STUDENT, LibraryLoans()).replace("AE读者", "AE倈")
    with serving(answering(body, encoding, b"\r\n")) as port:
        connector = build(port, encoding=encoding, terminator="crlf", login_user=None)
        assert records_of(connector) == (CLEARED,)


def test_another_encoding_than_the_configured_one_is_a_fault() -> None:
    body = write_patron("64", STUDENT, LibraryLoans())
    with serving(answering(body, "gbk", b"\r")) as port:
        assert fault_of(build(port, encoding="utf-8", login_user=None)) == FailureCode.ENCODING
        assert records_of(build(port, encoding="gbk", login_user=None)) == (CLEARED,)


def test_another_end_than_the_configured_one_is_never_taken_for_an_answer() -> None:
    body = write_patron("64", STUDENT, LibraryLoans())
    with serving(answering(body, "utf-8", b"\r")) as port:
        assert fault_of(build(port, terminator="crlf", login_user=None)) in {"timeout", "disconnected"}


def test_an_answer_of_long_ago_is_refused_however_good_it_looks() -> None:
    body = write_patron("64", STUDENT, LibraryLoans())
    old = f"{body[:19]}19900101{body[27:]}"
    with serving(answering(old, "utf-8", b"\r")) as port:
        assert fault_of(build(port, login_user=None)) == FailureCode.MALFORMED_DAY
    with serving(answering(body, "utf-8", b"\r")) as port:
        assert records_of(build(port, login_user=None)) == (CLEARED,)


def test_two_answers_in_one_connection_do_not_become_the_next_students() -> None:
    other = write_patron("64", "TS23000009", LibraryLoans())

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = read_request((await reader.readuntil(b"\r"))[:-1])
        own = write_patron("64", request.fields["AA"], LibraryLoans(books=1))
        writer.write(seal(own, request.sequence) + seal(other, request.sequence))
        await writer.drain()
        writer.close()

    with serving(handle) as port:
        connector = build(port, login_user=None)
        assert records_of(connector)[0]["overdue_books"] == 1
        assert records_of(connector, "TS23000009")[0]["overdue_books"] == 1
