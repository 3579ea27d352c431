"""A CAS server's XML: what it answers about a ticket (CAS Protocol 3.0, 2.5.2, 2.8 and appendix A), and what it
posts when a campus session ends (2.3.3, a SAML 2.0 LogoutRequest).

Read by defusedxml, which refuses document types and entities: no bombs, no files, no addresses.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml.ElementTree import fromstring

from app.identity.base import ProviderMisbehaved, SignInRefused, SignInUnavailable

CAS = "{http://www.yale.edu/tp/cas}"
SAMLP = "{urn:oasis:names:tc:SAML:2.0:protocol}"
REFUSALS = ("INVALID_TICKET", "INVALID_SERVICE", "INVALID_TICKET_SPEC")
FAULTS = ("INVALID_REQUEST", "UNAUTHORIZED_SERVICE", "UNAUTHORIZED_SERVICE_PROXY", "INVALID_PROXY_CALLBACK")


def read_validation(body: bytes, lists: Container[str] = ()) -> dict[str, Any]:
    """Tell whom a ticket was for: `user`, and `attributes` by name. An attribute that comes several times is a
    list, and so are those named in `lists` however often they come.
    Raises SignInFault with `validate:<what is wrong>`.
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
    return {"user": users[0], "attributes": _read_attributes(root[0], lists)}


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


def _read_attributes(success: Element, lists: Container[str]) -> dict[str, Any]:
    found: dict[str, list[str]] = {}
    for name, text in _list_attributes(success):
        found.setdefault(name, []).append(text)
    return {name: texts if len(texts) > 1 or name in lists else texts[0] for name, texts in found.items()}


def _list_attributes(success: Element) -> Iterator[tuple[str, str]]:
    for group in success.findall(f"{CAS}attributes"):
        for element in group:
            if element.tag.startswith(CAS):
                yield element.tag.removeprefix(CAS), _read_text(element)


def _read_text(element: Element) -> str:
    """The text of an element without the space around it; "" if there are elements in it."""
    return "" if len(element) else (element.text or "").strip()
