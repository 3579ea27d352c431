"""Opened from the campus app: nobody is signed in before they have said who they are."""

from __future__ import annotations

import pytest
import requests

from tests.conftest import Service
from tests.integration.auth.cas.visits import (
    get_entry,
    is_signed_in,
    sign_in,
)


def test_a_student_opened_from_the_campus_app_is_asked_before_a_session_begins(service: Service) -> None:
    visitor = service.visit()
    page = visitor.http.get(get_entry(service, "TS23000002"), timeout=30)
    assert page.url == f"{service.url}/sign-in/cas/confirm"
    assert "李**" in page.text
    assert "尾号 0002" in page.text
    assert "李文静" not in page.text
    assert not is_signed_in(visitor)
    answer = visitor.post("/sign-in/cas/confirm", page, choice="0")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert is_signed_in(visitor)


def test_a_link_with_a_strangers_ticket_signs_nobody_in_without_their_word(service: Service) -> None:
    victim = service.visit()
    page = victim.http.get(get_entry(service, "TS23000001"), timeout=30)
    forged = victim.http.post(page.url, data={"choice": "0"}, timeout=30, allow_redirects=False)
    assert forged.status_code in (303, 400)
    assert not is_signed_in(victim)


def test_an_entry_fetched_twice_still_asks_and_a_confirmation_counts_once(service: Service) -> None:
    visitor = service.visit()
    address = get_entry(service, "TS23000002")
    visitor.http.head(address, timeout=30)
    visitor.http.get(address, timeout=30)
    page = visitor.http.get(address, timeout=30)
    assert page.url == f"{service.url}/sign-in/cas/confirm"
    copy = service.visit()
    copy.http.cookies.update(visitor.http.cookies)
    visitor.post("/sign-in/cas/confirm", page, choice="0")
    assert visitor.http.get(address, timeout=30, allow_redirects=False).headers["Location"] == "/"
    copy.post("/sign-in/cas/confirm", page, choice="0")
    assert (is_signed_in(visitor), is_signed_in(copy)) == (True, False)


@pytest.mark.parametrize("choice", ["", "1", "-1", "x"])
def test_a_choice_that_was_not_offered_begins_nothing(choice: str, service: Service) -> None:
    visitor = service.visit()
    page = visitor.http.get(get_entry(service, "TS23000002"), timeout=30)
    answer = visitor.post("/sign-in/cas/confirm", page, choice=choice)
    assert answer.status_code == 400
    assert 'data-sign-in="expired_confirmation"' in answer.text
    assert not is_signed_in(visitor)


def test_an_entry_used_by_another_browser_offers_the_sign_in(service: Service) -> None:
    address = get_entry(service, "TS23000002")
    requests.get(address, timeout=30)
    page = service.visit().http.get(address, timeout=30)
    assert 'data-sign-in="validate:invalid_ticket"' in page.text
    assert 'href="/sign-in/cas?next=/"' in page.text


def test_an_entry_without_a_ticket_is_an_ordinary_sign_in(service: Service) -> None:
    answer = service.visit().get("/sign-in/cas/entry", allow_redirects=False)
    assert answer.headers["Location"] == "/sign-in/cas"


def test_an_entry_that_is_not_configured_is_no_page(service: Service) -> None:
    for name in ("plain", "campus"):
        assert service.visit().get(f"/sign-in/{name}/entry?ticket=ST-1-x&code=x").status_code == 404


def test_who_is_signed_in_already_is_not_asked_again_but_somebody_else_is(service: Service) -> None:
    visitor, _ = sign_in(service)
    same = visitor.http.get(get_entry(service, "TS23000002"), timeout=30, allow_redirects=False)
    assert same.headers["Location"] == "/"
    other = visitor.http.get(get_entry(service, "TS23000001"), timeout=30)
    assert "陈**" in other.text
