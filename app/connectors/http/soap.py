"""SOAP 1.1 and 1.2: the envelope around a request's XML, and what an answer's envelope holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field as Key

from app.config_model import Section, matching
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.templates import Body, BodyFormat, fill, find_mistake, find_placeholders
from app.domain.exchanges import note_reason
from app.domain.json_reading import Json
from app.domain.xml_reading import XmlText


@dataclass(frozen=True, slots=True)
class _Version:
    space: str
    content_type: str


_VERSIONS: Mapping[str, _Version] = {
    "1.1": _Version("http://schemas.xmlsoap.org/soap/envelope/", "text/xml"),
    "1.2": _Version("http://www.w3.org/2003/05/soap-envelope", "application/soap+xml"),
}


class Soap(Section):
    """A SOAP call: its body is the one of `[.body]`, and the paths of its answer begin inside the answer's Body."""

    version: Literal["1.1", "1.2"] = Key(description="`1.1` or `1.2`")
    action: Annotated[str, matching(r"[!#-\[\]-~]*")] = Key(
        description='the SOAPAction of its WSDL, `""` if that names none: a header in 1.1, a part of the Content-Type in 1.2'
    )
    header: str = Key(
        "",
        description="a template like that of `[.body]` for what stands in the envelope's Header, e.g. a user's token",
    )

    @property
    def content_type(self) -> str:
        """The media type of its messages."""
        return _VERSIONS[self.version].content_type

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request."""
        kind = f"{self.content_type}; charset=utf-8"
        if self.version == "1.1":
            return {"Content-Type": kind, "SOAPAction": f'"{self.action}"'}
        return {"Content-Type": f'{kind}; action="{self.action}"' if self.action else kind}

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of the placeholders of its header."""
        return find_placeholders(self.header)

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        if self.header and (wrong := find_mistake(self.header, BodyFormat.XML)):
            yield "header", wrong

    def list_body_contradictions(self, body: Body | None) -> Iterator[tuple[str, str]]:
        """What is wrong with a body that stands in the envelope."""
        if body is None:
            yield "body", "is missing: soap needs it"
        elif body.format is not BodyFormat.XML:
            yield "body.format", "must be xml, as soap is set"
        elif body.text.lstrip().startswith(("<?xml", "<!")):
            yield "body.template", "stands in an envelope: it must begin with its element"
        elif body.content_type:
            yield "body.content_type", "is that of soap"

    def wrap(self, body: str, values: Mapping[str, str]) -> str:
        """The envelope around a body that is filled, its header filled with the values."""
        header = fill(self.header, BodyFormat.XML, values)
        header = f"<soap:Header>{header}</soap:Header>" if header else ""
        space = _VERSIONS[self.version].space
        return f'<soap:Envelope xmlns:soap="{space}">{header}<soap:Body>{body}</soap:Body></soap:Envelope>'


def fill_body(body: Body, soap: Soap | None, values: Mapping[str, str]) -> tuple[dict[str, str], bytes]:
    """The headers and the bytes of a request's body, in an envelope or not, with the values by the names of its
    placeholders.
    """
    text = body.fill(values)
    if soap is None:
        return body.headers, text.encode()
    return soap.headers, soap.wrap(text, values).encode()


def unwrap(answer: XmlText, soap: Soap) -> Json:
    """What the Body of an answer holds. Raises UntrustedAnswer: SOAP_FAULT for a fault, NOT_XML for what is no envelope
    of this version.
    """
    envelope = answer.tree.get("Envelope")
    body = envelope.get("Body") if isinstance(envelope, dict) else None
    if isinstance(body, dict) and "Fault" in body:
        raise UntrustedAnswer(FailureCode.SOAP_FAULT)
    if answer.space != _VERSIONS[soap.version].space or not isinstance(body, dict):
        note_reason("no_envelope")
        raise UntrustedAnswer(FailureCode.NOT_XML)
    return body
