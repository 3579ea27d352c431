"""The connector against pysip2, a SIP2 server that others wrote: two readings of one protocol that must agree."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pysip2 import SIP2Server

from app.connectors.base import ActionOutcome, Connector, FailureCode
from app.connectors.client import perform_action, query_systems
from app.domain.clearance import DepartmentUnavailable, Reading
from tests.fixtures.connectors import connect_all
from tests.integration.connectors.independent_library import (
    ALL_DENIED,
    PASSWORD,
    Library,
    change_a_letter,
    relaying,
    serving,
)
from tests.unit.connectors.sip2.library import demo_section

STUDENT = "TS23000002"
CARD = {"path": "blocked.extent", "type": "text", "values": {"none": "active", "all": "cancelled"}}
STATUS_FACT = {"card_status": CARD}
# A server without a field of the card's own: for a cancelled card it sets one flag more than for a debarred reader.
DENIALS = ["charge_denied", "renewal_denied", "recall_denied", "hold_denied"]
MISDEEDS = ["too_many_claims_returned", "too_many_lost", "too_many_billed"]
BY_FLAGS: dict[str, Any] = {
    "groups": {"blocked": [*DENIALS, "card_reported_lost"], "misdeeds": MISDEEDS},
    "fields": demo_section()["fields"] | STATUS_FACT,
    "actions": {
        "cancel-card": {
            "message": "毕业离校",
            "confirmed": {"BL": "Y", "blocked": {"extent": "all"}},
            "refused": {"BL": "Y", "blocked": {"extent": "none"}},
        }
    },
}


@pytest.fixture
def library() -> Library:
    return Library()


@pytest.fixture
def port(library: Library) -> Iterator[int]:
    with serving(library.make_server()) as port:
        yield port


def build(port: int, **changes: Any) -> Connector:
    access = {"port": port, "login_password": PASSWORD, "deadline_seconds": 5}
    section = demo_section(**(BY_FLAGS | access | changes))
    return connect_all({"library": section})["library"]


def ask(connector: Connector, number: str = STUDENT) -> Reading | DepartmentUnavailable:
    return query_systems({"library": connector}, number, 10)["library"]


def fault_of(connector: Connector) -> str:
    answer = ask(connector)
    assert isinstance(answer, DepartmentUnavailable), answer
    return answer.fault


def records_of(connector: Connector) -> tuple[Any, ...]:
    answer = ask(connector)
    assert isinstance(answer, Reading), answer
    return answer.records


def test_a_reader_with_nothing_open_is_read_so(library: Library, port: int) -> None:
    library.status = ALL_DENIED
    assert records_of(build(port)) == (
        {"overdue_books": 0, "fine": Decimal("0.00"), "violations": 0, "card_status": "cancelled"},
    )


def test_a_debarred_reader_is_not_read_as_one_whose_card_is_cancelled(library: Library, port: int) -> None:
    library.status = "YYYY" + " " * 10
    assert fault_of(build(port)) == FailureCode.UNKNOWN_VALUE


def test_books_fees_and_marks_are_read_as_the_server_wrote_them(library: Library, port: int) -> None:
    library.charged, library.fee = "0002", "12.50"
    library.status = " " * 8 + "Y" + " " * 4 + "Y"
    assert records_of(build(port)) == (
        {"overdue_books": 2, "fine": Decimal("12.50"), "violations": 2, "card_status": "active"},
    )


def test_the_shorter_question_is_understood_too(library: Library, port: int) -> None:
    library.status = ALL_DENIED
    connector = build(port, question="status", fields=STATUS_FACT, currency=None)
    assert records_of(connector) == ({"card_status": "cancelled"},)


def test_a_block_arrives_as_it_was_meant_and_is_seen_afterwards(library: Library, port: int) -> None:
    connector = build(port)
    assert records_of(connector)[0]["card_status"] == "active"
    assert perform_action(connector, "cancel-card", STUDENT, 10) is ActionOutcome.CONFIRMED
    (block,) = library.blocks
    assert block.patron_identifier == STUDENT
    assert block.institution_id == "CUMT"
    assert block.blocked_card_message == "毕业离校"
    assert block.card_retained == "N"
    assert records_of(connector)[0]["card_status"] == "cancelled"


def test_a_block_that_changes_nothing_is_a_refusal(library: Library, port: int) -> None:
    library.refuses = True
    assert perform_action(build(port), "cancel-card", STUDENT, 10) is ActionOutcome.REFUSED
    assert len(library.blocks) == 1


def test_another_delimiter_is_spoken_by_both(library: Library) -> None:
    with serving(library.make_server(field_delimiter="^")) as port:
        assert records_of(build(port, delimiter="^"))[0]["overdue_books"] == 0


def test_a_wrong_password_is_told_and_nothing_is_asked(library: Library, port: int) -> None:
    connector = build(port, login_password="wrong")
    assert fault_of(connector) == FailureCode.CREDENTIAL_REFUSED
    assert perform_action(connector, "cancel-card", STUDENT, 10) is ActionOutcome.UNKNOWN
    assert library.blocks == []


def test_without_a_login_the_server_ends_the_conversation(port: int) -> None:
    assert fault_of(build(port, login_user=None, login_password=None)) == FailureCode.DISCONNECTED


def test_another_readers_answer_is_refused(library: Library, port: int) -> None:
    library.answers_for = "TS23000009"
    connector = build(port)
    assert fault_of(connector) == FailureCode.WRONG_STUDENT
    assert perform_action(connector, "cancel-card", STUDENT, 10) is ActionOutcome.UNKNOWN


def test_the_servers_no_to_a_question_it_does_not_know_is_no_success() -> None:
    """Its standard answer to what it has no handler for: valid patron N and no name."""
    with serving(SIP2Server(encoding="utf-8")) as port:
        connector = build(port, login_user=None, login_password=None)
        assert fault_of(connector) == FailureCode.NO_SUCCESS
        assert perform_action(connector, "cancel-card", STUDENT, 10) is ActionOutcome.UNKNOWN


# --- checksums: a line that changes a letter


def test_an_answer_that_changed_on_its_way_is_refused(library: Library, port: int) -> None:
    with relaying(port) as honest, relaying(port, answers=change_a_letter) as changing:
        assert records_of(build(honest))[0]["overdue_books"] == 0
        assert fault_of(build(changing)) == FailureCode.CHECKSUM


def test_a_block_whose_answer_changed_on_its_way_is_unknown_and_was_sent_once(
    library: Library, port: int
) -> None:
    with relaying(port, answers=change_a_letter) as changing:
        assert perform_action(build(changing), "cancel-card", STUDENT, 10) is ActionOutcome.UNKNOWN
    assert len(library.blocks) == 1


def test_the_server_refuses_what_changed_on_its_way_to_it(library: Library, port: int) -> None:
    """It checks our checksums, too: its 96, "send again", is no answer to the question."""
    with relaying(port, requests=change_a_letter) as changing:
        connector = build(changing)
        assert fault_of(connector) == FailureCode.NOT_SIP2
        assert perform_action(connector, "cancel-card", STUDENT, 10) is ActionOutcome.UNKNOWN
    assert library.blocks == []
