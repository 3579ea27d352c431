"""Odd, hostile and broken requests to the running service: a friendly page of the right status, never a 5xx."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from urllib.parse import urlsplit

import pytest
from sqlalchemy import create_engine, text

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.integration.conftest import MakeDatabase
from tests.running import running_service
from tests.visitor import APP, Visitor

SUBMIT = f"{APP}/submission"
FORM = "application/x-www-form-urlencoded"
TEN_MEGABYTES = 10_000_000
TABLES = ("submissions", "slips", "issued_codes", "actions", "audit_events")


@pytest.fixture(scope="module")
def service(
    campus: CampusClient, tmp_path_factory: pytest.TempPathFactory, make_database: MakeDatabase
) -> Iterator[Service]:
    """A service with a database of either kind: PostgreSQL refuses texts that SQLite takes."""
    campus.reset()
    folder = tmp_path_factory.mktemp("odd")
    with running_service(campus, folder, {"LIXIAO_DATABASE__URL": make_database(folder)}) as running:
        yield running


@pytest.fixture
def signed_in(service: Service) -> Visitor:
    """A student who may submit and has not."""
    visitor = service.visit()
    visitor.sign_in("TS23000002")
    return visitor


@dataclass(frozen=True)
class Answer:
    """What came back over the bare socket."""

    status: int
    headers: dict[str, str]
    body: str

    def is_friendly(self) -> bool:
        """Whether a person reads what happened and finds the request's number."""
        number = self.headers.get("x-request-id", "")
        return re.fullmatch("[0-9a-f]{16}", number) is not None and number in self.body


def send(
    service: Service,
    target: bytes,
    method: bytes = b"GET",
    headers: dict[bytes, bytes] | None = None,
    body: bytes = b"",
) -> Answer:
    """Send bytes as they are, which no decent client would, and read what comes."""
    address = urlsplit(service.url)
    lines = {b"Host": address.netloc.encode(), b"Connection": b"close"}
    if body:
        lines[b"Content-Length"] = str(len(body)).encode()
    lines |= headers or {}
    head = b"".join(b"%s: %s\r\n" % item for item in lines.items() if item[1])
    with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as connection:
        connection.sendall(b"%s %s HTTP/1.1\r\n%s\r\n" % (method, target, head) + body)
        response = HTTPResponse(connection)
        response.begin()
        found = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, found, response.read().decode(errors="replace"))


def cookies_of(visitor: Visitor) -> dict[bytes, bytes]:
    """The browser's Cookie header."""
    pairs = "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.get_dict().items())
    return {b"Cookie": pairs.encode()}


def count_rows(service: Service) -> dict[str, int]:
    """How much is stored."""
    engine = create_engine(service.environment["LIXIAO_DATABASE__URL"])
    try:
        with engine.connect() as connection:
            return {
                table: connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one()
                for table in TABLES
            }
    finally:
        engine.dispose()


@pytest.fixture(autouse=True)
def nothing_is_stored(service: Service) -> Iterator[None]:
    """No request of this file leaves anything behind, and the service lives on."""
    before = count_rows(service)
    yield
    assert count_rows(service) == before
    assert send(service, b"/healthz").status == 200


ODD_TARGETS = [
    b"/nowhere",
    b"/nowhere/clearance",
    b"/%00",
    b"/%00/clearance",
    b"/slips/%00",
    b"/slips/%00.pdf",
    b"/graduate-departure/clearance/%00/%00",
    b"/%0d%0aSet-Cookie:%20a=b",
    b"/%1b%5b31m",
    b"/%zz",
    b"/%",
    b"/%ff%fe",
    b"/%c0%ae%c0%ae/",
    "/离校".encode(),
    b"/static/../factory.py",
    b"/static/%2e%2e/factory.py",
    b"/static/%00",
    b"/static/" + b"a" * 5000,
    b"/" + b"a" * 60_000,
    b"//evil.example/clearance",
    b"/sign-in/%00/callback?code=%00&state=%ff",
]


@pytest.mark.parametrize("target", ODD_TARGETS, ids=lambda target: repr(target[:40]))
def test_an_address_that_does_not_exist_is_a_friendly_404(
    service: Service, signed_in: Visitor, target: bytes
) -> None:
    for headers in ({}, cookies_of(signed_in)):
        answer = send(service, target, headers=headers)
        assert answer.status == 404
        assert answer.is_friendly()


ODD_QUERIES = [
    b"/?a=%00%ff%zz&&&=",
    b"/graduate-departure/?" + b"a=1&" * 5000,
    b"/graduate-departure/clearance?wait=%00",
    b"/completed?%ff=%00",
    b"/slips/LX000000000000000.pdf?token=%ff%00",
    b"/sign-in?next=%ff%00%0d%0aLocation:%20x",
    b"/sign-in?next=//evil.example",
    b"/v/%00",
    b"/v/%ff%fe",
    b"/v/" + b"1" * 30_000,
    b"/v/" + "１２３".encode(),
    b"/verify?code=%00%ff",
    b"/.well-known/slip-keys.json?%00",
    b"/.well-known/slip-status?%ff",
    b"/readyz?%00",
    b"/metrics?%00",
]


@pytest.mark.parametrize("target", ODD_QUERIES, ids=lambda target: repr(target[:40]))
@pytest.mark.parametrize("accept", [b"text/html", b"application/json", b"\xff;q=x, */json;q=9"])
def test_odd_queries_and_codes_never_break_a_page_nor_json(
    service: Service, signed_in: Visitor, target: bytes, accept: bytes
) -> None:
    answer = send(service, target, headers={b"Accept": accept, **cookies_of(signed_in)})
    assert answer.status < 500
    assert "evil.example" not in answer.headers.get("location", "")
    assert len(answer.headers["x-request-id"]) == 16


def test_an_error_is_json_for_those_who_ask_for_json(service: Service) -> None:
    answer = send(service, b"/.well-known/nothing", headers={b"Accept": b"application/json"})
    assert answer.status == 404
    assert answer.headers["content-type"] == "application/json"
    assert answer.is_friendly()


@pytest.mark.parametrize("method", [b"DELETE", b"PUT", b"PATCH", b"BREW", b"TRACE"])
@pytest.mark.parametrize("target", [b"/", b"/completed", SUBMIT.encode(), b"/v/1", b"/healthz"])
def test_a_method_that_a_page_does_not_know_is_a_friendly_405(
    service: Service, signed_in: Visitor, method: bytes, target: bytes
) -> None:
    answer = send(service, target, method, cookies_of(signed_in))
    assert answer.status == 405
    assert answer.is_friendly()
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    "form", [b"", b"csrf_token=", b"csrf_token=wrong", b"csrf_token=%00%ff", b"\xff=\x00"]
)
def test_a_form_without_the_right_token_is_a_friendly_400(
    service: Service, signed_in: Visitor, form: bytes
) -> None:
    headers = cookies_of(signed_in) | {b"Content-Type": FORM.encode(), b"Content-Length": b"%d" % len(form)}
    answer = send(service, SUBMIT.encode(), b"POST", headers, form)
    assert answer.status == 400
    assert answer.is_friendly()


def test_the_token_of_another_student_is_refused(service: Service, signed_in: Visitor) -> None:
    other = service.visit()
    other.sign_in("TS23000009")
    answer = signed_in.post(SUBMIT, other.get(SUBMIT))
    assert answer.status_code == 400


@pytest.mark.parametrize("mimetype", [FORM, "multipart/form-data; boundary=q", "text/plain"])
@pytest.mark.parametrize("target", [SUBMIT, "/sign-out", f"{APP}/clearance/finance/refresh"])
def test_ten_megabytes_are_a_413_page_that_arrives(
    service: Service, signed_in: Visitor, mimetype: str, target: str
) -> None:
    headers = cookies_of(signed_in) | {b"Content-Type": mimetype.encode()}
    answer = send(service, target.encode(), b"POST", headers, b"x" * TEN_MEGABYTES)
    assert answer.status == 413
    assert answer.is_friendly()


def test_a_large_body_nobody_asked_for_does_not_cut_the_answer_off(service: Service) -> None:
    assert send(service, b"/nowhere", b"POST", body=b"x" * TEN_MEGABYTES).status == 404
    assert send(service, f"{APP}/".encode(), b"GET", body=b"x" * TEN_MEGABYTES).status == 200


def test_a_form_of_a_megabyte_is_too_large_too(service: Service, signed_in: Visitor) -> None:
    headers = cookies_of(signed_in) | {b"Content-Type": FORM.encode()}
    answer = send(service, SUBMIT.encode(), b"POST", headers, b"a=1&" * 250_000)
    assert answer.status == 413


def test_a_chunked_form_counts_as_an_empty_one(service: Service, signed_in: Visitor) -> None:
    headers = cookies_of(signed_in) | {b"Content-Type": FORM.encode(), b"Transfer-Encoding": b"chunked"}
    body = b"5\r\na=b&c\r\n0\r\n\r\n"
    answer = send(service, SUBMIT.encode(), b"POST", headers | {b"Content-Length": b""}, body)
    assert answer.status == 400


@pytest.mark.parametrize(
    "host",
    [
        b"evil.example",
        b"evil.example:80",
        b"127.0.0.1.evil.example",
        b"127.0.0.1/@evil.example",
        b"\xff",
        b"[::1",
    ],
)
@pytest.mark.parametrize("target", [b"/", b"/static/lixiao.css", b"/nowhere", b"/v/1", b"/sign-in"])
def test_a_forged_host_is_a_friendly_400(service: Service, host: bytes, target: bytes) -> None:
    answer = send(service, target, headers={b"Host": host})
    assert answer.status == 400
    assert answer.is_friendly()
    assert "evil" not in answer.body


def test_forwarded_headers_change_nothing(service: Service, signed_in: Visitor) -> None:
    forged = {
        b"X-Forwarded-Host": b"evil.example",
        b"X-Forwarded-Proto": b"https",
        b"X-Forwarded-Prefix": b"/evil",
        b"X-Forwarded-For": b"203.0.113.9",
        b"Forwarded": b"host=evil.example;proto=https",
    }
    for target in (b"/", b"/sign-in", SUBMIT.encode(), b"/completed"):
        answer = send(service, target, headers=forged)
        assert answer.status < 400
        assert "evil" not in answer.body + answer.headers.get("location", "")
        signed = send(service, target, headers=forged | cookies_of(signed_in))
        assert "evil" not in signed.body + signed.headers.get("location", "")


ODD_HEADERS = [
    {b"Cookie": b"lixiao_session=\xff\xfe; \xff=1; ;;=; a"},
    {b"Cookie": b"lixiao_session=" + b"x" * 100_000},
    {b"Cookie": b"; ".join(b"a%d=b" % number for number in range(5000))},
    {b"X-Odd": b"a\xffb", b"Accept-Language": b"\xff;q=9", b"Authorization": b"Basic \xff"},
    {b"Accept-Encoding": b"\xff, gzip;q=x, br;q=-1"},
    {b"If-None-Match": b"\xff", b"If-Modified-Since": b"\xff", b"Range": b"bytes=9-1,x"},
    {b"Content-Type": b"multipart/form-data; boundary=" + b"\xff" * 200},
    {b"X-Forwarded-For": b"\xff, , ;", b"Referer": b"\xff"},
]


@pytest.mark.parametrize("headers", ODD_HEADERS, ids=lambda headers: repr(headers)[:40])
@pytest.mark.parametrize("target", [f"{APP}/", SUBMIT, "/v/1", "/completed"])
def test_odd_headers_and_huge_cookies_never_break_a_page(
    service: Service, headers: dict[bytes, bytes], target: str
) -> None:
    answer = send(service, target.encode(), headers=headers)
    assert answer.status in (200, 302)
    assert len(answer.headers["x-request-id"]) == 16


@pytest.mark.parametrize(
    "headers",
    [
        {b"X-Odd": b"a\x00b"},
        {b"Cookie": b"a=\x01"},
        {b"Cookie": b"a=" + b"x" * 1_000_000},
        {b"Content-Length": b"-1"},
    ],
)
def test_what_is_no_http_is_refused_by_the_server_itself(
    service: Service, headers: dict[bytes, bytes]
) -> None:
    with suppress(ConnectionError):
        assert send(service, b"/", headers=headers).status in (400, 431)


@pytest.mark.parametrize("number", ["LX260000000000000", "LX", "1", "../../x", "离校"])
def test_a_slip_that_does_not_exist_is_a_friendly_404(signed_in: Visitor, number: str) -> None:
    for ending in ("", ".pdf", ".png", ".pdf?download=1"):
        answer = signed_in.get(f"/slips/{number}{ending}")
        assert answer.status_code == 404
        assert "请求编号" in answer.text


def test_a_session_that_ends_in_the_middle_of_a_form_leads_through_the_sign_in_back_to_the_page(
    service: Service, signed_in: Visitor
) -> None:
    page = signed_in.get(SUBMIT)
    signed_in.http.cookies.clear()
    answer = signed_in.post(SUBMIT, page)
    assert answer.status_code == 303
    assert answer.headers["Location"].startswith("/sign-in?")
    back = signed_in.sign_in("TS23000002", answer.headers["Location"])
    assert back.url == f"{service.url}{SUBMIT}"
    assert "刚才的操作没有送出" in back.text
