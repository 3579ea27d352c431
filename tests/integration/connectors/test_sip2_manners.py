"""Libraries that depart from the standard, over TCP: each is understood by a key of its own, and refused without it."""

from __future__ import annotations

from typing import Any

import pytest

from app.connectors.base import ActionOutcome
from tests.campus.credentials import DEMO
from tests.campus.sip2_server import Sip2Library
from tests.campus.sip2_wire import Manner
from tests.campus.state import State
from tests.integration.connectors.test_sip2 import CLEARED, build, cancel, fault_of, records_of, serving
from tests.unit.connectors.sip2.library import demo_section

OWING = "TS23000003"
SPELT = {"path": "BV", "type": "money", "unit": "yuan", "formats": ["bare_point", "spaces"]}
FIELDS = {"fields": demo_section()["fields"] | {"fine": SPELT}}
MANNERS: dict[str, tuple[Manner, dict[str, Any], str]] = {
    "no checksum": (Manner(checksum=False), {"checksum": "none"}, "not_sip2"),
    "constant sequence": (Manner(sequence="9"), {"sequence": "any"}, "sequence"),
    "no currency": (Manner(currency=False), {"without_currency": True}, "missing_field"),
    "no fee": (Manner(no_fee=False), {"without_fee": True}, "missing_field"),
    "blanks": (Manner(fee=" {}"), FIELDS, "odd_number"),
    "all of them": (
        Manner(checksum=False, currency=False, no_fee=False, fee="  {}"),
        {"checksum": "none", "without_currency": True, "without_fee": True, **FIELDS},
        "not_sip2",
    ),
}


@pytest.mark.parametrize(("manner", "keys", "fault"), MANNERS.values(), ids=MANNERS)
def test_a_library_is_understood_by_its_key_and_refused_without(
    manner: Manner, keys: dict[str, Any], fault: str
) -> None:
    with serving(Sip2Library(State(), DEMO, manner).serve) as port:
        connector = build(port, **keys)
        assert records_of(connector) == (CLEARED,)
        (record,) = records_of(connector, OWING)
        assert (record["overdue_books"], str(record["fine"])) == (2, "12.50")
        assert fault_of(build(port)) == fault


@pytest.mark.parametrize(("manner", "keys"), [case[:2] for case in MANNERS.values()], ids=MANNERS)
def test_a_card_is_cancelled_at_such_a_library_too(manner: Manner, keys: dict[str, Any]) -> None:
    with serving(Sip2Library(State(), DEMO, manner).serve) as port:
        connector = build(port, **keys)
        assert cancel(connector, "TS23000001") is ActionOutcome.CONFIRMED
        assert cancel(connector, "TS23000011") is ActionOutcome.REFUSED
