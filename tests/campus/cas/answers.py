"""What the CAS server writes: validation answers, wrong ones when told so, and logout requests."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from itertools import pairwise
from xml.sax.saxutils import escape

from tests.campus.accounts import Account
from tests.campus.cas.records import CasFault

NAMESPACE = "http://www.yale.edu/tp/cas"
_NAMES = {"name": "cn", "college": "deptName", "major": "majorName", "level": "levelName", "role": "userType"}


def write_success(person: Account, typed: str, has_attributes: bool, fault: CasFault) -> str:
    """An answer about a good ticket; CAS 2.0 knows no attributes. The user is named as they were `typed`, in whatever
    case: so do servers that look people up in LDAP.
    """
    users = f"<cas:user>{escape(typed)}</cas:user>"
    if fault is CasFault.TWO_USERS:
        users += "<cas:user>TS23000001</cas:user>"
    attributes = ""
    if has_attributes and fault is not CasFault.NO_ATTRIBUTES:
        pairs = [
            (_NAMES.get(name, name), value) for name, value in person.claims().items() if name != "number"
        ]
        pairs += [("groups", "everybody"), ("groups", f"{person.role}s")]
        lines = "".join(f"<cas:{name}>{escape(value)}</cas:{name}>" for name, value in pairs)
        attributes = f"<cas:attributes>{lines}</cas:attributes>"
    return _wrap(f"<cas:authenticationSuccess>{users}{attributes}</cas:authenticationSuccess>", fault)


def write_failure(code: str, fault: CasFault = CasFault.NONE) -> str:
    """An answer about a ticket that is not good."""
    return _wrap(
        f'<cas:authenticationFailure code="{code}">ticket not recognized</cas:authenticationFailure>', fault
    )


def write_bomb() -> str:
    """A document whose entities unfold to a gigabyte."""
    names = [f"e{place}" for place in range(10)]
    entities = f'<!ENTITY {names[0]} "{"x" * 1000}">'
    for inner, outer in pairwise(names):
        entities += f'<!ENTITY {outer} "{f"&{inner};" * 10}">'
    return f"<!DOCTYPE bomb [{entities}]>" + _wrap(
        f"<cas:authenticationSuccess><cas:user>&{names[-1]};</cas:user></cas:authenticationSuccess>"
    )


def write_logout(ticket: str) -> str:
    """The message that a campus session has ended (CAS Protocol 3.0, 2.3.3)."""
    return (
        '<samlp:LogoutRequest xmlns:samlp="urn:oasis:names:tc:SAML:2.0:protocol"'
        ' xmlns:saml="urn:oasis:names:tc:SAML:2.0:assertion"'
        f' ID="LR-{secrets.token_hex(8)}" Version="2.0" IssueInstant="{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}">'
        "<saml:NameID>@NOT_USED@</saml:NameID>"
        f"<samlp:SessionIndex>{escape(ticket)}</samlp:SessionIndex></samlp:LogoutRequest>"
    )


def _wrap(inner: str, fault: CasFault = CasFault.NONE) -> str:
    namespace = "http://example.edu/cas" if fault is CasFault.WRONG_NAMESPACE else NAMESPACE
    return f'<cas:serviceResponse xmlns:cas="{namespace}">{inner}</cas:serviceResponse>\n'
