"""What to write in a connector's table for a fault, told by what stands in the answer and in the table already: more exact
than the advice for the fault alone. No value is told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from app.connectors.base import FailureCode
from app.connectors.config import ConnectorConfig
from app.connectors.field_keys import NUMBERS, FieldType, JsonType
from app.connectors.fields import Field
from app.connectors.http.client import HttpConfig
from app.connectors.tracing import NOT_THERE, find
from app.domain.exchanges import Exchange
from app.domain.json_reading import Json

_CHARSET = re.compile(r'charset\s*=\s*"?([\w.\-]+)', re.IGNORECASE)
_ENCODINGS = {"gbk": "gbk", "gb2312": "gbk", "cp936": "gbk", "gb18030": "gb18030", "utf-8": "utf-8"}
_VOUCHED = "where its makers vouch for it"


def advise_fact(field: Field, found: object, fault: str) -> str:
    """What to do about a fact that was not understood; empty where only the fault's own advice helps."""
    if isinstance(found, list):
        return (
            "it stands twice, or as a list, where one value is read: the department must say which counts; if these are "
            "rows, rows_path must lead to them"
        )
    if fault == FailureCode.WRONG_TYPE and found is None:
        return _advise_null(field)
    if field.type is FieldType.DAY and fault in (FailureCode.WRONG_TYPE, FailureCode.MALFORMED_DAY):
        return _advise_day(field, found)
    if field.type in NUMBERS and fault == FailureCode.MALFORMED_NUMBER:
        return "; ".join(_list_number_keys(field, str(found)))
    return ""


def _advise_null(field: Field) -> str:
    if field.type in NUMBERS:
        return (
            f'null is no number: null = "0" if it means 0, {_VOUCHED}; empty = true if it means that nothing is known, which '
            "settles no step"
        )
    return "null is refused: empty = true if nothing is a known meaning"


def _advise_day(field: Field, found: object) -> str:
    wanted = " or ".join(field.formats) or "YYYY-MM-DD"
    is_number = isinstance(found, int) and not isinstance(found, bool)
    key = ""
    if is_number and field.json_type is JsonType.STRING:
        key = ', and json = "number"'
    elif isinstance(found, str) and field.formats and field.json_type is JsonType.NUMBER:
        key = ', and json = "string"'
    return (
        f"it is not written as {wanted}: write the form that it has into formats, such as YYYY/MM/DD, YYYYMMDD or "
        f"epoch_milliseconds{key}; what stands for no day wants empty = true"
    )


def _list_number_keys(field: Field, text: str) -> Iterator[str]:
    """The keys that let a text be a number."""
    number = text.strip()
    if not any(sign.isdecimal() for sign in number):
        yield f"it has no digit: zero names the texts that mean 0, {_VOUCHED}"
        return
    for key in ("prefix", "suffix"):
        number = getattr(number, f"remove{key}")(getattr(field, key)).strip()
    if text != text.strip():
        yield 'there are blanks around it: formats = ["spaces"]'
    if number.startswith("-"):
        yield "it is below 0: may_be_negative = true if that is a credit and no debt"
    if re.match(r"[^\d.,-]", number) or re.search(r"[^\d.,]$", number):
        yield "something stands around its digits: name it by prefix or suffix"
    if "," in number:
        yield 'it has commas: formats = ["thousands"] if they part thousands'
    if number.lstrip("-").startswith("."):
        yield 'no digit stands before its point: formats = ["bare_point"]'
    if re.search(r"\.\d*0$", number):
        yield 'zeros stand at its end: formats = ["zeros"]'
    yield "look at type and unit (fen are whole)"


def advise_answer(
    config: ConnectorConfig, exchanges: list[Exchange], documents: Mapping[str, Json], fault: str
) -> str:
    """What to do about an answer that was refused as a whole; `documents` are the answers by the number asked about."""
    if not isinstance(config, HttpConfig):
        return ""
    last = exchanges[-1] if exchanges else None
    if fault == FailureCode.CONTENT_TYPE and last is not None:
        return _advise_type(config, last)
    if fault == FailureCode.CREDENTIAL_REFUSED and config.token is not None:
        return (
            "the token was refused: look at placed_in, name and prefix of [.token], at the rights of its id, and whether this "
            "machine's address must be admitted; beside it at credential and [.secrets], if the system wants them too"
        )
    if config.cursor is None:
        return ""
    if fault == FailureCode.REPEATED_PAGE:
        return (
            "a cursor or a row came twice: look at cursor_name and cursor_in of [.cursor] (a system that does not know it "
            "begins anew), at next, and at end"
        )
    if fault in (FailureCode.WRONG_TYPE, FailureCode.MISSING_FIELD):
        return next((told for each in documents.values() if (told := _advise_end(config, each))), "")
    return ""


def _advise_type(config: HttpConfig, last: Exchange) -> str:
    header = next(
        (value for name, value in last.answer_headers.items() if name.lower() == "content-type"), ""
    )
    if not header:
        return 'the answer has no Content-Type: if the body is right, content_types = ["none"]'
    charset = _CHARSET.search(header)
    named = _ENCODINGS.get(charset[1].lower()) if charset else None
    if named is not None and named != config.encoding and "html" not in header.lower():
        return f'the Content-Type names another encoding than the key encoding: encoding = "{named}", if the body is written so'
    return ""


def _advise_end(config: HttpConfig, document: Json) -> str:
    cursor = config.cursor
    assert cursor is not None
    found = find(document, cursor.next)
    ends = {"": "empty", None: "null", NOT_THERE: "missing"}
    end = next((end for value, end in ends.items() if found is value or found == value), None)
    if end is None or cursor.end == end:
        return ""
    return (
        f'no further cursor stands at next: end = "{end}" of [.cursor], if that is how the last page says so'
    )
