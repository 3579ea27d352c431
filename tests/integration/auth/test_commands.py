"""`flask sign-in check` and `flask sessions`, run as an operator runs them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.integration.auth.cas.visits import configure
from tests.programs import run_flask
from tests.running import running_service


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with one provider of each kind; the plain one's addresses are the OpenID provider's."""
    oauth2 = {
        "KIND": "oauth2",
        "LABEL": "e矿大",
        "AUTHORIZE_URL": f"{campus.issuer}/authorize",
        "TOKEN_URL": f"{campus.issuer}/token",
        "USERINFO_URL": f"{campus.issuer}/userinfo",
        "CLIENT_ID": "lixiao",
        "CLIENT_SECRET": "wrong-secret-value",
        "SCOPE": "profile",
        "CLAIMS__STUDENT_NUMBER": "number",
        "CLAIMS__NAME": "name",
    }
    changes = {f"LIXIAO_SIGN_IN__PHONE__{key}": value for key, value in oauth2.items()} | configure(campus)
    with running_service(campus, tmp_path_factory.mktemp("commands"), changes) as running:
        yield running
        campus.set_cas_fault()


def run(service: Service, *arguments: str, **changes: str) -> tuple[int, str]:
    """Run a command of `flask`; its exit code and everything that it wrote."""
    done = run_flask({**service.environment, **changes}, *arguments)
    return done.code, done.out + done.err


def test_an_openid_provider_that_fits_is_told_so(service: Service) -> None:
    code, told = run(service, "sign-in", "check", "campus")
    assert code == 0, told
    for text in (
        "/sign-in/campus/callback",
        "issuer is the configured one",
        "PKCE",
        "RFC 9207",
        "clock agrees",
    ):
        assert text in told
    assert "knows our client and refuses a code that nobody issued" in told


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"ISSUER": "{issuer}/"}, "issuer is not, letter by letter"),
        ({"CLIENT_SECRET": "wrong-secret-value"}, "does not know our client_id and client_secret"),
        ({"ISSUER": "http://127.0.0.1:9"}, "unreachable"),
    ],
)
def test_an_openid_provider_that_does_not_fit_is_told_why(
    changes: dict[str, str], text: str, service: Service
) -> None:
    changes = {
        f"LIXIAO_SIGN_IN__CAMPUS__{key}": value.format(issuer=service.campus.issuer)
        for key, value in changes.items()
    }
    code, told = run(service, "sign-in", "check", "campus", **changes)
    assert code == 1, told
    assert text in told
    assert "wrong-secret-value" not in told


def test_a_platform_that_does_not_know_our_secret_is_told_so(service: Service) -> None:
    code, told = run(service, "sign-in", "check", "phone")
    assert code == 1
    assert "does not know our client_id and client_secret" in told
    assert "the userinfo address answers" in told
    assert "wrong-secret-value" not in told


def test_a_cas_that_fits_is_told_so_and_one_that_does_not_why(service: Service) -> None:
    code, told = run(service, "sign-in", "check", "cas")
    assert code == 0, told
    assert "refuses a ticket that nobody issued" in told
    service.campus.set_cas_fault("html")
    code, told = run(service, "sign-in", "check", "cas")
    assert code == 1
    assert "does not know our callback address" in told


def test_a_client_that_is_not_let_in_is_told_the_way_in_which_it_came(service: Service) -> None:
    basic = {"LIXIAO_SIGN_IN__PHONE__CLIENT_AUTH": "client_secret_basic"}
    for changes, way in (({}, "client_secret_post"), (basic, "client_secret_basic")):
        code, told = run(service, "sign-in", "check", "phone", **changes)
        assert code == 1
        assert f"client_auth = {way}" in told


def test_a_name_that_is_not_configured_is_refused(service: Service) -> None:
    code, told = run(service, "sign-in", "check", "nobody")
    assert code == 2
    assert "campus" in told


def test_sessions_are_listed_masked_and_ended_with_an_audit_event(service: Service) -> None:
    visitor, other = service.visit(), service.visit()
    visitor.get("/sign-in/campus?next=/completed")
    for one, number in ((visitor, "TS23000002"), (other, "TS23000004")):
        page = one.get("/sign-in/campus?next=/completed")
        one.http.post(page.url, data={"username": number, "password": "demo"}, timeout=30)
        assert one.get("/completed", allow_redirects=False).status_code == 200
    _, masked = run(service, "sessions", "list")
    assert "********02" in masked
    assert "TS23000002" not in masked
    assert "TS23000002" in run(service, "sessions", "list", "--show-numbers")[1]
    assert "04" not in run(service, "sessions", "list", "TS23000002")[1].split()[0]
    assert run(service, "sessions", "end", "TS23000002", "--by", "00420014") == (0, "1 session(s) ended\n")
    assert visitor.get("/completed", allow_redirects=False).status_code == 302
    assert other.get("/completed", allow_redirects=False).status_code == 200
    assert run(service, "audit", "verify")[0] == 0
