"""Signing in at the pretend campus and out again, over HTTP."""

from __future__ import annotations

from tests.conftest import Service
from tests.visitor import APP, Visitor

CLEARANCE = f"{APP}/clearance"
COOKIE = "lixiao_session"


def test_a_student_signs_in_and_lands_on_the_page_that_was_asked_for(visitor: Visitor) -> None:
    page = visitor.sign_in("TS23000002", f"{CLEARANCE}?wait=1")
    assert page.status_code == 200
    assert page.url == f"{visitor.url}{CLEARANCE}?wait=1"
    assert "李文静" in page.text


def test_signing_out_ends_the_session_on_the_server(service: Service) -> None:
    visitor = service.visit()
    page = visitor.sign_in("TS23000002")
    stolen = visitor.http.cookies[COOKIE]
    answer = visitor.post("/sign-out", page)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    thief = service.visit()
    thief.http.cookies[COOKIE] = stolen
    assert "/oidc/" in thief.get(CLEARANCE).url
