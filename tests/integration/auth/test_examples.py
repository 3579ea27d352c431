"""Every example of `config/sign_in_examples.toml` loads, and signs in at a platform of its kind."""

from __future__ import annotations

import base64
import json
import tomllib
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from app.domain.person import NumberForm, Person, Role
from app.factory import create_app
from app.identity.base import IdentityProvider, OpenedFromCampus, SignInRefused
from app.identity.claims import SeveralIdentities
from app.identity.registry import build_providers
from app.settings import load_settings
from tests.campus.client import PROJECT
from tests.campus.run import make_environment
from tests.integration.auth.odd_platforms import Platform, serve, text
from tests.integration.auth.small_provider import ACCESS_TOKEN, CALLBACK, CLIENT_SECRET, CODE, SmallProvider
from tests.integration.auth.small_server import Answer, Asked, SmallServer, json_answer

FILE = PROJECT / "config" / "sign_in_examples.toml"
EXAMPLES: dict[str, Any] = tomllib.loads(FILE.read_text(encoding="utf-8"))["sign_in"]
HOST = "https://id.example.edu.cn"
USER = {"number": "TS23000002", "name": "李文静"}
PROFILES = {
    "cn": "李文静",
    "profiles": [
        {"kind": "bachelor", "stno": "08190002", "level": "本科"},
        {"kind": "graduate", "stno": "TS23000002", "level": "硕士"},
    ],
}


CAS_ANSWERS = {
    "cas_pairs": '<cas:user>lwj</cas:user><cas:attribute name="xh" value="ts23000002"/><cas:cn>李文静</cas:cn>',
    "cas_nested": "<cas:user>ts23000002</cas:user><cas:attributes><cas:userInfo><cas:cn>李文静</cas:cn>"
    "<cas:dept><cas:name>计算机学院</cas:name></cas:dept></cas:userInfo></cas:attributes>",
}


def has_basic(asked: Asked) -> bool:
    return base64.b64decode(asked.headers.get("Authorization", "")[6:]).startswith(b"lixiao:")


PLATFORMS = {
    "oauth2": Platform(),
    "get_token": Platform(
        token=lambda: json_answer({"errcode": 0, "access_token": ACCESS_TOKEN, "expires_in": "7200"}),
        user=lambda: json_answer({"errcode": 0, "data": {"userId": "TS23000002", "userName": "李文静"}}),
        accepts_client=lambda asked: (
            (asked.method, asked.query.get("appid"), asked.query.get("secret"))
            == ("GET", "lixiao", CLIENT_SECRET)
        ),
        accepts_token=lambda asked: asked.query.get("access_token") == ACCESS_TOKEN,
    ),
    "nested": Platform(
        token=lambda: json_answer({"code": "0", "data": {"token": ACCESS_TOKEN}}),
        user=lambda: json_answer(
            {"code": 0, "data": {"user": {"userId": "TS23000002", "attributes": {"cn": "李文静"}}}}
        ),
    ),
    "old": Platform(
        token=lambda: text(urlencode({"access_token": ACCESS_TOKEN})),
        user=lambda: text(f"callback({json.dumps(USER)})"),
        accepts_client=has_basic,
        accepts_token=lambda asked: asked.form.get("token") == ACCESS_TOKEN,
    ),
    "first_entity": Platform(
        user=lambda: json_answer({"entities": [{"code": "TS23000002", "name": "李文静"}]})
    ),
    "graduate_profile": Platform(user=lambda: json_answer(PROFILES)),
}


def build(name: str, url: str, **changes: object) -> IdentityProvider:
    """The example's provider, its platform being the server at `url`."""
    section = json.loads(json.dumps(EXAMPLES[name]).replace(HOST, url)) | changes
    if section["kind"] != "cas":
        section["client_secret"] = CLIENT_SECRET
    faults: list[str] = []
    providers = build_providers({name: section}, NumberForm(), faults)
    assert not faults
    return providers[name]


def sign_in(name: str, server: SmallServer, platform: Platform) -> Person:
    serve(server, platform)
    provider = build(name, server.url)
    redirect = provider.begin(CALLBACK)
    return provider.finish({"code": CODE, "state": redirect.pending["state"]}, redirect.pending, CALLBACK)


def test_every_example_has_its_test() -> None:
    assert set(EXAMPLES) == {*PLATFORMS, *CAS_ANSWERS, "oidc", "adfs", "cas", "chosen_profile"}


def test_the_service_starts_with_all_examples_and_no_secret_stands_in_the_file(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, 1, "http://127.0.0.1:9", [FILE])
    for name in EXAMPLES:
        if EXAMPLES[name]["kind"] != "cas":
            environment[f"LIXIAO_SIGN_IN__{name.upper()}__CLIENT_SECRET"] = "from-the-environment"
    app = create_app(load_settings(environment))
    assert set(app.extensions["sign_in"].providers) == {"campus", *EXAMPLES}
    assert "client_secret =" not in FILE.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PLATFORMS)
def test_an_example_signs_in_at_its_kind_of_platform(name: str, stranger: SmallServer) -> None:
    person = sign_in(name, stranger, PLATFORMS[name])
    assert (person.number, person.name) == ("TS23000002", "李文静")


@pytest.mark.parametrize("name", [name for name in PLATFORMS if name != "oauth2"])
def test_the_ordinary_example_is_of_no_use_at_another_kind(name: str, stranger: SmallServer) -> None:
    with pytest.raises(SignInRefused):
        sign_in("oauth2", stranger, PLATFORMS[name])


def test_the_person_chooses_among_the_identities_of_a_list(stranger: SmallServer) -> None:
    with pytest.raises(SeveralIdentities) as several:
        sign_in("chosen_profile", stranger, Platform(user=lambda: json_answer(PROFILES)))
    people = several.value.people
    assert [(one.number, one.name, one.level) for one in people] == [
        ("08190002", "李文静", "本科"),
        ("TS23000002", "李文静", "硕士"),
    ]
    assert "李文静" not in repr(several.value)


def test_a_single_identity_of_a_list_needs_no_choice(stranger: SmallServer) -> None:
    alone = {"cn": "李文静", "profiles": [{"level": "硕士"}, PROFILES["profiles"][1]]}
    person = sign_in("chosen_profile", stranger, Platform(user=lambda: json_answer(alone)))
    assert person.number == "TS23000002"


def test_the_openid_example_signs_in(provider: SmallProvider) -> None:
    provider.userinfo = {"sub": "u-17", **USER, "role": "student"}
    client = build("oidc", provider.url)
    redirect = client.begin(CALLBACK)
    person = client.finish(provider.come_back(redirect.url), redirect.pending, CALLBACK)
    assert (person.number, person.role) == ("TS23000002", Role.STUDENT)


def test_the_cas_example_signs_in(stranger: SmallServer) -> None:
    stranger.answers["/cas/p3/serviceValidate"] = validate
    client = build("cas", stranger.url)
    redirect = client.begin(CALLBACK)
    service = dict(parse_qsl(urlsplit(redirect.url).query))["service"]
    query = dict(parse_qsl(urlsplit(service).query)) | {"ticket": "ST-1-x"}
    person = client.finish(query, redirect.pending, CALLBACK)
    assert (person.number, person.name, person.role) == ("00420013", "何建平", Role.TEACHER)
    assert stranger.asked[-1].query == {"service": service, "ticket": "ST-1-x"}


@pytest.mark.parametrize("name", CAS_ANSWERS)
def test_a_cas_example_signs_in_at_its_kind_of_server(name: str, stranger: SmallServer) -> None:
    answer = (
        '<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess>'
        f"{CAS_ANSWERS[name]}</cas:authenticationSuccess></cas:serviceResponse>"
    )
    newer, older = "/cas/p3/serviceValidate", "/cas/serviceValidate"
    stranger.answers[newer if name == "cas_pairs" else older] = lambda asked: Answer(answer.encode())
    if name == "cas_nested":
        stranger.answers[newer] = lambda asked: Answer(b"", 401)
    client = build(name, stranger.url)
    redirect = client.begin(CALLBACK)
    query = {"state": redirect.pending["state"], "ticket": "ST-1-x"}
    person = client.finish(query, redirect.pending, CALLBACK)
    assert (person.number, person.name) == ("TS23000002", "李文静")


ADFS_CLAIMS = {
    "unique_name": "ts23000002",
    "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name": "李文静",
}


@pytest.mark.parametrize("group", ["students", ["everybody", "students"]])
def test_the_adfs_example_signs_in_though_userinfo_answers_401(
    group: object, provider: SmallProvider
) -> None:
    client = build_adfs(provider, group)
    redirect = client.begin(CALLBACK)
    person = client.finish(provider.come_back(redirect.url), redirect.pending, CALLBACK)
    assert (person.number, person.name, person.role) == ("TS23000002", "李文静", Role.STUDENT)
    assert "/userinfo" not in provider.paths()


def test_adfs_is_of_no_use_where_userinfo_is_asked(provider: SmallProvider) -> None:
    client = build_adfs(provider, "students", userinfo=True)
    redirect = client.begin(CALLBACK)
    with pytest.raises(SignInRefused, match="userinfo:http_401"):
        client.finish(provider.come_back(redirect.url), redirect.pending, CALLBACK)


def build_adfs(provider: SmallProvider, group: object, **changes: object) -> IdentityProvider:
    """The example, at a provider that tells all in the id_token and nothing at userinfo."""
    provider.claims = {**ADFS_CLAIMS, "group": group}
    provider.answers["/userinfo"] = lambda asked: json_answer({"error": "invalid_token"}, 401)
    return build("adfs", provider.url, issuer=provider.issuer, **changes)


def validate(_asked: Asked) -> Answer:
    return Answer(
        '<cas:serviceResponse xmlns:cas="http://www.yale.edu/tp/cas"><cas:authenticationSuccess>'
        "<cas:user>00420013</cas:user><cas:attributes><cas:cn>何建平</cas:cn><cas:groups>all</cas:groups>"
        "<cas:groups>teachers</cas:groups></cas:attributes></cas:authenticationSuccess>"
        "</cas:serviceResponse>".encode(),
        kind="application/xml",
    )


def test_a_code_that_the_campus_app_got_by_itself_is_exchanged_without_pkce(stranger: SmallServer) -> None:
    serve(stranger, PLATFORMS["get_token"])
    provider = build("get_token", stranger.url)
    assert isinstance(provider, OpenedFromCampus)
    assert provider.entry == "code"
    assert provider.enter({"code": CODE}, CALLBACK).number == "TS23000002"
    with pytest.raises(SignInRefused, match="callback:no_code"):
        provider.enter({}, CALLBACK)


def test_no_way_in_stands_open_that_was_not_configured(stranger: SmallServer) -> None:
    for name in ("oauth2", "nested", "oidc"):
        assert not getattr(build(name, stranger.url), "entry", "")


def test_the_demo_with_cas_finds_the_campus_wherever_it_runs(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, 1, "http://127.0.0.1:9", [PROJECT / "config" / "demo_cas.toml"])
    provider = create_app(load_settings(environment)).extensions["sign_in"].providers["cas"]
    assert provider.begin(CALLBACK).url.startswith("http://127.0.0.1:9/cas/login?")
