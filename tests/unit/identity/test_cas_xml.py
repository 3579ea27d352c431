"""Reading a CAS server's XML."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from app.identity.base import SignInError
from app.identity.cas_xml import read_session_index, read_validation

NAMESPACE = "http://www.yale.edu/tp/cas"


def answer(inner: str, namespace: str = NAMESPACE) -> bytes:
    return f'<cas:serviceResponse xmlns:cas="{namespace}">{inner}</cas:serviceResponse>'.encode()


def success(inner: str) -> bytes:
    return answer(f"<cas:authenticationSuccess>{inner}</cas:authenticationSuccess>")


USER = "<cas:user>\n  00230001\n</cas:user>"


def test_space_around_a_value_is_layout_and_zeros_stay() -> None:
    assert read_validation(success(USER)) == {"user": "00230001", "attributes": {}}


def test_a_default_namespace_is_the_same_namespace() -> None:
    body = f'<serviceResponse xmlns="{NAMESPACE}"><authenticationSuccess><user>a</user></authenticationSuccess></serviceResponse>'
    assert read_validation(body.encode())["user"] == "a"


def test_attributes_that_come_several_times_are_lists() -> None:
    attributes = (
        "<cas:attributes><cas:g>a</cas:g><cas:g>b</cas:g><cas:n>c</cas:n><cas:l>d</cas:l></cas:attributes>"
    )
    found = read_validation(success(USER + attributes))
    assert found["attributes"] == {"g": ["a", "b"], "n": "c", "l": "d"}


def test_attributes_of_another_namespace_are_none() -> None:
    attributes = '<cas:attributes xmlns:x="urn:x"><x:n>c</x:n></cas:attributes>'
    assert read_validation(success(USER + attributes))["attributes"] == {}


STYLES = {
    "elements": "<cas:attributes><cas:cn>甲</cas:cn><cas:g>a</cas:g><cas:g>b</cas:g></cas:attributes>",
    "directly below": "<cas:cn>甲</cas:cn><cas:g>a</cas:g><cas:g>b</cas:g>",
    "pairs": '<cas:attributes><cas:attribute name="cn" value="甲"/><cas:attribute name="g" value="a"/>'
    '<cas:attribute name="g" value="b"/></cas:attributes>',
    "pairs directly below": '<cas:attribute name="cn" value="甲"/><cas:attribute name="g" value="a"/>'
    '<cas:attribute name="g">b</cas:attribute>',
    "pairs of elements": "<cas:attributes><cas:attribute><cas:name>cn</cas:name><cas:value>甲</cas:value></cas:attribute>"
    "<cas:attribute><cas:name>g</cas:name><cas:value>a</cas:value><cas:value>b</cas:value></cas:attribute></cas:attributes>",
}


@pytest.mark.parametrize("style", STYLES)
def test_an_attribute_is_found_by_its_name_however_it_is_written(style: str) -> None:
    more = "<cas:proxyGrantingTicket>PGTIOU-1</cas:proxyGrantingTicket><cas:proxies><cas:proxy>x</cas:proxy></cas:proxies>"
    assert read_validation(success(USER + STYLES[style] + more)) == {
        "user": "00230001",
        "attributes": {"cn": "甲", "g": ["a", "b"]},
    }


def test_nested_attributes_are_found_by_their_path() -> None:
    nested = "<cas:attributes><cas:info><cas:cn>甲</cas:cn><cas:org><cas:name>乙</cas:name></cas:org></cas:info></cas:attributes>"
    assert read_validation(success(USER + nested))["attributes"] == {
        "info": {"cn": "甲", "org": {"name": "乙"}}
    }


def test_a_pair_without_a_name_is_no_attribute() -> None:
    odd = '<cas:attribute value="a"/><cas:attribute name="b"><cas:x/></cas:attribute>'
    assert read_validation(success(USER + odd))["attributes"] == {}


def test_an_attribute_called_user_is_not_the_user() -> None:
    found = read_validation(success(f"<cas:attributes><cas:user>b</cas:user></cas:attributes>{USER}"))
    assert found == {"user": "00230001", "attributes": {"user": "b"}}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "validate:not_cas"),
        (b"yes\nTS23000002\n", "validate:not_cas"),
        (b"<!DOCTYPE html><html><body>login</body></html>", "validate:html"),
        (b"<html><body/></html>", "validate:html"),
        (answer("<cas:authenticationSuccess/>"), "validate:user"),
        (success("<cas:user/>"), "validate:user"),
        (success("<cas:user>a</cas:user><cas:user>a</cas:user>"), "validate:user"),
        (success("<cas:user>a<cas:user>b</cas:user></cas:user>"), "validate:user"),
        (answer(f"<cas:authenticationSuccess>{USER}</cas:authenticationSuccess>", "urn:x"), "validate:not_cas"),
        (success(USER).replace(b"</cas:serviceResponse>", b"<cas:authenticationFailure/></cas:serviceResponse>"), "validate:not_cas"),
        (answer('<cas:authenticationFailure code="INVALID_TICKET"/>'), "validate:invalid_ticket"),
        (answer('<cas:authenticationFailure code="INTERNAL_ERROR"/>'), "validate:internal_error"),
        (answer('<cas:authenticationFailure code="ST-123 is odd"/>'), "validate:error"),
        (b'<!DOCTYPE a [<!ENTITY u SYSTEM "file:///etc/passwd">]>' + success("<cas:user>&u;</cas:user>"), "validate:not_cas"),
        (b'<?xml version="1.0" encoding="no-such"?>' + success(USER), "validate:not_cas"),
        (b"<a>" * 100_000, "validate:not_cas"),
        (b"<a>" * 100_000 + b"</a>" * 100_000, "validate:not_cas"),
    ],
)  # fmt: skip
def test_what_is_no_good_answer_is_refused(body: bytes, reason: str) -> None:
    with pytest.raises(SignInError) as stopped:
        read_validation(body)
    assert stopped.value.reason == reason


ENTITY = f'<!DOCTYPE a [<!ENTITY u "TS23000001">]>{success("<cas:user>&u;</cas:user>").decode()}'


def test_an_entity_is_refused_that_a_plain_parser_would_have_taken_for_a_number() -> None:
    assert ET.fromstring(ENTITY)[0][0].text == "TS23000001"
    with pytest.raises(SignInError, match="validate:not_cas"):
        read_validation(ENTITY.encode())


def test_a_name_space_is_checked_that_a_look_at_names_alone_would_have_passed() -> None:
    foreign = answer(f"<cas:authenticationSuccess>{USER}</cas:authenticationSuccess>", "urn:x")
    assert ET.fromstring(foreign)[0].tag.endswith("authenticationSuccess")
    with pytest.raises(SignInError, match="validate:not_cas"):
        read_validation(foreign)


def logout(inner: str, namespace: str = "urn:oasis:names:tc:SAML:2.0:protocol") -> str:
    return f'<samlp:LogoutRequest xmlns:samlp="{namespace}">{inner}</samlp:LogoutRequest>'


INDEX = "<samlp:SessionIndex>ST-1-a</samlp:SessionIndex>"


def test_a_logout_request_names_one_session() -> None:
    assert read_session_index(logout(INDEX)) == "ST-1-a"


@pytest.mark.parametrize(
    "text", ["", "ST-1-a", logout(""), logout(INDEX * 2), logout(INDEX, "urn:x"), INDEX, f"<a>{logout(INDEX)}</a>"]
)  # fmt: skip
def test_anything_else_names_none(text: str) -> None:
    assert read_session_index(text) is None
