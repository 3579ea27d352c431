"""Signing in and out by CAS through the running service: single logout, and opened from the campus app."""

from __future__ import annotations

import time
from collections.abc import Iterator
from urllib.parse import quote

import pytest
import requests

from tests.campus.cas.answers import write_logout
from tests.campus.client import CampusClient
from tests.campus.credentials import PASSWORD
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import Visitor

CLAIMS = {
    "STUDENT_NUMBER": "user",
    "STAFF_NUMBER": "user",
    "NAME": "attributes.cn",
    "LEVEL": "attributes.levelName",
    "ROLE": "attributes.userType",
}


def configure(campus: CampusClient, name: str = "CAS", **options: str) -> dict[str, str]:
    """The environment of a CAS provider of this name."""
    settings = {"KIND": "cas", "LABEL": "统一身份认证（CAS）", "URL": campus.cas, **options}
    settings |= {f"CLAIMS__{key}": path for key, path in CLAIMS.items()}
    settings |= {f"ROLES__{role}": role.lower() for role in ("STUDENT", "TEACHER", "CLERK", "GUARD")}
    return {f"LIXIAO_SIGN_IN__{name}__{key}": value for key, value in settings.items()}


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two CAS providers: one that the campus app may open, and one that it may not."""
    changes = configure(campus, ENTRY="ticket", END_CAMPUS_SESSION="true") | configure(campus, "PLAIN")
    changes["LIXIAO_ROLES__ADMINISTRATORS"] = "00420014"
    with running_service(campus, tmp_path_factory.mktemp("cas"), changes) as running:
        yield running


def answer_page(visitor: Visitor, page: requests.Response, number: str) -> requests.Response:
    """Answer the campus's sign-in page, without following the way back."""
    return visitor.http.post(
        page.url, data={"username": number, "password": PASSWORD}, timeout=30, allow_redirects=False
    )


def sign_in(service: Service, number: str = "TS23000002") -> tuple[Visitor, str]:
    """A signed-in visitor and the address of the callback."""
    visitor = service.visit()
    callback = answer_page(visitor, visitor.get("/sign-in/cas?next=/completed"), number).headers["Location"]
    page = visitor.http.get(callback, timeout=30)
    assert page.url == f"{service.url}/completed"
    return visitor, callback


def is_signed_in(visitor: Visitor) -> bool:
    return visitor.get("/completed", allow_redirects=False).status_code == 200


def get_entry(service: Service, number: str, name: str = "cas") -> str:
    """The address with a ticket that the campus app opens by itself."""
    address = f"{service.url}/sign-in/{name}/entry"
    page = f"{service.campus.cas}/login?service={quote(address)}"
    answer = requests.post(
        page, data={"username": number, "password": PASSWORD}, timeout=30, allow_redirects=False
    )
    return answer.headers["Location"]


def get_ticket(address: str) -> str:
    return address.partition("ticket=")[2]


def post_logout(service: Service, text: str, name: str = "cas") -> int:
    address = f"{service.url}/sign-in/{name}/callback"
    return requests.post(address, data={"logoutRequest": text}, timeout=30).status_code


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


def test_a_session_begun_by_an_entry_ends_by_single_logout_too(service: Service) -> None:
    visitor, address = service.visit(), get_entry(service, "TS23000002")
    visitor.post("/sign-in/cas/confirm", visitor.http.get(address, timeout=30), choice="0")
    assert post_logout(service, write_logout(get_ticket(address))) == 204
    assert not is_signed_in(visitor)


def test_no_ticket_and_no_state_is_in_the_log(service: Service) -> None:
    _, callback = sign_in(service)
    address = get_entry(service, "TS23000001")
    service.visit().http.get(address, timeout=30)
    post_logout(service, write_logout(get_ticket(callback)))
    log = service.log.read_text(encoding="utf-8")
    assert "ended_by_campus" in log
    for secret in (get_ticket(callback), get_ticket(address), callback.partition("state=")[2][:43], "ST-"):
        assert secret not in log
