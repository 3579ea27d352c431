"""Outgoing connections: to configured hosts, and to those that a provider's own discovery document names over TLS;
never to where an answer points otherwise. That sign-in follows no redirect: tests/integration/auth/test_oidc_faults.py.
"""

from __future__ import annotations

import socket
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import requests

from app.connectors.client import close_connectors, query_systems
from app.domain.clearance import DepartmentUnavailable
from app.identity.base import ProviderMisbehaved, SignInError
from app.identity.http import Exchange
from app.identity.oidc_tokens import read_metadata
from tests.campus.run import DEMO_FILE
from tests.fixtures.connectors import connect_all
from tests.integration.auth.small_server import Answer, Asked, SmallServer, json_answer

ISSUER = "https://sso.example.edu"
ENDPOINTS = (
    "authorization_endpoint",
    "token_endpoint",
    "jwks_uri",
    "userinfo_endpoint",
    "end_session_endpoint",
)
ODD = (
    "file:///etc/passwd",
    "gopher://sso.example.edu/",
    "ftp://sso.example.edu/jwks",
    "javascript:alert(1)",
    "//sso.example.edu/jwks",
    "/jwks",
    "http://sso.example.edu/jwks",
    "http://127.0.0.1:8001/jwks",
    "http://localhost/jwks",
    "http://[::1]/jwks",
    "http://169.254.169.254/latest/meta-data",
    "https://",
    "https:///jwks",
    "https://user:password@sso.example.edu/jwks",
    "https://sso.example.edu@127.0.0.1/jwks",
    "https://sso.example.edu/jwks#part",
    "https://sso.example.edu/j wks",
    "https://sso.example.edu/jwks\r\nHost: x",
    "https://统一.example.edu/jwks",
    "https://[::1/jwks",
    "https://sso.example.edu:0/jwks",
    "https://sso.example.edu:99999/jwks",
    17,
    ["https://sso.example.edu/jwks"],
    {"url": "https://sso.example.edu/jwks"},
)
THIS_MACHINE = (
    "127.0.0.1",
    "127.0.0.1:5432",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "0",
    "0.0.0.0",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[fe80::1]",
    "169.254.169.254",
    "2852039166",
    "localhost",
    "LOCALHOST.",
    "db.localhost",
)
NUMBER = "TS23000002"


@contextmanager
def serving() -> Iterator[SmallServer]:
    """A server that nobody configured; whoever asks it was led astray."""
    server = SmallServer()
    server.start()
    try:
        yield server
    finally:
        server.stop()


def describe(**changes: object) -> dict[str, object]:
    return {"issuer": ISSUER, **{name: f"{ISSUER}/{name}" for name in ENDPOINTS}, **changes}


@pytest.mark.parametrize("name", ENDPOINTS)
def test_odd_addresses_in_a_discovery_document_are_refused(name: str) -> None:
    for address in ODD:
        with pytest.raises(ProviderMisbehaved, match=f"discovery:{name}"):
            read_metadata(describe(**{name: address}), ISSUER)


@pytest.mark.parametrize("host", THIS_MACHINE)
def test_a_provider_elsewhere_never_names_this_machine_in_any_spelling(host: str) -> None:
    for scheme in ("https", "http"):
        with pytest.raises(ProviderMisbehaved, match="discovery:jwks_uri"):
            read_metadata(describe(jwks_uri=f"{scheme}://{host}/jwks"), ISSUER)


def test_a_provider_on_this_machine_may_name_itself() -> None:
    issuer = "http://127.0.0.1:8001/oidc"
    own = {"issuer": issuer, **{name: f"{issuer}/{name}" for name in ENDPOINTS}}
    assert read_metadata(own, issuer).jwks_uri == f"{issuer}/jwks_uri"


def test_a_name_that_resolves_to_this_machine_proves_itself_by_no_certificate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The document may name any host: where its name leads here, TLS ends the conversation before a byte of it."""
    with serving() as trap:
        port = int(trap.url.rpartition(":")[2])
        resolve = socket.getaddrinfo
        monkeypatch.setattr(
            socket, "getaddrinfo", lambda _host, _port, *rest, **options: resolve("127.0.0.1", port, *rest)
        )
        with pytest.raises(SignInError):
            Exchange(5).get_json("https://keys.example.net/jwks", "keys")
        assert trap.asked == []
        with pytest.raises(SignInError):
            Exchange(5).get_json("http://keys.example.net/jwks", "keys")
        assert trap.paths() == ["/jwks"]  # the control: without TLS it would have been asked


def test_a_provider_may_keep_its_keys_on_another_host_over_tls() -> None:
    """Large providers do; the document is read over TLS from the configured issuer, who vouches for it."""
    found = read_metadata(describe(jwks_uri="https://keys.example.net/jwks"), ISSUER)
    assert found.jwks_uri == "https://keys.example.net/jwks"


def make_thesis_answer(trap: str) -> dict[str, object]:
    """What the thesis system says when all is well, strewn with addresses."""
    return {
        "code": 0,
        "next": f"{trap}/next",
        "@odata.nextLink": f"{trap}/odata",
        "$ref": f"{trap}/ref",
        "data": {
            "student_no": NUMBER,
            "state": "审核通过",
            "submitted_on": "2026-05-20",
            "href": f"{trap}/href",
            "_links": {"self": {"href": f"{trap}/self"}},
        },
    }


def ask_thesis(answer: Answer) -> tuple[object, list[Asked]]:
    """What the connector makes of an answer, and what the department was asked."""
    config = tomllib.loads(DEMO_FILE.read_text(encoding="utf-8"))["connectors"]["library_thesis"]
    with serving() as department:
        path = f"/systems/library_thesis/v2/students/{NUMBER}/thesis"
        department.answers[path] = lambda _asked: answer
        connectors = connect_all({"thesis": {**config, "base_url": department.url, "credential": "k"}})
        found = query_systems(connectors, NUMBER, 5)["thesis"]
        close_connectors(connectors.values())
        return found, department.asked


def test_addresses_in_a_departments_answer_are_never_opened() -> None:
    with serving() as trap:
        headers = {
            "Link": f'<{trap.url}/link>; rel="next", <{trap.url}/style>; rel=preload',
            "Location": f"{trap.url}/location",
            "Content-Location": f"{trap.url}/content",
            "Refresh": f"0; url={trap.url}/refresh",
            "Alt-Svc": f'h2="{trap.url.removeprefix("http://")}"',
        }
        body = json_answer(make_thesis_answer(trap.url)).body
        found, asked = ask_thesis(Answer(body, headers=headers))
        assert not isinstance(found, DepartmentUnavailable), found
        assert (len(asked), trap.asked) == (1, [])


@pytest.mark.parametrize("status", [300, 301, 302, 303, 305, 307, 308])
def test_a_department_that_redirects_leads_nowhere(status: int) -> None:
    with serving() as trap:
        trap.answers["/trap"] = lambda _asked: json_answer(make_thesis_answer(trap.url))
        found, asked = ask_thesis(Answer(b"", status, headers={"Location": f"{trap.url}/trap"}))
        assert isinstance(found, DepartmentUnavailable)
        assert (len(asked), trap.asked) == (1, [])


def test_a_client_that_follows_redirects_is_led_to_a_stranger() -> None:
    """The control: the stranger of the test above notices who comes."""
    with serving() as trap, serving() as department:
        department.answers["/x"] = lambda _asked: Answer(b"", 302, headers={"Location": f"{trap.url}/trap"})
        requests.get(f"{department.url}/x", timeout=10)
        assert trap.paths() == ["/trap"]
