"""Sign-ins at servers that others wrote: django-cas-server, and oidc-provider, a certified OpenID provider.

Both run where they are installed: DJANGO_CAS_PYTHON names the Python of an environment with django-cas-server,
OIDC_PROVIDER the main file of the Node package.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import NoReturn
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import pytest
import requests

from app.domain.person import LetterCase, NumberForm
from app.identity.base import Severity, SignInRefused
from app.identity.cas import CasProvider
from app.identity.oidc import OidcProvider
from app.identity.registry import build_providers
from tests.integration.auth.small_server import Answer, SmallServer, running_server

HERE = Path(__file__).parent
CALLBACK = "http://127.0.0.1:9/sign-in/campus/callback"
SECRET = "s3cret+%&="
NUMBER = "00230001"
CAS_PYTHON = os.environ.get("DJANGO_CAS_PYTHON", "")
OIDC_MAIN = os.environ.get("OIDC_PROVIDER", "")


@contextmanager
def running(command: list[str], **environment: str) -> Iterator[str]:
    """Start a program and wait for its address."""
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        ready = next((line for line in process.stdout or () if line.startswith("ready ")), "")
        assert ready, f"{command[0]} ended with {process.wait()}"
        yield ready.removeprefix("ready ").strip()
    finally:
        process.terminate()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def read_form(page: requests.Response) -> tuple[str, dict[str, str]]:
    """The address and the hidden fields of the page's first form."""
    action = re.search(r'<form[^>]*action="([^"]*)"', page.text)
    hidden = {}
    for tag in re.findall(r"<input[^>]*>", page.text):
        parts = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if parts.get("type") == "hidden":
            hidden[parts["name"]] = unescape(parts.get("value", ""))
    return urljoin(page.url, unescape(action[1])) if action else page.url, hidden


def come_back(address: str, callback: str, **answers: str) -> dict[str, str]:
    """Go through the server's pages, answering each form, until it sends the browser to the callback."""
    browser = requests.Session()
    answer = browser.get(address, allow_redirects=False, timeout=30)
    for _ in range(20):
        while location := answer.headers.get("Location"):
            target = urljoin(answer.url, location)
            if target.startswith(callback):
                return dict(parse_qsl(urlsplit(target).query))
            answer = browser.get(target, allow_redirects=False, timeout=30)
        action, hidden = read_form(answer)
        answer = browser.post(action, data=hidden | answers, allow_redirects=False, timeout=30)
    raise AssertionError(answer.text[:2000])


def leave_out(why: str) -> NoReturn:
    """Skip and say why; where everything has to run, fail."""
    if os.environ.get("CI") == "true":
        pytest.fail(why)
    pytest.skip(why)


@pytest.fixture(scope="module")
def cas(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a django-cas-server."""
    if not CAS_PYTHON:
        leave_out("DJANGO_CAS_PYTHON is not set: django-cas-server was left out")
    folder = tmp_path_factory.mktemp("django-cas")
    with running([CAS_PYTHON, str(HERE / "run_django_cas.py"), str(folder)]) as address:
        yield address


def make_cas(url: str, **options: object) -> CasProvider:
    faults: list[str] = []
    section = {
        "label": "统一身份认证",
        "url": url,
        "claims": {"student_number": "user", "name": "attributes.cn", "college": "attributes.groups[1]"},
    }
    client = build_providers({"campus": {"kind": "cas", **section, **options}}, NumberForm(), faults)[
        "campus"
    ]
    assert not faults
    return client


def test_a_student_signs_in_at_django_cas_server(cas: str) -> None:
    client = make_cas(cas)
    redirect = client.begin(CALLBACK)
    query = come_back(redirect.url, CALLBACK, username=NUMBER, password="demo")
    person = client.finish(query, redirect.pending, CALLBACK)
    assert (person.number, person.name, person.college) == (NUMBER, "李文静", "students")
    with pytest.raises(SignInRefused, match="validate:invalid_ticket"):
        client.finish(query, redirect.pending, CALLBACK)


def test_django_cas_server_refuses_a_ticket_of_another_sign_in(cas: str) -> None:
    client = make_cas(cas)
    mine, theirs = client.begin(CALLBACK), client.begin(CALLBACK)
    stolen = come_back(theirs.url, CALLBACK, username=NUMBER, password="demo")["ticket"]
    with pytest.raises(SignInRefused, match="validate:invalid_service"):
        client.finish({"state": mine.pending["state"], "ticket": stolen}, mine.pending, CALLBACK)


def test_protocol_2_of_django_cas_server_is_understood(cas: str) -> None:
    client = make_cas(cas, version="2")
    redirect = client.begin(CALLBACK)
    query = come_back(redirect.url, CALLBACK, username=NUMBER, password="demo")
    assert client.finish(query, redirect.pending, CALLBACK).number == NUMBER


def test_the_logout_message_of_django_cas_server_names_the_ticket(cas: str) -> None:
    with running_server(SmallServer()) as service:
        callback = f"{service.url}/sign-in/campus/callback"
        service.answers["/sign-in/campus/callback"] = lambda asked: Answer(b"", 204)
        client = make_cas(cas)
        redirect = client.begin(callback)
        browser = requests.Session()
        page = browser.get(redirect.url, timeout=30)
        action, hidden = read_form(page)
        answer = browser.post(
            action, data=hidden | {"username": NUMBER, "password": "demo"}, allow_redirects=False, timeout=30
        )
        query = dict(parse_qsl(urlsplit(answer.headers["Location"]).query))
        client.finish(query, redirect.pending, callback)
        browser.get(f"{cas}/logout", timeout=30)
        (told,) = [asked for asked in service.asked if asked.method == "POST"]
        assert client.read_logout(told.form) == query["ticket"] == client.name_session(query)


def test_the_check_says_what_django_cas_server_does_not_prove(cas: str) -> None:
    found = {finding.message: finding.fit for finding in make_cas(cas).check(CALLBACK)}
    (doubt,) = [message for message, fit in found.items() if fit is not Severity.FITS]
    assert "not proven that our address is registered" in doubt
    assert found[doubt] is Severity.NOTE


TYPED = ("ts23000008", "tS23000008", "TS23000008")


def test_one_person_has_one_number_however_it_was_typed_at_django_cas_server(cas: str) -> None:
    client = make_cas(cas)
    numbers = set()
    for typed in TYPED:
        redirect = client.begin(CALLBACK)
        query = come_back(redirect.url, CALLBACK, username=typed, password="demo")
        numbers.add(client.finish(query, redirect.pending, CALLBACK).number)
    assert numbers == {"TS23000008"}


def test_django_cas_server_gives_the_number_back_as_it_was_typed(cas: str) -> None:
    client = make_cas(cas)
    kept = {"numbers": NumberForm(case=LetterCase.KEPT)}
    client._settings = client._settings.model_copy(update=kept)
    redirect = client.begin(CALLBACK)
    query = come_back(redirect.url, CALLBACK, username="tS23000008", password="demo")
    assert client.finish(query, redirect.pending, CALLBACK).number == "tS23000008"


@pytest.fixture(
    scope="module",
    params=[
        ("client_secret_post", "RS256", ""),
        ("client_secret_basic", "ES256", "RS256"),
        ("client_secret_post", "Ed25519", "ES256"),
        ("client_secret_basic", "PS256", ""),
    ],
    ids=str,
)
def openid(request: pytest.FixtureRequest) -> Iterator[OidcProvider]:
    """The product's client for an oidc-provider that takes one way of authentication and signs in its own way."""
    node = shutil.which("node")
    if not OIDC_MAIN or node is None:
        leave_out("OIDC_PROVIDER is not set: oidc-provider was left out")
    command = [node, str(HERE / "openid_provider.mjs"), CALLBACK]
    client_auth, id_token, userinfo = request.param
    signed = {"USERINFO_ALG": userinfo} if userinfo else {}
    with running(command, CLIENT_AUTH=client_auth, ID_TOKEN_ALG=id_token, **signed) as issuer:
        yield make_openid(issuer, client_auth)


def make_openid(issuer: str, client_auth: str, secret: str = SECRET) -> OidcProvider:
    faults: list[str] = []
    section = {
        "label": "统一身份认证",
        "issuer": issuer,
        "client_id": "lixiao",
        "client_secret": secret,
        "client_auth": client_auth,
        "scope": "openid profile",
        "claims": {"student_number": "number", "name": "name"},
    }
    client = build_providers({"campus": {"kind": "oidc", **section}}, NumberForm(), faults)["campus"]
    assert not faults
    return client


def test_a_student_signs_in_at_oidc_provider(openid: OidcProvider) -> None:
    redirect = openid.begin(CALLBACK)
    query = come_back(redirect.url, CALLBACK, login=NUMBER, password="x")
    person = openid.finish(query, redirect.pending, CALLBACK)
    assert (person.number, person.name) == (NUMBER, "李文静")
    with pytest.raises(SignInRefused, match="token:invalid_grant"):
        openid.finish(query, redirect.pending, CALLBACK)


def test_one_person_has_one_number_however_it_was_typed_at_oidc_provider(openid: OidcProvider) -> None:
    numbers = set()
    for typed in TYPED:
        redirect = openid.begin(CALLBACK)
        query = come_back(redirect.url, CALLBACK, login=typed, password="x")
        numbers.add(openid.finish(query, redirect.pending, CALLBACK).number)
    assert numbers == {"TS23000008"}


def test_oidc_provider_refuses_a_code_of_another_sign_in(openid: OidcProvider) -> None:
    mine, theirs = openid.begin(CALLBACK), openid.begin(CALLBACK)
    query = come_back(theirs.url, CALLBACK, login=NUMBER, password="x")
    with pytest.raises(SignInRefused, match="token:invalid_grant"):
        openid.finish(query | {"state": mine.pending["state"]}, mine.pending, CALLBACK)


def test_oidc_provider_reports_an_error_that_is_understood(openid: OidcProvider) -> None:
    redirect = openid.begin(CALLBACK)
    address = f"{redirect.url}&{urlencode({'prompt': 'none'})}"
    query = come_back(address, CALLBACK)
    with pytest.raises(SignInRefused, match="callback:login_required"):
        openid.finish(query, redirect.pending, CALLBACK)


def test_the_check_finds_nothing_wrong_with_oidc_provider(openid: OidcProvider) -> None:
    findings = openid.check(CALLBACK)
    assert {finding.fit for finding in findings} == {Severity.FITS}, findings
