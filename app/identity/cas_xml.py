"""A CAS server's XML: what it answers about a ticket (CAS Protocol 3.0, 2.5.2, 2.8 and appendix A), and what it
posts when a campus session ends (2.3.3, a SAML 2.0 LogoutRequest).

Read by defusedxml, which refuses document types and entities: no bombs, no files, no addresses.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from app.identity.base import ProviderMisbehaved, SignInRefused, SignInUnavailable

CAS = "{http://www.yale.edu/tp/cas}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
REFUSALS = ("INVALID_TICKET", "INVALID_SERVICE", "INVALID_TICKET_SPEC")
NO_ATTRIBUTES = tuple(f"{CAS}{name}" for name in ("user", "proxyGrantingTicket", "proxies"))
"""What else a success holds (appendix A)."""
FAULTS = ("INVALID_REQUEST", "UNAUTHORIZED_SERVICE", "UNAUTHORIZED_SERVICE_PROXY", "INVALID_PROXY_CALLBACK")


def read_validation(body: bytes) -> dict[str, Any]:
    """Tell whom a ticket was for: `user`, and `attributes` by name, whichever way the server writes them. An
    attribute that comes several times is a list. Raises SignInError with `validate:<what is wrong>`.
    """
    root = _parse(body)
    if root is None or root.tag != f"{CAS}serviceResponse" or len(root) != 1:
        raise ProviderMisbehaved("validate:html" if b"<html" in body[:2000].lower() else "validate:not_cas")
    if root[0].tag == f"{CAS}authenticationFailure":
        raise _explain_failure(root[0].get("code", ""))
    if root[0].tag != f"{CAS}authenticationSuccess":
        raise ProviderMisbehaved("validate:not_cas")
    users = [_read_text(element) for element in root[0].findall(f"{CAS}user")]
    if len(users) != 1 or not users[0]:
        raise ProviderMisbehaved("validate:user")
    return {"user": users[0], "attributes": _gather(_list_attributes(root[0]))}


def read_session_index(request: str) -> str | None:
    """The ticket of the session that a logout request ends; None for anything that is none."""
    root = _parse(request.encode(errors="replace"))
    if root is None or root.tag != f"{SAMLP}LogoutRequest":
        return None
    indexes = [_read_text(element) for element in root.findall(f"{SAMLP}SessionIndex")]
    return indexes[0] if len(indexes) == 1 and indexes[0] else None


def _parse(body: bytes) -> Element | None:
    try:
        root: Element = fromstring(body, forbid_dtd=True)
    except (ParseError, ValueError, LookupError):
        return None
    return root


def _explain_failure(code: str) -> SignInRefused | SignInUnavailable:
    """Name the failure. A ticket that is old, used or another service's is nobody's fault."""
    if code == "INTERNAL_ERROR":
        return SignInUnavailable("validate:internal_error")
    if code in REFUSALS:
        return SignInRefused(f"validate:{code.lower()}")
    return ProviderMisbehaved(f"validate:{code.lower()}" if code in FAULTS else "validate:error")


def _gather(pairs: Iterator[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    for name, value in pairs:
        found.setdefault(name, []).append(value)
    return {name: values if len(values) > 1 else values[0] for name, values in found.items()}


def _list_attributes(success: Element) -> Iterator[tuple[str, Any]]:
    """The attributes in the element that the protocol has for them, and those that older servers write beside it."""
    for element in success:
        if element.tag == f"{CAS}attributes":
            yield from _list_members(element)
        elif element.tag not in NO_ATTRIBUTES:
            yield from _read_member(element)


def _list_members(group: Element) -> Iterator[tuple[str, Any]]:
    for element in group:
        yield from _read_member(element)


def _read_member(element: Element) -> Iterator[tuple[str, Any]]:
    """An attribute as an element of its name, `<cas:cn>`, with others in it where it is nested; or as a pair,
    `<cas:attribute name="cn" value="..."/>` or `<cas:attribute><cas:name/><cas:value/></cas:attribute>`.
    """
    if not element.tag.startswith(CAS):
        return
    if element.tag == f"{CAS}attribute":
        names, values = _read_pair(element, "name"), _read_pair(element, "value")
        yield from ((name, value) for name in names[:1] for value in values)
    elif len(element):
        yield element.tag.removeprefix(CAS), _gather(_list_members(element))
    else:
        yield element.tag.removeprefix(CAS), _read_text(element)


def _read_pair(element: Element, part: str) -> list[str]:
    """One side of a pair; the text of the element itself is a value too."""
    if part in element.attrib:
        return [element.attrib[part].strip()]
    inner = [_read_text(child) for child in element.findall(f"{CAS}{part}")]
    return inner or ([_read_text(element)] if part == "value" and not len(element) else [])


def _read_text(element: Element) -> str:
    """The text of an element without the space around it; "" if there are elements in it."""
    return "" if len(element) else (element.text or "").strip()
