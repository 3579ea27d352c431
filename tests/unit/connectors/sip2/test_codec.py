"""SIP2 messages byte by byte: checksums, sequence numbers, encodings, and that nothing damaged is read."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.sip2.codec import (
    Dialect,
    Message,
    Terminator,
    get_checksum,
    read_message,
    require_sendable,
    write_date,
    write_message,
)
from tests.campus.sip2_wire import checksum, seal

UTF_8 = Dialect(encoding="utf-8", terminator=Terminator.CR)
GBK = Dialect(encoding="gbk", terminator=Terminator.CRLF)
ANSWER = b"941AY3AZFDFA"


def fault_of(
    raw: bytes, code: str = "94", length: int = 1, sequence: int = 3, dialect: Dialect = UTF_8
) -> str:
    with pytest.raises(UntrustedAnswer) as caught:
        read_message(dialect, raw, code, length, sequence)
    return str(caught.value.fault)


@pytest.mark.parametrize(
    "example",
    [
        "941AY3AZFDFA",
        "6300119980723    091905Y         AOInstitutionID|AAPatronID|BP00001|BQ00005|AY1AZEA83",
        "01N19960213    162352AO|ALCARD BLOCK TEST|AA104000000705|AC|AY2AZF02F",
    ],
)
def test_the_checksums_of_the_standards_own_examples_come_out(example: str) -> None:
    assert f"{get_checksum(example[:-4].encode()):04X}" == example[-4:]


def test_a_written_message_is_the_standards_example() -> None:
    fields = {"AO": "InstitutionID", "AA": "PatronID", "BP": "00001", "BQ": "00005"}
    written = write_message(UTF_8, "6300119980723    091905Y         ", fields, 1)
    assert written == (
        b"6300119980723    091905Y         AOInstitutionID|AAPatronID|BP00001|BQ00005|AY1AZEA83\r"
    )


def test_the_standards_answer_to_a_login_is_read() -> None:
    assert read_message(UTF_8, ANSWER, "94", 1, 3) == Message("1", {})


def test_a_date_is_eighteen_characters_in_utc() -> None:
    assert write_date(datetime(2026, 6, 1, 8, 5, 9, tzinfo=UTC)) == "20260601   Z080509"


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", FailureCode.NOT_SIP2),
        (b"941", FailureCode.NOT_SIP2),
        (b"941AY3AZFDFB", FailureCode.CHECKSUM),
        (b"940AY3AZFDFA", FailureCode.CHECKSUM),
        (b"\n941AY3AZFDFA", FailureCode.CHECKSUM),
        (b"941AY3AZFDF", FailureCode.NOT_SIP2),
        (b"941AY3AZFDFA|", FailureCode.NOT_SIP2),
        ("941AY３AZFDFA".encode(), FailureCode.NOT_SIP2),
        (seal("941", "4")[:-1], FailureCode.SEQUENCE),
        (seal("961", "3")[:-1], FailureCode.NOT_SIP2),
        (seal("94", "3")[:-1], FailureCode.NOT_SIP2),
        (seal("941AF好|", "3", "gbk")[:-1], FailureCode.ENCODING),
        (seal("941AAx", "3")[:-1], FailureCode.NOT_SIP2),
        (seal("941AAx||", "3")[:-1], FailureCode.NOT_SIP2),
        (seal("941aax|", "3")[:-1], FailureCode.NOT_SIP2),
        (seal("941AAx|AAx|", "3")[:-1], FailureCode.DUPLICATE_KEY),
    ],
)
def test_a_message_that_is_not_whole_is_refused(raw: bytes, fault: str) -> None:
    assert fault_of(raw) == fault


def test_screen_messages_may_repeat_and_are_no_facts() -> None:
    raw = seal("941AFone|AFtwo|AAx|", "3")[:-1]
    assert read_message(UTF_8, raw, "94", 1, 3).fields == {"AA": "x"}


def test_a_gbk_character_may_hold_the_byte_of_the_delimiter() -> None:
    name = "倈国"
    assert b"|" in name.encode("gbk")
    raw = seal(f"941AE{name}|AAx|", "3", "gbk")[:-1]
    assert read_message(GBK, raw, "94", 1, 3).fields == {"AE": name, "AA": "x"}
    assert len(raw.split(b"|")) > 3, "a reader that splits the bytes would see a field more"


@pytest.mark.parametrize("value", ["a|b", "a\rb", "a\nAY1", "\x00", "\u2028"])
def test_a_value_cannot_end_its_field_or_its_message(value: str) -> None:
    with pytest.raises(UntrustedAnswer):
        write_message(UTF_8, "63", {"AO": value}, 0)


def test_a_value_that_the_encoding_lacks_is_not_sent() -> None:
    with pytest.raises(UntrustedAnswer):
        write_message(GBK, "63", {"AO": "𠮷"}, 0)


@pytest.mark.parametrize("number", ["", "TS23|AATS24", "TS 23", "TS23\r", "TS２３", "x" * 65])
def test_only_letters_and_digits_are_sent_as_a_number(number: str) -> None:
    with pytest.raises(UntrustedAnswer):
        require_sendable(number)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused_by_name(raw: bytes) -> None:
    assume(raw != ANSWER)
    assert fault_of(raw) in set(FailureCode)


@given(st.text(st.characters(codec="gb18030"), max_size=60))
def test_any_text_behind_a_right_checksum_is_read_or_refused_by_name(text: str) -> None:
    covered = f"941{text}AY3AZ".encode("gb18030")
    dialect = Dialect(encoding="gb18030", terminator=Terminator.CR)
    try:
        found: str = read_message(dialect, covered + checksum(covered).encode(), "94", 1, 3).header
    except UntrustedAnswer as refusal:
        found = refusal.fault
    assert found in {"1", *FailureCode}


values = st.text(
    st.characters(codec="gb18030", exclude_categories=("C", "Z"), exclude_characters="|"), max_size=20
)


@given(st.dictionaries(st.sampled_from(["AA", "AO", "BV", "CN", "AL", "XX"]), values), st.integers(0, 9))
def test_what_is_written_is_read_back(fields: dict[str, str], sequence: int) -> None:
    dialect = Dialect(encoding="gb18030", terminator=Terminator.CRLF)
    try:
        written = write_message(dialect, "941", fields, sequence)
    except UntrustedAnswer:
        assume(False)
    raw = written.removesuffix(b"\r\n")
    assert read_message(dialect, raw, "94", 1, sequence) == Message("1", fields)


@given(st.data())
def test_no_changed_byte_goes_unseen(data: st.DataObject) -> None:
    raw = seal("941AATS23000002|BV0.00|", "3")[:-1]
    place = data.draw(st.integers(0, len(raw) - 1))
    byte = data.draw(st.integers(0, 255).filter(lambda value: value != raw[place]))
    damaged = raw[:place] + bytes((byte,)) + raw[place + 1 :]
    assume(damaged.upper() != raw)  # the checksum's letters may be small
    assert fault_of(damaged) in set(FailureCode)
