"""What a patron's answer proves: every fact as mapped, and nothing that was not said."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.connectors.base import ActionOutcome, FailureCode, UntrustedAnswer
from app.connectors.reading import judge_action
from app.connectors.sip2.codec import Message
from app.connectors.sip2.patron import FLAGS, PATRON, make_document, require_recent
from app.domain.clearance import Status
from app.domain.rules import AllSettled
from tests.campus.facts import LibraryLoans
from tests.campus.sip2_faults import spoil
from tests.campus.sip2_wire import seal, write_patron
from tests.campus.state import Fault as CampusFault
from tests.unit.connectors.sip2.library import (
    CLEARED,
    STUDENT,
    demo_config,
    demo_section,
    prove,
    reseal,
    write_answer,
)

RULE = AllSettled(zero=("overdue_books", "fine", "violations"), equals={"card_status": ("cancelled",)})
SPOILT = (
    CampusFault.ERROR_ENVELOPE,
    CampusFault.NULL_DATA,
    CampusFault.MISSING_FIELDS,
    CampusFault.WRONG_STUDENT,
    CampusFault.TWO_STUDENTS,
    CampusFault.DUPLICATE_KEYS,
    CampusFault.NAN,
    CampusFault.UNKNOWN_VALUE,
)


def fault_of(raw: bytes, **changes: Any) -> str:
    with pytest.raises(UntrustedAnswer) as caught:
        prove(demo_config(**changes), raw)
    return str(caught.value.fault)


def change(old: str, new: str, held: LibraryLoans = CLEARED) -> bytes:
    """An answer with a piece of its text replaced and its checksum right again."""
    body = write_patron("64", STUDENT, held)
    assert old in body
    return seal(body.replace(old, new, 1), "1")[:-1]


def test_the_facts_are_the_mapped_fields() -> None:
    held = LibraryLoans(books=2, debt="12.50", violations=1, card="active")
    assert prove(demo_config(), write_answer(held)) == (
        {"overdue_books": 2, "fine": Decimal("12.50"), "violations": 1, "card_status": "active"},
    )
    assert RULE.judge(prove(demo_config(), write_answer())).status is Status.CLEARED


@pytest.mark.parametrize("fault", SPOILT)
def test_every_spoilt_answer_is_refused(fault: CampusFault) -> None:
    raw = seal(spoil("63", STUDENT, fault), "1")[:-1]
    with pytest.raises(UntrustedAnswer):
        prove(demo_config(), raw)


def read_leniently(raw: bytes) -> dict[str, Any]:
    """A reader as one would write it in a hurry: the last field counts, what is missing is nothing."""
    text = raw.decode()
    fields = {part[:2]: part[2:] for part in text[61:].split("|")}
    counts = text[37:61]
    try:
        fine = float(fields.get("BV") or 0)
    except ValueError:
        fine = 0.0
    return {
        "overdue_books": int(counts[8:12].strip() or 0),
        "fine": 0 if fine != fine else fine,
        "violations": text[10:16].count("Y"),
        "card_status": "active" if text[2] == " " and fields.get("BL") == "Y" else "cancelled",
    }


@pytest.mark.parametrize("fault", SPOILT)
def test_a_lenient_reader_would_let_the_student_go(fault: CampusFault) -> None:
    """The negative control: each of these answers looks like a cleared one."""
    found = read_leniently(seal(spoil("63", STUDENT, fault), "1")[:-1])
    assert found == {"overdue_books": 0, "fine": 0, "violations": 0, "card_status": "cancelled"}


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("BV0.00|", "", FailureCode.MISSING_FIELD),
        ("BV0.00|", "BV|", FailureCode.MALFORMED_NUMBER),
        ("BV0.00|", "BV-5.00|", FailureCode.MALFORMED_NUMBER),
        ("BV0.00|", "BV¥0.00|", FailureCode.MALFORMED_NUMBER),
        ("BV0.00|", "BV０.００|", FailureCode.MALFORMED_NUMBER),
        ("BV0.00|", "BV1e-9|", FailureCode.MALFORMED_NUMBER),
        ("BHCNY|", "BHUSD|", FailureCode.UNKNOWN_VALUE),
        ("BHCNY|", "", FailureCode.MISSING_FIELD),
        ("BLY|", "BLN|", FailureCode.NO_SUCCESS),
        ("BLY|", "BL1|", FailureCode.NO_SUCCESS),
        ("BLY|", "", FailureCode.NO_SUCCESS),
        ("AE读者0002|", "AE|", FailureCode.NO_SUCCESS),
        ("AE读者0002|", "AE  |", FailureCode.NO_SUCCESS),
        ("AE读者0002|", "", FailureCode.MISSING_FIELD),
        (f"AA{STUDENT}|", f"AA{STUDENT}9|", FailureCode.WRONG_STUDENT),
        ("ZC9|", "", FailureCode.MISSING_FIELD),
        ("ZC9|", "ZC5|", FailureCode.UNKNOWN_VALUE),
        (f"AA{STUDENT}|", "", FailureCode.MISSING_FIELD),
        ("YYYY", "YYYN", FailureCode.NOT_SIP2),
        ("00000000000000000000AO", "000   0 0000 00 0000AO", FailureCode.MALFORMED_NUMBER),
    ],
)
def test_nothing_is_assumed(old: str, new: str, fault: str) -> None:
    assert fault_of(change(old, new)) == fault


def test_a_system_that_does_not_count_makes_the_count_unavailable() -> None:
    body = write_patron("64", STUDENT, CLEARED)
    blank = seal(body[:37] + " " * 24 + body[61:], "1")[:-1]
    assert fault_of(blank) == FailureCode.WRONG_TYPE


def test_an_unknown_patron_is_not_taken_for_a_cancelled_one_even_by_a_careless_configuration() -> None:
    careless = {"success": {"BL": ["Y", "N"]}}
    assert fault_of(write_answer(None), **careless) == FailureCode.NO_SUCCESS
    assert fault_of(write_answer(None)) == FailureCode.NO_SUCCESS


MARKED: dict[str, Any] = {"no_record": "marked", "no_record_mark": {"BL": "N"}}


def test_an_unknown_patron_is_no_record_where_that_is_configured() -> None:
    assert prove(demo_config(**MARKED), write_answer(None)) == ()


@pytest.mark.parametrize(
    ("old", "new"), [("BV0.00|", "BV3.00|"), ("AE|", "AE读者|"), ("0" * 24, "0" * 8 + "0002" + "0" * 12)]
)
def test_an_unknown_patron_who_owes_something_is_a_contradiction(old: str, new: str) -> None:
    body = write_patron("64", STUDENT, None)
    assert old in body
    assert fault_of(seal(body.replace(old, new, 1), "1")[:-1], **MARKED) == FailureCode.CONTRADICTION


def test_a_status_answer_has_flags_and_no_counts() -> None:
    fields = {"card_status": {"path": "ZC", "type": "text", "values": {"9": "cancelled"}}}
    groups = {"blocked": ["charge_denied", "renewal_denied", "recall_denied", "hold_denied"]}
    config = demo_config(question="status", fields=fields, groups=groups, currency=None)
    body = write_patron("24", STUDENT, CLEARED)
    message = Message(body[2:37], {part[:2]: part[2:] for part in body[37:-1].split("|")})
    document = make_document(config, message, STUDENT)
    assert document["blocked"] == {"count": "4", "extent": "all"}
    assert "charged_items" not in document


@pytest.mark.parametrize(
    ("card", "valid", "outcome"),
    [
        ("9", "Y", ActionOutcome.CONFIRMED),
        ("1", "Y", ActionOutcome.REFUSED),
        ("5", "Y", ActionOutcome.UNKNOWN),
        ("9", "N", ActionOutcome.UNKNOWN),
    ],
)
def test_only_the_cards_own_field_confirms_a_cancelling(
    card: str, valid: str, outcome: ActionOutcome
) -> None:
    """Whatever the flags say: a debarred reader's are all set as well."""
    config = demo_config()
    header = "YYYY" + " " * (len(FLAGS) - 4) + "01920260601    080509"
    fields = {"AA": STUDENT, "BL": valid, "ZC": card}
    document = make_document(config, Message(header, fields), STUDENT)
    assert judge_action(config.actions["cancel-card"], (PATRON,), document, STUDENT) is outcome


def test_a_debarred_reader_is_not_one_whose_card_is_cancelled() -> None:
    debarred = LibraryLoans(card="active", debarred=True)
    assert write_answer(debarred)[2:6] == write_answer()[2:6] == b"YYYY"
    (record,) = prove(demo_config(), write_answer(debarred))
    assert record["card_status"] == "active"
    assert RULE.judge((record,)).status is Status.OUTSTANDING


def test_read_by_the_denials_alone_the_debarred_reader_would_be_let_go() -> None:
    """The negative control, and why a configuration that does so stops the start."""
    path = {"path": "blocked.extent", "type": "text", "values": {"all": "cancelled", "none": "active"}}
    denials = ["charge_denied", "renewal_denied", "recall_denied", "hold_denied"]
    section = demo_section(groups={"blocked": denials, "misdeeds": ["too_many_lost"]})
    config = demo_config(groups=section["groups"], fields=section["fields"] | {"card_status": path})
    (record,) = prove(config, write_answer(LibraryLoans(card="active", debarred=True)))
    assert RULE.judge((record,)).status is Status.CLEARED
    assert config.get_weakness("card_status") != ""


def test_a_patron_in_other_letters_or_with_blanks_is_the_same_student() -> None:
    for written in (STUDENT.lower(), f" {STUDENT}  ", f"\u00a0{STUDENT}"):
        assert prove(demo_config(), change(f"AA{STUDENT}|", f"AA{written}|"))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("00000000000000000000AO", "00000000000200000000AO"),
        ("019", "Y   019"),
        ("0000" * 6, "0000" + "0002" + "0000" * 4),
    ],
    ids=["fine items", "flag of fines", "overdue beyond charged"],
)
def test_a_fee_of_nothing_beside_fines_is_a_contradiction(old: str, new: str) -> None:
    body = write_patron("64", STUDENT, CLEARED)
    if new.startswith("Y"):
        body = body[:12] + "Y" + body[13:]
    else:
        assert old in body
        body = body.replace(old, new, 1)
    raw = seal(body, "1")[:-1]
    assert read_leniently(raw)["fine"] == 0
    assert fault_of(raw) == FailureCode.CONTRADICTION


COUNTED = ("hold_items", "overdue_items", "charged_items", "fine_items", "recall_items", "unavailable_holds")


def write_patron_who(
    *flags: str, more: str = "", held: LibraryLoans = CLEARED, **counts: int | None
) -> bytes:
    """A sealed answer about a patron with these flags more, these counts, and these fields behind."""
    body = write_patron("64", STUDENT, held)
    marks = "".join("Y" if name in flags else mark for name, mark in zip(FLAGS, body[2:16], strict=True))
    given = {name: counts.get(name, 0) for name in COUNTED}
    numbers = "".join("    " if value is None else f"{value:04d}" for value in given.values())
    return seal(f"64{marks}{body[16:37]}{numbers}{body[61:]}{more}", "1")[:-1]


@pytest.mark.parametrize(
    "raw",
    [
        write_patron_who("too_many_overdue"),
        write_patron_who("recall_overdue"),
        write_patron_who("too_many_charged"),
        write_patron_who("excessive_fees"),
        write_patron_who("card_reported_lost"),
        write_patron_who(recall_items=1),
        write_patron_who(overdue_items=1),
        write_patron_who(fine_items=1),
        write_patron_who(more="AU图书一|"),
        write_patron_who(more="AT图书一|"),
        write_patron_who(more="BU图书一|"),
        write_patron_who(more="AV逾期|"),
        write_patron_who(more="AU图书一|AU图书二|", charged_items=1),
        write_patron_who("too_many_overdue", charged_items=2),
        write_patron_who(more="BU图书一|", charged_items=None, recall_items=None),
    ],
)
def test_an_answer_that_says_nothing_is_open_and_something_is_contradicts_itself(raw: bytes) -> None:
    assert fault_of(raw) == FailureCode.CONTRADICTION


@pytest.mark.parametrize(
    "raw",
    [
        write_patron_who(),
        write_patron_who("too_many_renewals", hold_items=2, unavailable_holds=1),
        write_patron_who(more="AU|AS预约|CD预约|AF欢迎|"),
    ],
)
def test_what_speaks_of_nothing_open_passes(raw: bytes) -> None:
    """The control: such answers are read, and clear; so it is the contradiction that is refused above."""
    assert RULE.judge(prove(demo_config(), raw)).status is Status.CLEARED


def test_books_that_are_counted_and_listed_are_books_and_no_contradiction() -> None:
    raw = write_patron_who(
        "too_many_charged", "too_many_overdue", "recall_overdue", more="AU一|AT一|BU一|",
        charged_items=2, overdue_items=1, recall_items=1,
    )  # fmt: skip
    (record,) = prove(demo_config(), raw)
    assert record["overdue_books"] == 2


@pytest.mark.parametrize("said", ["CQN|", "CQ1|"])
def test_a_patron_whose_password_is_not_valid_is_refused_unless_the_configuration_knows_it(said: str) -> None:
    assert fault_of(write_patron_who(more=said)) == FailureCode.NO_SUCCESS
    known = {"success": {"BL": "Y", "CQ": ["Y", "N", "1"]}}
    assert RULE.judge(prove(demo_config(**known), write_patron_who(more=said))).status is Status.CLEARED
    assert prove(demo_config(), write_patron_who(more="CQY|"))
    assert prove(demo_config(), write_patron_who(more="CQ|"))


def test_a_validity_that_no_mark_asks_for_is_heeded_all_the_same() -> None:
    marked = {"success": {"ZC": ["1", "9"]}}
    assert fault_of(change("BLY|", "BLN|"), **marked) == FailureCode.NO_SUCCESS
    assert prove(demo_config(**marked), change("BLY|", "BLY|"))


def test_a_lost_card_is_believed_where_the_configuration_says_what_it_means() -> None:
    section = demo_section()
    lost = {"path": "card_reported_lost", "type": "text", "values": {"yes": "lost", "no": "held"}}
    config = demo_config(fields=section["fields"] | {"card": lost})
    assert prove(config, write_patron_who("card_reported_lost"))[0]["card"] == "lost"


@pytest.mark.parametrize("raw", [write_patron_who("too_many_lost"), write_patron_who(more="AU图书一|")])
def test_an_unknown_patron_with_something_open_is_a_contradiction(raw: bytes) -> None:
    text = raw.decode()[:-9].replace("AE读者0002|BLY|", "AE|BLN|")
    assert fault_of(seal(text, "1")[:-1], **MARKED) == FailureCode.CONTRADICTION


@pytest.mark.parametrize(
    "date",
    [
        "19900101    020000",
        "20991231    235959",
        "20260231    020000",
        "20260601    250000",
        "00000000    000000",
    ],
)
def test_an_answer_of_another_day_is_refused(date: str) -> None:
    with pytest.raises(UntrustedAnswer):
        require_recent(Message(" " * 14 + "019" + date, {}), datetime(2026, 6, 1, 2, tzinfo=UTC))


@pytest.mark.parametrize("date", ["20260601    020000", "20260601   Z020000", "20260602    160000"])
def test_an_answer_of_now_by_any_clock_is_recent(date: str) -> None:
    message, now = Message(" " * 14 + "019" + date, {}), datetime(2026, 6, 1, 2, tzinfo=UTC)
    require_recent(message, now)
    with pytest.raises(UntrustedAnswer):
        require_recent(message, now + timedelta(days=4))


BARE: dict[str, Any] = {"checksum": "none"}
FEE = {"path": "BV", "type": "money", "unit": "yuan", "formats": ["bare_point", "spaces"]}
MANNERS: dict[str, dict[str, Any]] = {
    "standard": {},
    "checksum": BARE,
    "sequence": {"sequence": "any"},
    "fee": {"without_fee": True},
    "currency": {"without_currency": True},
    "written": {"fields": demo_section()["fields"] | {"fine": FEE}},
}


CONFIGS = {name: demo_config(**keys) for name, keys in MANNERS.items()}


@pytest.mark.parametrize(
    ("said", "changes"),
    [
        ("", {"without_fee": True}),
        ("BV.00|", MANNERS["written"]),
        ("BV 0|", MANNERS["written"]),
        ("BV  .0 |", MANNERS["written"]),
    ],
)
def test_no_fee_is_read_as_a_library_says_it_by_a_key_alone(said: str, changes: dict[str, Any]) -> None:
    raw = change("BV0.00|", said)
    assert RULE.judge(prove(demo_config(**changes), raw)).status is Status.CLEARED
    with pytest.raises(UntrustedAnswer):
        prove(demo_config(), raw)


@pytest.mark.parametrize(
    ("said", "changes"),
    [("", {"without_fee": True}), ("BV.00|", MANNERS["written"]), ("BV 0.00|", MANNERS["written"])],
)
@pytest.mark.parametrize(
    "raw",
    [write_patron_who("excessive_fines"), write_patron_who(fine_items=1), write_patron_who(more="AV逾期|")],
)
def test_no_fee_beside_fines_is_a_contradiction_however_it_is_said(
    raw: bytes, said: str, changes: dict[str, Any]
) -> None:
    text = raw[:-9].decode().replace("BV0.00|", said)
    assert fault_of(seal(text, "1")[:-1], **changes) == FailureCode.CONTRADICTION


def test_a_currency_that_is_said_must_be_the_configured_one_and_may_be_missing_by_a_key_alone() -> None:
    known = {"without_currency": True}
    assert prove(demo_config(**known), change("BHCNY|", ""))
    assert fault_of(change("BHCNY|", "BHUSD|"), **known) == FailureCode.UNKNOWN_VALUE


def test_without_a_checksum_an_answer_is_read_by_a_key_alone_and_a_wrong_one_is_never() -> None:
    bare = write_patron("64", STUDENT, CLEARED).encode()
    assert RULE.judge(prove(demo_config(**BARE), bare)).status is Status.CLEARED
    assert fault_of(bare) == FailureCode.NOT_SIP2
    whole = write_answer(sequence="7")
    assert prove(demo_config(**BARE), whole)
    assert fault_of(whole.replace("读者".encode(), "读書".encode()), **BARE) == FailureCode.CHECKSUM
    for cut in (bare[:-1], bare[:-3], bare + b"AY1", bare + b"AY1AZ12"):
        assert fault_of(cut, **BARE) == FailureCode.NOT_SIP2


def test_without_a_checksum_a_bit_that_flipped_on_its_way_is_not_seen() -> None:
    """What the key costs: 1 and 9 are one bit apart."""
    active = write_answer(LibraryLoans(card="active"))
    flipped = active.replace(b"ZC1|", b"ZC9|")
    assert fault_of(flipped) == fault_of(flipped, **BARE) == FailureCode.CHECKSUM
    assert RULE.judge(prove(demo_config(**BARE), active[:-9])).status is Status.OUTSTANDING
    assert RULE.judge(prove(demo_config(**BARE), flipped[:-9])).status is Status.CLEARED


def test_any_sequence_number_is_taken_by_a_key_alone() -> None:
    raw = write_answer(sequence="0")
    assert fault_of(raw) == FailureCode.SEQUENCE
    assert prove(demo_config(sequence="any"), raw)
    other = b"1" if raw.endswith(b"0") else b"0"
    assert fault_of(raw[:-1] + other, sequence="any") == FailureCode.CHECKSUM


@pytest.mark.parametrize("manner", MANNERS)
@settings(max_examples=150)
@given(st.data())
def test_an_owing_student_is_never_cleared_by_a_changed_answer_with_a_right_checksum(
    manner: str,
    data: st.DataObject,
) -> None:
    """Pieces are cut out, doubled and moved: unless the money itself was changed, it is still owed."""
    body = write_patron("64", STUDENT, LibraryLoans(debt="12.50")).encode()
    kept = b"BV12.50|"
    pieces = [piece + b"|" for piece in body.split(b"|") if piece]
    moved = data.draw(st.lists(st.sampled_from(pieces), max_size=12))
    cut = data.draw(st.integers(0, 61))
    text = pieces[0][:cut] + b"".join(moved) + kept
    raw = text if manner == "checksum" else reseal(text, "4" if manner == "sequence" else "1")
    try:
        records = prove(CONFIGS[manner], raw)
    except UntrustedAnswer:
        return
    assert RULE.judge(records).status is Status.OUTSTANDING
