"""Single logout: the campus ends the sessions that its tickets began, and nobody else ends any."""

from __future__ import annotations

import time

from tests.campus.cas.answers import write_logout
from tests.conftest import Service
from tests.integration.auth.cas.visits import (
    get_entry,
    get_ticket,
    is_signed_in,
    post_logout,
    sign_in,
)


def test_signing_out_at_the_campus_ends_that_session_and_no_other(service: Service) -> None:
    visitor, _ = sign_in(service)
    elsewhere, _ = sign_in(service)
    visitor.http.get(f"{service.campus.cas}/logout", timeout=30)
    for _ in range(100):
        if not is_signed_in(visitor):
            break
        time.sleep(0.1)
    assert not is_signed_in(visitor)
    assert is_signed_in(elsewhere)


def test_a_logout_request_ends_the_session_of_its_ticket_once(service: Service) -> None:
    visitor, callback = sign_in(service)
    other, _ = sign_in(service)
    text = write_logout(get_ticket(callback))
    assert [post_logout(service, text), post_logout(service, text)] == [204, 204]
    assert (is_signed_in(visitor), is_signed_in(other)) == (False, True)


def test_a_forged_logout_request_ends_nothing(service: Service) -> None:
    visitor, callback = sign_in(service)
    ticket = get_ticket(callback)
    for text in (
        write_logout(""),
        write_logout(ticket) * 2,
        ticket,
        "",
        "<!DOCTYPE a [<!ENTITY x 'y'>]><a/>",
    ):
        assert post_logout(service, text) == 400
    for guess in (ticket[:-1], f"{ticket}x", ticket.upper(), "*", "%", "TS23000002", "' OR ''='"):
        assert post_logout(service, write_logout(guess)) == 204
    assert post_logout(service, write_logout(ticket), "plain") == 204
    assert post_logout(service, write_logout(ticket), "campus") == 400
    assert post_logout(service, write_logout(ticket), "nobody") == 400
    assert is_signed_in(visitor)


def test_a_session_begun_by_an_entry_ends_by_single_logout_too(service: Service) -> None:
    visitor, address = service.visit(), get_entry(service, "TS23000002")
    visitor.post("/sign-in/cas/confirm", visitor.http.get(address, timeout=30), choice="0")
    assert post_logout(service, write_logout(get_ticket(address))) == 204
    assert not is_signed_in(visitor)
