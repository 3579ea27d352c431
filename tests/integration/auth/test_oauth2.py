"""Plain OAuth 2.0 against small platforms with odd habits."""

from __future__ import annotations

import logging
import traceback

import pytest

from app.domain.person import NumberForm, Person, Role
from app.identity.base import ProviderMisbehaved, SignInError, SignInRefused, SignInUnavailable
from app.identity.registry import build_providers
from tests.integration.auth.odd_platforms import (
    CLAIMS,
    PLATFORMS,
    USER,
    Platform,
    make_client,
    serve,
    sign_in,
    text,
)
from tests.integration.auth.small_provider import ACCESS_TOKEN, CALLBACK, CLIENT_SECRET, CODE
from tests.integration.auth.small_server import Answer, SmallServer, json_answer

# A flag of success matters only when it reports an error.
FLAGS = {"success_field", "success_value"}
NEED_CONFIGURATION = [name for name, platform in PLATFORMS.items() if set(platform.options) - FLAGS]


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_platform_with_an_odd_habit_is_understood(name: str, stranger: SmallServer) -> None:
    person = sign_in(stranger, PLATFORMS[name])
    assert (person.number, person.name) == ("TS23000002", "李文静")


@pytest.mark.parametrize("name", NEED_CONFIGURATION)
def test_without_its_configuration_the_same_platform_is_refused(name: str, stranger: SmallServer) -> None:
    platform = PLATFORMS[name]
    serve(stranger, platform)
    client = make_client(stranger)
    redirect = client.begin(CALLBACK)
    with pytest.raises(SignInRefused):
        client.finish({"code": CODE, "state": redirect.pending["state"]}, redirect.pending, CALLBACK)


WECHAT_LIKE = {"success_field": "errcode", "success_value": "0"}
REFUSALS = [
    (Platform(WECHAT_LIKE, token=lambda: json_answer({"errcode": 40029, "errmsg": "x"})), "token:refused"),
    (Platform(WECHAT_LIKE, user=lambda: json_answer({"errcode": 1, **USER})), "userinfo:refused"),
    (Platform(WECHAT_LIKE, user=lambda: json_answer({"errcode": None, **USER})), "userinfo:refused"),
    (Platform(token=lambda: json_answer({"errcode": 40029})), "token:no_access_token"),
    (Platform(token=lambda: json_answer({"access_token": ["x"]})), "token:no_access_token"),
    (Platform(token=lambda: json_answer({"error": "invalid_grant"}, 400)), "token:invalid_grant"),
    (Platform(token=lambda: json_answer({"error": "invalid_grant"})), "token:invalid_grant"),
    (Platform(token=lambda: text("<html>")), "token:not_json"),
    (Platform({"token_format": "form"}, token=lambda: text("<html>")), "token:not_form"),
    (
        Platform({"userinfo_format": "jsonp"}, user=lambda: text("alert(1);callback({})")),
        "userinfo:not_jsonp",
    ),
    (Platform({"userinfo_path": "data.user"}), "userinfo:nobody"),
    (Platform({"userinfo_path": "data"}, user=lambda: json_answer({"data": [USER]})), "userinfo:nobody"),
    (Platform(user=lambda: json_answer({"number": 23000002, "name": "x"})), "odd_claim:student_number"),
    (Platform(user=lambda: json_answer({"name": "x"})), "missing_claim:student_number"),
    (Platform(user=lambda: text('{"number":"TS1","number":"TS2","name":"x"}')), "userinfo:not_json"),
    (Platform(user=lambda: Answer(status=302, headers={"Location": "/"})), "userinfo:http_302"),
]


@pytest.mark.parametrize(("platform", "reason"), REFUSALS)
def test_an_answer_that_is_none_is_refused(platform: Platform, reason: str, stranger: SmallServer) -> None:
    with pytest.raises(SignInRefused) as refused:
        sign_in(stranger, platform)
    assert refused.value.reason == reason


def test_a_state_that_is_not_ours_is_refused_before_the_platform_is_asked(stranger: SmallServer) -> None:
    with pytest.raises(SignInRefused, match="wrong_state"):
        sign_in(stranger, Platform(), state="x" * 43)
    assert stranger.asked == []


def test_a_platform_that_hangs_is_unavailable(stranger: SmallServer) -> None:
    platform = Platform({"deadline_seconds": 0.3}, token=lambda: Answer(delay=3))
    with pytest.raises(SignInUnavailable, match="timeout"):
        sign_in(stranger, platform)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_secret_in_an_address_reaches_no_exception_and_no_log(
    method: str, stranger: SmallServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = ""
    for answer in (
        Answer(status=500),
        text("<html>"),
        Answer(status=302, headers={"Location": "/"}),
        Answer(delay=1),
    ):
        platform = Platform(
            {"token_method": method, "deadline_seconds": 0.4},
            token=lambda answer=answer: answer,  # type: ignore[misc]
            accepts_client=lambda asked: True,
        )
        try:
            sign_in(stranger, platform)
        except SignInError as fault:
            told += "".join(traceback.format_exception(fault))
    told += caplog.text
    assert told.count("Traceback") == 4
    for secret in (CODE, CLIENT_SECRET, "s3cret", ACCESS_TOKEN):
        assert secret not in told


def test_what_contradicts_itself_is_named() -> None:
    faults: list[str] = []
    section = {
        "label": "e矿大",
        "authorize_url": "https://id.example.edu/a",
        "token_url": "http://id.example.edu/t",
        "client_id": "x",
        "client_secret": "very-secret-value",
        "scope": "openid profile",
        "success_field": "errcode",
        "token_method": "PUT",
        "token_format": "xml",
        "claims": CLAIMS,
    }
    build_providers({"phone": {"kind": "oauth2", **section}}, NumberForm(), faults)
    told = "\n".join(faults)
    for key in (
        "token_url must be an https",
        "userinfo_url is missing",
        "scope asks for openid",
        "success_field and",
    ):
        assert f"sign_in.phone.{key}" in told
    for key in ("token_method must be one of POST, GET", "token_format must be one of json, jsonp, form"):
        assert f"sign_in.phone.{key}" in told
    assert "very-secret-value" not in told


def test_a_form_answer_never_counts_as_a_misbehaving_json(stranger: SmallServer) -> None:
    platform = Platform(token=lambda: text(f"access_token={ACCESS_TOKEN}"))
    with pytest.raises(ProviderMisbehaved, match="token:not_json"):
        sign_in(stranger, platform)


@pytest.mark.parametrize("role", ["yjs", ["everybody", "yjs"]])
@pytest.mark.parametrize("college", ["材料学院\u3000", ["材料学院", "另一学院"]])
def test_one_path_reads_a_text_and_a_list(role: object, college: object, stranger: SmallServer) -> None:
    user = {"number": "ts23000002", "name": ["李\u200b文静"], "role": role, "college": college}
    claims = {"student_number": "number", "name": "name", "role": "role", "college": "college"}
    options = {"claims": claims, "roles": {"yjs": "student"}}
    person = sign_in(stranger, Platform(options, user=lambda: json_answer(user)))
    assert person == Person("TS23000002", "李文静", Role.STUDENT, "材料学院")
