"""The CAS client against the campus's server, honest and not."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qsl, urlsplit

import pytest
import requests

from app.domain.person import NumberForm, Person, Role
from app.identity.base import ProviderMisbehaved, Severity, SignInError, SignInRefused, SignInUnavailable
from app.identity.cas import CasProvider, make_service
from app.identity.registry import build_providers
from tests.campus.client import CampusClient
from tests.campus.credentials import PASSWORD
from tests.integration.auth.small_server import Answer, SmallServer

CALLBACK = "http://127.0.0.1:9/sign-in/campus/callback"
CLAIMS = {
    "student_number": "user",
    "staff_number": "user",
    "name": "attributes.cn",
    "college": "attributes.deptName",
    "role": "attributes.userType",
}
ROLES = {role: role for role in ("student", "teacher", "clerk", "guard")}


@pytest.fixture
def server(campus: CampusClient) -> Iterator[CampusClient]:
    """The campus, whose CAS is honest again afterwards."""
    yield campus
    campus.set_cas_fault()


def make_client(url: str, **options: object) -> CasProvider:
    faults: list[str] = []
    section = {"label": "统一身份认证", "url": url, "claims": CLAIMS, "roles": ROLES}
    client = build_providers({"campus": {"kind": "cas", **section, **options}}, NumberForm(), faults)[
        "campus"
    ]
    assert not faults
    return client


def log_in(address: str, number: str) -> dict[str, str]:
    """Sign in at the server's page; the query of the address that the browser is sent to."""
    answer = requests.post(
        address, data={"username": number, "password": PASSWORD}, allow_redirects=False, timeout=30
    )
    location = urlsplit(answer.headers["Location"])
    assert f"{location.scheme}://{location.netloc}{location.path}" == CALLBACK
    return dict(parse_qsl(location.query))


def sign_in(server: CampusClient, number: str = "TS23000002", **options: object) -> Person:
    client = make_client(server.cas, **options)
    redirect = client.begin(CALLBACK)
    return client.finish(log_in(redirect.url, number), redirect.pending, CALLBACK)


def test_a_student_signs_in(server: CampusClient) -> None:
    person = sign_in(server)
    assert person == Person(
        "TS23000002", "李文静", Role.STUDENT, "计算机科学与技术学院", graduation_period=None
    )


def test_who_wants_another_account_is_asked_for_it_though_the_campus_knows_the_browser(
    server: CampusClient,
) -> None:
    client, browser = make_client(server.cas), requests.Session()
    typed = {"username": "TS23000002", "password": "demo"}
    browser.post(client.begin(CALLBACK).url, data=typed, allow_redirects=False, timeout=30)

    known = browser.get(client.begin(CALLBACK).url, allow_redirects=False, timeout=30)
    asked = browser.get(client.begin(CALLBACK, asks_anew=True).url, allow_redirects=False, timeout=30)

    assert (known.status_code, asked.status_code) == (302, 200)
    assert 'type="password"' in asked.text


def test_a_number_keeps_its_zeros(server: CampusClient) -> None:
    person = sign_in(server, "00420016")
    assert (person.number, person.role) == ("00420016", Role.GUARD)


def test_a_server_of_protocol_2_is_asked_at_its_own_address(server: CampusClient) -> None:
    person = sign_in(server, version="2", claims={"student_number": "user", "name": "user"}, roles={})
    assert (person.number, person.name) == ("TS23000002", "TS23000002")


def test_a_server_without_the_newer_address_is_asked_at_the_older_one(server: CampusClient) -> None:
    server.set_cas_fault("old_server")
    claims = {"student_number": "user", "name": "user"}
    assert sign_in(server, claims=claims, roles={}).number == "TS23000002"
    with pytest.raises(ProviderMisbehaved, match="validate:http_404"):
        sign_in(server, version="3", claims=claims, roles={})


def test_a_repeated_attribute_is_a_list_that_a_path_enters(server: CampusClient) -> None:
    assert sign_in(server, claims=CLAIMS | {"college": "attributes.groups[1]"}).college == "students"


def test_of_a_repeated_attribute_the_first_is_the_text_and_no_number_is_chosen(server: CampusClient) -> None:
    assert sign_in(server, claims=CLAIMS | {"college": "attributes.groups"}).college == "everybody"
    with pytest.raises(ProviderMisbehaved, match="odd_claim:student_number"):
        sign_in(server, claims=CLAIMS | {"student_number": "attributes.groups"})


def test_a_state_of_another_browser_is_refused_before_the_server_is_asked(server: CampusClient) -> None:
    client = make_client(server.cas)
    mine, theirs = client.begin(CALLBACK), client.begin(CALLBACK)
    query = log_in(theirs.url, "TS23000001")
    with pytest.raises(SignInRefused, match="wrong_state"):
        client.finish(query, mine.pending, CALLBACK)
    assert client.finish(query, theirs.pending, CALLBACK).number == "TS23000001"


def test_a_ticket_pasted_into_another_sign_in_is_refused(server: CampusClient) -> None:
    client = make_client(server.cas)
    mine, theirs = client.begin(CALLBACK), client.begin(CALLBACK)
    stolen = log_in(theirs.url, "TS23000001")["ticket"]
    query = {"state": mine.pending["state"], "ticket": stolen}
    with pytest.raises(SignInRefused, match="validate:invalid_service"):
        client.finish(query, mine.pending, CALLBACK)


def test_without_the_value_in_the_service_address_a_pasted_ticket_would_pass(server: CampusClient) -> None:
    client = make_client(server.cas, entry="ticket")
    address = f"{server.cas}/login?service={CALLBACK}"
    ticket = log_in(address, "TS23000001")["ticket"]
    assert client.enter({"ticket": ticket}, CALLBACK).number == "TS23000001"


def test_a_ticket_is_good_once(server: CampusClient) -> None:
    client = make_client(server.cas)
    redirect = client.begin(CALLBACK)
    query = log_in(redirect.url, "TS23000002")
    client.finish(query, redirect.pending, CALLBACK)
    with pytest.raises(SignInRefused, match="validate:invalid_ticket"):
        client.finish(query, redirect.pending, CALLBACK)


@pytest.mark.parametrize("ticket", ["", "PT-1-abc", "ST-", "ST-1\n", "ST-1 2", "TGT-1", "ST-" + "x" * 300])
def test_what_is_no_service_ticket_is_refused_before_the_server_is_asked(ticket: str) -> None:
    client = make_client("http://127.0.0.1:9/cas")
    redirect = client.begin(CALLBACK)
    with pytest.raises(SignInRefused, match="callback:no_ticket"):
        client.finish({"state": redirect.pending["state"], "ticket": ticket}, redirect.pending, CALLBACK)


FAULTS = {
    "html": (ProviderMisbehaved, "validate:html"),
    "http_500": (SignInUnavailable, "validate:http_500"),
    "hang": (SignInUnavailable, "timeout"),
    "huge": (ProviderMisbehaved, "validate:too_big"),
    "bomb": (ProviderMisbehaved, "validate:not_cas"),
    "wrong_namespace": (ProviderMisbehaved, "validate:not_cas"),
    "two_users": (ProviderMisbehaved, "validate:user"),
    "no_attributes": (SignInRefused, "missing_claim:role"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_server_that_misbehaves_signs_nobody_in(fault: str, server: CampusClient) -> None:
    kind, reason = FAULTS[fault]
    server.set_cas_fault(fault)
    with pytest.raises(SignInError) as stopped:
        sign_in(server, deadline_seconds=0.5 if fault == "hang" else 5)
    assert (type(stopped.value), stopped.value.reason) == (kind, reason)


def test_a_service_that_the_server_does_not_know_is_refused(server: CampusClient) -> None:
    client = make_client(server.cas)
    redirect = client.begin("https://lixiao.example.edu/callback")
    page = requests.get(redirect.url, timeout=30)
    assert (page.status_code, "未注册的服务" in page.text) == (200, True)
    query = {"state": redirect.pending["state"], "ticket": "ST-1-x"}
    with pytest.raises(ProviderMisbehaved, match="validate:html"):
        client.finish(query, redirect.pending, "https://lixiao.example.edu/callback")


def test_the_ticket_is_validated_with_the_address_that_it_was_made_for(server: CampusClient) -> None:
    client = make_client(server.cas)
    redirect = client.begin(CALLBACK)
    asked = dict(parse_qsl(urlsplit(redirect.url).query))
    assert asked["service"] == make_service(CALLBACK, redirect.pending["state"])
    assert len(redirect.pending["state"]) == 43


def test_signing_out_ends_the_campus_session_where_that_is_wanted() -> None:
    url = "https://id.example.edu/cas/"
    assert make_client(url).sign_out_url("https://lixiao.example.edu/") is None
    assert make_client(url, end_campus_session=True).sign_out_url("https://lixiao.example.edu/") == (
        "https://id.example.edu/cas/logout?service=https%3A%2F%2Flixiao.example.edu%2F"
    )


def test_faults_of_the_configuration_are_named() -> None:
    faults: list[str] = []
    section = {"label": "x", "url": "http://id.example.edu/cas", "version": "1", "entry": "code"}
    build_providers({"campus": {"kind": "cas", "colour": "red", **section}}, NumberForm(), faults)
    told = "\n".join(faults)
    for key in (
        "url must be an https",
        "version must be",
        "entry must be",
        "colour",
        "claims.student_number",
    ):
        assert f"sign_in.campus.{key}" in told


def ask(stranger: SmallServer, answer: Answer, **options: object) -> str:
    """The reason for which an answer of the validation signs nobody in."""
    stranger.answers["/cas/p3/serviceValidate"] = lambda asked: answer
    client = make_client(f"{stranger.url}/cas", **options)
    redirect = client.begin(CALLBACK)
    with pytest.raises(SignInError) as stopped:
        client.finish({"state": redirect.pending["state"], "ticket": "ST-1-x"}, redirect.pending, CALLBACK)
    return stopped.value.reason


def test_a_redirect_of_the_validation_is_not_followed(stranger: SmallServer) -> None:
    elsewhere = {"Location": f"{stranger.url}/elsewhere"}
    assert ask(stranger, Answer(b"", 302, headers=elsewhere), version="3") == "validate:http_302"
    assert stranger.paths() == ["/cas/p3/serviceValidate"]


def test_a_validation_that_drips_ends_by_the_deadline(stranger: SmallServer) -> None:
    assert ask(stranger, Answer(b" " * 100, drip=0.1), deadline_seconds=0.5) == "timeout"


def test_no_reason_holds_what_the_server_wrote(stranger: SmallServer) -> None:
    text = (
        '<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">'
        '<cas:authenticationFailure code="ST-1-x TS23000002">secret</cas:authenticationFailure>'
        "</cas:serviceResponse>"
    )
    assert ask(stranger, Answer(text.encode())) == "validate:error"


OLD_SERVER = """<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess>
<cas:user>ts23000002</cas:user></cas:authenticationSuccess></cas:serviceResponse>"""


def ask_old_server(stranger: SmallServer, newer: Answer, version: str = "auto") -> Person:
    """Sign in at a server that knows protocol 2 alone and answers `newer` where protocol 3 would be."""
    stranger.answers["/cas/p3/serviceValidate"] = lambda asked: newer
    stranger.answers["/cas/serviceValidate"] = lambda asked: Answer(OLD_SERVER.encode())
    claims = {"student_number": "user", "name": "user"}
    client = make_client(f"{stranger.url}/cas", version=version, claims=claims, roles={})
    redirect = client.begin(CALLBACK)
    return client.finish({"state": redirect.pending["state"], "ticket": "ST-1-x"}, redirect.pending, CALLBACK)


@pytest.mark.parametrize("status", [302, 303, 401, 403, 404, 405, 410])
def test_whatever_stands_where_protocol_3_would_be_protocol_2_is_asked(
    status: int, stranger: SmallServer
) -> None:
    newer = Answer(b"", status, headers={"Location": f"{stranger.url}/cas/login"})
    assert ask_old_server(stranger, newer).number == "TS23000002"
    assert stranger.paths() == ["/cas/p3/serviceValidate", "/cas/serviceValidate"]


def test_without_falling_back_the_same_server_signs_nobody_in(stranger: SmallServer) -> None:
    with pytest.raises(ProviderMisbehaved, match="validate:http_405"):
        ask_old_server(stranger, Answer(b"", 405), version="3")


def test_a_server_in_trouble_is_not_asked_again_at_the_older_address(stranger: SmallServer) -> None:
    with pytest.raises(SignInUnavailable, match="validate:http_500"):
        ask_old_server(stranger, Answer(b"", 500))


def check(server: CampusClient, address: str) -> dict[str, Severity]:
    return {finding.message: finding.fit for finding in make_client(server.cas).check(address)}


def test_the_check_proves_an_address_that_the_server_knows(server: CampusClient) -> None:
    found = check(server, CALLBACK)
    assert found["the login page knows our address, and not one that nobody registered"] is Severity.FITS
    assert set(found.values()) == {Severity.FITS}


def test_the_check_says_that_an_address_is_not_proven(server: CampusClient) -> None:
    found = check(server, "https://lixiao.example.edu/callback")
    (doubt,) = [message for message in found if "not proven that our address is registered" in message]
    assert found[doubt] is Severity.NOTE


def test_a_server_that_looks_at_the_ticket_first_proves_nothing(stranger: SmallServer) -> None:
    refusal = (
        '<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas">'
        '<cas:authenticationFailure code="INVALID_TICKET"/></cas:serviceResponse>'
    )
    stranger.answers["/cas/p3/serviceValidate"] = lambda asked: Answer(refusal.encode())
    stranger.answers["/cas/login"] = lambda asked: Answer(b"<html>not registered</html>", kind="text/html")
    found = {one.message: one.fit for one in make_client(f"{stranger.url}/cas").check(CALLBACK)}
    assert [fit for message, fit in found.items() if "refuses a ticket" in message] == [Severity.FITS]
    assert [fit for message, fit in found.items() if "not proven" in message] == [Severity.NOTE]
