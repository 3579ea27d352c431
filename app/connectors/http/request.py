"""Builds the request for one student: the number, the credential and what else the system wants, each in its place, and
a signature over them.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import Field as Key
from pydantic import ValidationInfo, field_validator

from app.config_model import (
    MUST_BE_SET,
    SHOWN_DEFAULT,
    Choice,
    Flag,
    OptionalSecret,
    Section,
    matching,
    one_of,
)
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.config import CaFile
from app.connectors.http.address import NOT_ENCRYPTED, AddressPath, BaseUrl, is_encrypted_enough
from app.connectors.http.fixed import (
    Fixed,
    SecretField,
    list_path_claims,
    list_secret_claims,
    place_secrets,
    read_path_query,
)
from app.connectors.http.places import (
    NAME_PATTERN,
    NOTHING,
    Claim,
    Place,
    Placed,
    Value,
    assemble,
    list_claim_contradictions,
    list_shared_contradictions,
    merge,
    write_texts,
)
from app.connectors.http.signature import Signature
from app.connectors.http.soap import Soap, fill_body
from app.connectors.http.templates import STUDENT_NUMBER, Body, list_placeholder_mistakes
from app.connectors.http.token import TokenShape
from app.http_client import Request

NUMBER_PLACEHOLDER = "{student_number}"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
NO_SECRETS: Mapping[str, SecretField] = {}
MAX_STUDENT_NUMBER = 64


class RequestShape(Section):
    """One kind of request to a system: its path and where the student number goes."""

    path: AddressPath = Key(description="below `base_url`, with `/` in front; may hold a fixed query")
    method: Literal["GET", "POST"] = Key(description="`GET` or `POST`")
    number_in: Annotated[
        Choice[Place], one_of(Place.PATH, Place.QUERY, Place.FORM, Place.JSON, Place.BODY)
    ] = Key(
        description="where the student number goes: `path` (at `{student_number}`), `query`, `form`, `json` or `body` (at "
        "`{student_number}` of `[.body]`)"
    )
    number_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "",
        validate_default=True,
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET}, but not for `path` and `body`"},
        description="the name of that parameter or field; in JSON, dots lead into objects: `data.xh`",
    )
    fixed: Fixed = Key(Fixed(), description="what the request always holds beside these")
    body: Body | None = Key(None, description="if there: the template of the request's body")
    soap: Soap | None = Key(None, description="if there: a SOAP call, for `http_xml`")

    @field_validator("number_name")
    @classmethod
    def _check_name(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("number_in") not in (Place.PATH, Place.BODY) and not name:
            raise ValueError("is missing")
        return name

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if self.number_in in (Place.PATH, Place.BODY) and self.number_name:
            yield "number_name", "is not a known key"
        has_placeholder = _PLACEHOLDER.findall(self.path) == [NUMBER_PLACEHOLDER.strip("{}")]
        if has_placeholder != (self.number_in is Place.PATH) or ("{" in self.path and not has_placeholder):
            yield (
                "path",
                f"must hold {NUMBER_PLACEHOLDER} exactly if number_in is path, nothing else in braces",
            )
        if self.soap is not None:
            yield from self.soap.list_body_contradictions(self.body)

    def list_claims(self) -> Iterator[Claim]:
        """The places that the keys of this request fill."""
        yield from self.fixed.list_claims()
        yield from list_path_claims(self.path)
        if self.number_in is Place.BODY:
            yield Claim("number_in", "number_in", Place.BODY, STUDENT_NUMBER)
        elif self.number_in is not Place.PATH:
            yield Claim("number_name", "number_in", self.number_in, self.number_name)


class Access(Section):
    """Where a system is, and the credential that it asks for: sent as it is, or signing each request."""

    base_url: BaseUrl = Key(
        description="scheme, host and port, perhaps a path: `https://lib.example.edu.cn`. `http://` only for this machine"
    )
    plain_http: Flag = Key(False, description="true: unencrypted `http://` to another machine is accepted")
    ca_file: CaFile = ""
    credential_in: Annotated[
        Choice[Place], one_of(Place.HEADER, Place.QUERY, Place.FORM, Place.JSON, Place.BODY, Place.NONE)
    ] = Key(
        description="`header`, `query`, `form`, `json`, `body`: at the placeholder of its name in `[.body]`; `none` for a "
        "system that asks for no credential"
    )
    credential_name: Annotated[str, matching(NAME_PATTERN)] = Key(
        "",
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET}, but not with a signature"},
        description="the name of the header, parameter, field or placeholder",
    )
    credential_prefix: Annotated[str, matching(r"[ -~]*")] = Key(
        "", description='text before the credential, e.g. `"Bearer "`'
    )
    credential: OptionalSecret = Key(
        "",
        json_schema_extra={SHOWN_DEFAULT: f"{MUST_BE_SET}, unless there is none"},
        description="the secret: from the environment or from a file",
    )
    signature: Signature | None = Key(
        None, description="if there: the credential signs each request and does not travel"
    )
    token: TokenShape | None = Key(
        None, description="if there: a call of its own gives a token, which all requests then carry"
    )
    secrets: Mapping[str, SecretField] = Key(
        NO_SECRETS, description="one table, of any name, for each further secret that every request carries"
    )

    @field_validator("credential")
    @classmethod
    def _check_credential(cls, secret: str) -> str:
        if not (secret.isascii() and secret.isprintable()):
            raise ValueError("must be of printable ASCII characters")
        return secret

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        for key, url in (("base_url", self.base_url), ("token.base_url", self.token and self.token.base_url)):
            if url and not is_encrypted_enough(url, plain_http=self.plain_http):
                yield key, NOT_ENCRYPTED
        if self.credential_in is Place.NONE:
            needed, usable = set[str](), set[str]()
        elif self.signature is not None:
            needed, usable = {"credential"}, {"signature"}
        else:
            needed, usable = {"credential", "credential_name"}, {"credential_prefix"}
        of_credentials = {"credential_name", "credential_prefix", "credential", "signature"}
        yield from ((key, "is missing") for key in sorted(needed) if not getattr(self, key))
        for key in sorted((of_credentials & self.model_fields_set) - needed - usable):
            yield key, "is not a known key"
        yield from list_shared_contradictions(list(self.list_shared_claims()))

    def list_shared_claims(self) -> Iterator[Claim]:
        """The places that every request to the system fills."""
        yield from list_secret_claims(self.secrets)
        if self.token is not None:
            yield from self.token.list_claims()
        if self.signature is not None:
            yield from self.signature.list_claims(self.credential_in)
        elif self.credential_in is not Place.NONE:
            yield Claim("credential_name", "credential_in", self.credential_in, self.credential_name)

    def make_credential_fields(
        self, student_number: str, timestamp: int, nonce: str, parameters: Mapping[str, str]
    ) -> dict[str, str]:
        """The fields that carry the credential or what it signed, over what else is sent in query and body."""
        if self.credential_in is Place.NONE:
            return {}
        if self.signature is not None:
            return self.signature.sign(self.credential, student_number, timestamp, nonce, parameters)
        return {self.credential_name: self.credential_prefix + self.credential}


def list_request_contradictions(
    access: Access, shape: RequestShape, further: Sequence[Claim] = ()
) -> Iterator[tuple[str, str]]:
    """What is wrong between the keys that make one request together; `further` are those of pages and tokens."""
    own, shared = [*further, *shape.list_claims()], list(access.list_shared_claims())
    yield from list_claim_contradictions(own, shared, shape.method)
    if access.signature is not None and access.signature.is_sorted:
        yield from _list_unsortable([*own, *shared], shape)
    yield from _list_template_contradictions(access, shape, [*own, *shared])


def _list_template_contradictions(
    access: Access, shape: RequestShape, claims: Sequence[Claim]
) -> Iterator[tuple[str, str]]:
    """What is wrong between a template of the body and the keys that fill places of a body."""
    needed = {claim.name for claim in claims if claim.place is Place.BODY}
    if shape.body is None:
        if needed:
            yield "body", "is missing"
        return
    if any(claim.place in (Place.FORM, Place.JSON) for claim in claims):
        yield "body", "cannot be there beside a form or JSON that other keys fill"
    if shape.method == "GET" and not needed:
        yield "method", "must be POST to send a body"
    optional = {STUDENT_NUMBER}
    if access.signature is not None and access.credential_in is Place.BODY:
        optional.add(access.signature.app_id_name)
    found = shape.body.placeholders | (shape.soap.placeholders if shape.soap else frozenset())
    yield from (
        ("body", wrong)
        for wrong in list_placeholder_mistakes(found, needed - optional | _get_number(shape), optional)
    )


def _get_number(shape: RequestShape) -> set[str]:
    return {STUDENT_NUMBER} if shape.number_in is Place.BODY else set()


def _list_unsortable(claims: Sequence[Claim], shape: RequestShape) -> Iterator[tuple[str, str]]:
    """Parameters that have no one place, or no one text, among sorted ones."""
    names = Counter(claim.name for claim in claims if claim.place is not Place.HEADER)
    for claim in claims:
        if claim.place is not Place.HEADER and names[claim.name] > 1:
            yield claim.key, "names a parameter that is there twice, which {sorted} cannot sign"
        if claim.place is Place.JSON and "." in claim.name:
            yield claim.key, "is inside an object, which {sorted} cannot sign"
    if shape.body is not None:
        yield "body", "is a template, which {sorted} cannot sign"
    for name, value in shape.fixed.in_json.items():
        if isinstance(value, list | float):
            yield f"fixed.json.{name}", "is a list or a fraction, which {sorted} cannot sign"


def build_request(
    access: Access,
    shape: RequestShape,
    student_number: str,
    timestamp: int,
    nonce: str,
    others: Placed = NOTHING,
) -> Request:
    """The request about one student, at `timestamp` in unix seconds; `nonce` is used once, and `others` are
    further fields by their place.

    Raises UntrustedAnswer(ODD_STUDENT_NUMBER) for a number that cannot be sent as it is.
    """
    _require_sendable(student_number)
    placed = merge(shape.fixed.placed, place_secrets(access.secrets), others)
    if shape.body is not None:
        placed[Place.BODY][STUDENT_NUMBER] = student_number
    if shape.number_in not in (Place.PATH, Place.BODY):
        placed[shape.number_in][shape.number_name] = student_number
    parameters = _list_parameters(shape, placed)
    placed[access.credential_in] |= access.make_credential_fields(
        student_number, timestamp, nonce, parameters
    )
    url = (access.base_url + shape.path).replace(NUMBER_PLACEHOLDER, quote(student_number, safe=""))
    body = None if shape.body is None else fill_body(shape.body, shape.soap, write_texts(placed[Place.BODY]))
    return assemble(shape.method, url, placed, body)


def _list_parameters(shape: RequestShape, placed: Mapping[Place, dict[str, Value]]) -> dict[str, str]:
    """What is sent in query and body, as texts."""
    return read_path_query(shape.path) | write_texts(
        placed[Place.QUERY] | placed[Place.FORM] | placed[Place.JSON]
    )


def _require_sendable(student_number: str) -> None:
    # Dots alone would climb in a path; a line's end would add a header or a line to a signed message.
    is_plain = student_number.isprintable() and student_number.strip(". ") != ""
    if not is_plain or len(student_number) > MAX_STUDENT_NUMBER:
        raise UntrustedAnswer(FailureCode.ODD_STUDENT_NUMBER)
