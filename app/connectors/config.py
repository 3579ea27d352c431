"""Reads the parts of an `http_json` table; the keys are explained in `http_config.py`."""

from __future__ import annotations

import re
from datetime import date
from enum import StrEnum
from typing import TypeVar

from app.connectors.fields import Field, FieldType, JsonType, MoneyUnit
from app.connectors.http.request import (
    BODY_PLACES,
    NUMBER_PLACEHOLDER,
    Credential,
    Place,
    PlainCredential,
    RequestShape,
    Signature,
    SignatureMethod,
    SignedCredential,
)
from app.connectors.json_paths import PATH_PATTERN, Mark, flatten
from app.domain.conventions import Conventions
from app.domain.json_reading import Path, parse_path
from app.domain.texts import ControlCharacter, clean_text
from app.tables import Table

E = TypeVar("E", bound=StrEnum)

NAME_PATTERN = r"[A-Za-z0-9_.\-]+"

_NUMBER_PLACES = (Place.PATH, Place.QUERY, Place.FORM, Place.JSON)
_CREDENTIAL_PLACES = (Place.HEADER, Place.QUERY, Place.FORM, Place.JSON)
_NO_CREDENTIAL = "none"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_ALWAYS_SIGNED = {"timestamp", "nonce", "student_number"}


def read_marks(table: Table, key: str) -> tuple[Mark, ...]:
    """A table of path = value, or list of values, each a text, a whole number, true or false."""
    marks = []
    for path, value in flatten(table.values(key)).items():
        values = tuple(value) if isinstance(value, list) else (value,)
        if not re.fullmatch(PATH_PATTERN, path):
            table.fault(f"{key}.{path}", "is not a path")
        elif not values or not all(isinstance(known, str | int) for known in values):
            table.fault(f"{key}.{path}", "must be a text, a whole number, true or false, or a list of them")
        else:
            marks.append(Mark(parse_path(path), values))
    if not marks and table.has(key):
        table.fault(key, "names no mark")
    return tuple(marks)


def read_optional_path(table: Table, key: str) -> Path | None:
    """A path that may be left out."""
    text = table.text(key, "", pattern=PATH_PATTERN)
    return parse_path(text) if text else None


def read_choice(table: Table, key: str, stand_in: E, choices: tuple[E, ...] = ()) -> E:
    """A member of the stand-in's enum, one of `choices` if given; the stand-in after noting a fault."""
    known = choices or tuple(type(stand_in))
    name = table.text(key, choices=known)
    return type(stand_in)(name) if name in known else stand_in


def read_request(table: Table, base_url: str, credential: Credential | None) -> RequestShape:
    """An address, a method and the student number's place."""
    path = table.text("path", pattern=r"/[A-Za-z0-9._~/?&=%,:@+{}\-]*")
    number_place = read_choice(table, "number_in", Place.QUERY, choices=_NUMBER_PLACES)
    method = table.text("method", choices=("GET", "POST"))
    shape = RequestShape(
        url=base_url + path,
        method=method,
        number_place=number_place,
        number_name="" if number_place is Place.PATH else table.text("number_name", pattern=NAME_PATTERN),
        credential=credential,
    )
    has_placeholder = _PLACEHOLDER.findall(path) == [NUMBER_PLACEHOLDER.strip("{}")]
    if has_placeholder != (number_place is Place.PATH) or ("{" in path and not has_placeholder):
        table.fault(
            "path", f"must hold {NUMBER_PLACEHOLDER} exactly if number_in is path, nothing else in braces"
        )
    _check_body(table, shape)
    return shape


def _check_body(table: Table, shape: RequestShape) -> None:
    places = {shape.number_place} | ({shape.credential.place} if shape.credential else set())
    body_places = places & BODY_PLACES
    if len(body_places) > 1:
        table.fault("number_in", "and credential_in name two kinds of body")
    if body_places and shape.method == "GET":
        table.fault("method", "must be POST to send a form or JSON")


def read_credential(table: Table) -> Credential | None:
    """The credential and where it goes; None for a system that asks for none."""
    place = table.text("credential_in", choices=(*_CREDENTIAL_PLACES, _NO_CREDENTIAL))
    if place not in _CREDENTIAL_PLACES:
        return None
    secret = table.secret("credential")
    if not (secret.isascii() and secret.isprintable()):
        table.fault("credential", "must be of printable ASCII characters")
    if table.has("signature"):
        signature = _read_signature(table.table("signature"))
        return SignedCredential(Place(place), signature, secret)
    name = table.text("credential_name", pattern=NAME_PATTERN)
    prefix = table.text("credential_prefix", "", pattern=r"[ -~]*")
    return PlainCredential(Place(place), name, prefix, secret)


def _read_signature(table: Table) -> Signature:
    method = read_choice(table, "method", SignatureMethod.HMAC_SHA256)
    signature = Signature(
        method=method,
        app_id=table.text("app_id", pattern=r"[!-~]+"),
        message=_read_message(table, method),
        is_upper_case=table.flag("upper_case", False),
        app_id_name=table.text("app_id_name", pattern=NAME_PATTERN),
        timestamp_name=table.text("timestamp_name", pattern=NAME_PATTERN),
        nonce_name=table.text("nonce_name", pattern=NAME_PATTERN),
        signature_name=table.text("signature_name", pattern=NAME_PATTERN),
    )
    table.close()
    return signature


def _read_message(table: Table, method: SignatureMethod) -> str:
    message = table.text("message")
    found = set(_PLACEHOLDER.findall(message))
    needed = _ALWAYS_SIGNED | ({"secret"} if method is SignatureMethod.MD5 else set())
    leftover = _PLACEHOLDER.sub("", message)
    if found - {"app_id"} != needed or "{" in leftover or "}" in leftover:
        table.fault("message", f"must hold {', '.join(sorted(needed))} in braces, perhaps app_id, no other")
    return message


def read_field(table: Table, conventions: Conventions) -> Field:
    """One fact's place and type."""
    kind = read_choice(table, "type", FieldType.TEXT)
    field = Field(
        path=parse_path(table.text("path", pattern=PATH_PATTERN)),
        type=kind,
        json_type=_read_json_type(table, kind),
        unit=_read_unit(table, kind),
        values=_read_values(table) if kind is FieldType.TEXT else None,
        pattern=_read_pattern(table) if kind is FieldType.TEXT else "",
        may_be_empty=table.flag("empty", False),
        not_before=_read_first_day(table) if kind is FieldType.DAY and table.has("not_before") else None,
        may_be_future=table.flag("may_be_future", False) if kind is FieldType.DAY else False,
        conventions=conventions,
    )
    if field.not_before and not field.may_be_future and field.not_before > conventions.get_today():
        table.fault("not_before", "is in the future: every day in an answer would be refused")
    table.close()
    return field


def _read_json_type(table: Table, kind: FieldType) -> JsonType:
    if kind not in (FieldType.COUNT, FieldType.MONEY):
        return JsonType.STRING
    usual = JsonType.NUMBER if kind is FieldType.COUNT else JsonType.STRING
    return read_choice(table, "json", usual) if table.has("json") else usual


def _read_unit(table: Table, kind: FieldType) -> MoneyUnit:
    if kind is not FieldType.MONEY:
        return MoneyUnit.YUAN
    return read_choice(table, "unit", MoneyUnit.YUAN)


def _read_values(table: Table) -> dict[str, str] | None:
    known = table.texts("known", ())
    values = table.values("values", {})
    if known and values:
        table.fault("known", "and values are both set")
    if not all(isinstance(meaning, str) for meaning in values.values()):
        table.fault("values", "must be a table of texts")
    return _clean_values(table, values or {text: text for text in known}) or None


def _clean_values(table: Table, values: dict[str, str]) -> dict[str, str]:
    """The known texts as answers are compared with them: two may fold to one only with one meaning."""
    clean: dict[str, str] = {}
    for text, meaning in values.items():
        try:
            folded = clean_text(text)
        except ControlCharacter:
            table.fault("values", "holds a control character")
            continue
        if clean.setdefault(folded, meaning) != meaning:
            table.fault("values", f"gives {folded} two meanings")
    return clean


def _read_first_day(table: Table) -> date | None:
    pattern = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
    text = table.text("not_before", pattern=pattern)
    try:
        return date.fromisoformat(text)
    except ValueError:
        if re.fullmatch(pattern, text):
            table.fault("not_before", "is no day of the calendar, as 2000-01-01")
        return None


def _read_pattern(table: Table) -> str:
    pattern = table.text("pattern", ".*")
    if table.has("pattern") and (table.has("known") or table.has("values")):
        table.fault("pattern", "is for free text: known or values are set")
    try:
        re.compile(pattern)
    except re.error:
        table.fault("pattern", "is not a regular expression")
    return pattern
