"""What a request holds beside the student number and the credential: fields that are always the same, and further
secrets.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl, urlsplit

from pydantic import Field as Key
from pydantic import PlainValidator

from app.config_model import Choice, Mistakes, Secret, Section, matching, one_of
from app.connectors.http.places import NAME_PATTERN, Claim, Name, Place, Placed, Value

HEADER_TEXT = r"[!-~]([ -~]*[!-~])?"
NO_FIELDS: Mapping[str, Value] = {}


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _is_of_json(value: object) -> bool:
    return _is_scalar(value) or (isinstance(value, list) and all(map(_is_scalar, value)))


def _is_written_alike(value: object) -> bool:
    """Whether a value is written in one way wherever there are texts only."""
    return isinstance(value, str | int) and not isinstance(value, bool)


def _is_header(value: object) -> bool:
    return isinstance(value, str) and re.fullmatch(HEADER_TEXT, value) is not None


def _table_of(is_right: Callable[[object], bool], must_be: str, *, may_nest: bool = False) -> PlainValidator:
    """How the configuration writes fixed fields: name = value."""

    def read_table(table: object) -> Mapping[str, Value]:
        if not isinstance(table, Mapping):
            raise ValueError("must be a table")
        fields = list(_list_leaves(table) if may_nest else table.items())
        names = [name for name, _ in fields]
        mistakes = [(name, "is no name") for name in names if not re.fullmatch(NAME_PATTERN, name)]
        mistakes += [(name, must_be) for name, value in fields if not is_right(value)]
        mistakes += [(name, "is set twice") for name in sorted(set(names)) if names.count(name) > 1]
        if mistakes:
            raise Mistakes(*mistakes)
        return dict(fields)

    return PlainValidator(read_table)


def _list_leaves(table: Mapping[str, Any], outer: str = "") -> Iterator[tuple[str, Any]]:
    """The values of a table by their dotted names; a table without any is itself a value, and refused as one."""
    for name, value in table.items():
        if isinstance(value, Mapping) and value:
            yield from _list_leaves(value, f"{outer}{name}.")
        else:
            yield f"{outer}{name}", value


_TEXTS = _table_of(_is_written_alike, "must be a text or a whole number")
_JSON = _table_of(_is_of_json, "must be a text, a number, true or false, or a list of them", may_nest=True)
_HEADERS = _table_of(_is_header, f"must be a text that matches {HEADER_TEXT}")


class Fixed(Section):
    """Fields that a request always has. None of them is a secret: they are shown."""

    query: Annotated[Mapping[str, Value], _TEXTS] = Key(
        NO_FIELDS, description="parameter = text or whole number"
    )
    form: Annotated[Mapping[str, Value], _TEXTS] = Key(NO_FIELDS, description="field = text or whole number")
    in_json: Annotated[Mapping[str, Value], _JSON] = Key(
        NO_FIELDS,
        alias="json",
        description="field = text, number, true or false, or a list of them; a dotted name, or a table, is a place inside "
        "an object",
    )
    header: Annotated[Mapping[str, Value], _HEADERS] = Key(
        NO_FIELDS,
        description="header = text; none that the client sets itself, such as `Host` or `Content-Length`",
    )

    @property
    def placed(self) -> Placed:
        """The fields by their place."""
        return {
            Place.QUERY: self.query,
            Place.FORM: self.form,
            Place.JSON: self.in_json,
            Place.HEADER: self.header,
        }

    def list_claims(self, within: str = "fixed.") -> Iterator[Claim]:
        """The places that are filled; `within` is what stands before the keys of this table."""
        for place, fields in self.placed.items():
            for name in fields:
                yield Claim(f"{within}{place}.{name}", f"{within}{place}", place, name)


def list_path_claims(path: str) -> Iterator[Claim]:
    """The parameters that a path with a fixed query fills."""
    for name in read_path_query(path):
        yield Claim("path", "path", Place.QUERY, name)


def read_path_query(path: str) -> dict[str, str]:
    """The parameters of a path with a fixed query."""
    return dict(parse_qsl(urlsplit(path).query, keep_blank_values=True))


class SecretField(Section):
    """A secret that every request to a system carries beside the credential, such as the key of a gateway."""

    placed_in: Annotated[
        Choice[Place], one_of(Place.HEADER, Place.QUERY, Place.FORM, Place.JSON, Place.BODY)
    ] = Key(description="`header`, `query`, `form`, `json` or `body` (a placeholder of `[.body]`)")
    name: Name = Key(description="the name of the header, parameter, field or placeholder")
    prefix: Annotated[str, matching(r"[ -~]*")] = Key("", description="text before the secret")
    value: Annotated[Secret, matching(r"[ -~]*")] = Key(
        description="the secret: from the environment or from a file"
    )


def place_secrets(secrets: Mapping[str, SecretField]) -> Placed:
    """Secrets by their place."""
    placed: dict[Place, dict[str, Value]] = {}
    for secret in secrets.values():
        placed.setdefault(secret.placed_in, {})[secret.name] = secret.prefix + secret.value
    return placed


def list_secret_claims(secrets: Mapping[str, SecretField]) -> Iterator[Claim]:
    """The places that secrets fill."""
    for key, secret in secrets.items():
        yield Claim(f"secrets.{key}.name", f"secrets.{key}.placed_in", secret.placed_in, secret.name)
