"""Every kind of answer carries every security header."""

from __future__ import annotations

import re

import pytest
import requests

from tests.conftest import Service
from tests.visitor import APP, Visitor

KINDS = {
    "page": ("GET", f"{APP}/", 200),
    "redirect": ("GET", "/", 302),
    "to the sign-in": ("GET", f"{APP}/clearance", 302),
    "static file": ("GET", "/static/lixiao.css", 200),
    "verification": ("GET", "/v/1", 200),
    "json": ("GET", "/healthz", 200),
    "keys": ("GET", "/.well-known/slip-keys.json", 200),
    "form without a session": ("POST", f"{APP}/submission", 303),
    "not found": ("GET", "/nowhere", 404),
    "file not found": ("GET", "/static/nothing.css", 404),
    "method": ("DELETE", "/completed", 405),
    "failed sign-in": ("GET", "/sign-in/campus/callback?code=1&state=2", 400),
    "options": ("OPTIONS", f"{APP}/", 200),
    "head": ("HEAD", f"{APP}/", 200),
}


def check_headers(answer: requests.Response) -> None:
    """Assert what every answer must say."""
    headers = answer.headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["base-uri"] == "'none'"
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] in ("same-origin", "no-referrer")
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Permissions-Policy" in headers
    assert re.fullmatch("[0-9a-f]{16}", headers["X-Request-ID"])
    assert headers["Cache-Control"]
    assert "Strict-Transport-Security" not in headers, "only https may promise https"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_answer_has_every_security_header(service: Service, kind: str) -> None:
    method, path, status = KINDS[kind]
    answer = requests.request(method, service.url + path, timeout=30, allow_redirects=False)
    assert answer.status_code == status
    check_headers(answer)


def test_a_forged_host_and_a_large_body_have_them_too(service: Service) -> None:
    forged = requests.get(f"{service.url}/", headers={"Host": "evil.example"}, timeout=30)
    assert forged.status_code == 400
    check_headers(forged)
    large = requests.post(f"{service.url}/sign-out", data=b"x" * 9_000_000, timeout=30)
    assert large.status_code == 413
    check_headers(large)


def test_personal_pages_refusals_and_files_have_them(service: Service, visitor: Visitor) -> None:
    check_headers(visitor.sign_in("TS23000003"))
    refused = visitor.submit()
    assert refused.status_code == 422
    check_headers(refused)
    unsigned = visitor.http.post(f"{service.url}{APP}/submission", timeout=30)
    assert unsigned.status_code == 400
    check_headers(unsigned)


def test_files_of_a_slip_have_them(visitor: Visitor, fresh_student: str) -> None:
    visitor.sign_in(fresh_student)
    slip = visitor.submit().headers["Location"]
    for ending in ("", ".pdf", ".png"):
        answer = visitor.get(slip + ending)
        assert answer.status_code == 200
        check_headers(answer)


def test_a_static_file_is_kept_for_ever_only_by_its_hashed_address(service: Service) -> None:
    page = requests.get(f"{service.url}{APP}/", timeout=30).text
    hashed = re.findall(r'(?:href|src)="(/static/[^"]+\?v=[0-9a-f]+)"', page)
    assert hashed
    for address in hashed:
        answer = requests.get(service.url + address, timeout=30)
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    plain = requests.get(f"{service.url}/static/lixiao.css", timeout=30)
    assert "immutable" not in plain.headers["Cache-Control"]


@pytest.mark.parametrize("path", [f"{APP}/", "/v/1", "/static/lixiao.css", "/nowhere"])
def test_text_is_compressed_for_those_who_accept_it_and_only_for_them(service: Service, path: str) -> None:
    compressed = requests.get(service.url + path, headers={"Accept-Encoding": "gzip"}, timeout=30)
    plain = requests.get(service.url + path, headers={"Accept-Encoding": "identity"}, timeout=30)
    refused = requests.get(service.url + path, headers={"Accept-Encoding": "gzip;q=0"}, timeout=30)
    assert compressed.headers["Content-Encoding"] == "gzip"
    assert int(compressed.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    for answer in (plain, refused):
        assert "Content-Encoding" not in answer.headers
    for answer in (compressed, plain):
        assert "Accept-Encoding" in answer.headers["Vary"]
    assert re.sub("[0-9a-f]{16}", "", compressed.text) == re.sub("[0-9a-f]{16}", "", plain.text)


def test_a_compressed_static_file_is_revalidated_by_its_tag(service: Service) -> None:
    address = f"{service.url}/static/lixiao.css"
    tag = requests.get(address, timeout=30).headers["ETag"]
    assert requests.get(address, headers={"If-None-Match": tag}, timeout=30).status_code == 304
