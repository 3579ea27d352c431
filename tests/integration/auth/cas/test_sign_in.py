"""Signing in by CAS through the running service, and out again."""

from __future__ import annotations

from urllib.parse import quote

from tests.campus.cas.answers import write_logout
from tests.conftest import Service
from tests.integration.auth.cas.visits import (
    answer_page,
    get_entry,
    get_ticket,
    is_signed_in,
    post_logout,
    sign_in,
)


def test_a_student_signs_in_and_a_second_look_at_the_callback_leads_home(service: Service) -> None:
    visitor, callback = sign_in(service)
    assert visitor.http.get(callback, timeout=30, allow_redirects=False).headers["Location"] == "/"
    assert is_signed_in(visitor)


def test_a_callback_pasted_into_another_browser_signs_nobody_in(service: Service) -> None:
    visitor, victim = service.visit(), service.visit()
    callback = answer_page(visitor, visitor.get("/sign-in/cas"), "TS23000001").headers["Location"]
    victim.get("/sign-in/cas")
    page = victim.http.get(callback, timeout=30)
    assert page.status_code == 400
    assert 'data-sign-in="unknown_state"' in page.text
    assert 'href="/sign-in/cas?next=/"' in page.text
    assert not is_signed_in(victim)


def test_a_look_ahead_by_head_uses_nothing_up(service: Service) -> None:
    visitor = service.visit()
    callback = answer_page(visitor, visitor.get("/sign-in/cas"), "TS23000002").headers["Location"]
    assert visitor.http.head(callback, timeout=30).status_code == 200
    visitor.http.get(callback, timeout=30)
    assert is_signed_in(visitor)


def test_signing_out_ends_the_campus_session_too(service: Service) -> None:
    visitor, _ = sign_in(service)
    answer = visitor.post("/sign-out", visitor.get("/completed"))
    assert answer.headers["Location"] == f"{service.campus.cas}/logout?service={quote(service.url + '/', '')}"
    assert visitor.http.get(answer.headers["Location"], timeout=30).url.startswith(service.url)
    assert "password" in visitor.get("/sign-in/cas").text


def test_no_ticket_and_no_state_is_in_the_log(service: Service) -> None:
    _, callback = sign_in(service)
    address = get_entry(service, "TS23000001")
    service.visit().http.get(address, timeout=30)
    post_logout(service, write_logout(get_ticket(callback)))
    log = service.log.read_text(encoding="utf-8")
    assert "ended_by_campus" in log
    for secret in (get_ticket(callback), get_ticket(address), callback.partition("state=")[2][:43], "ST-"):
        assert secret not in log
