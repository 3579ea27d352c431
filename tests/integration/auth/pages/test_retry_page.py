"""What a person sees when a sign-in comes to nothing."""

from __future__ import annotations

import json
import logging
import re
from urllib.parse import urlsplit

import pytest

from tests.fixtures.odd_names import NAMES
from tests.integration.auth.pages.site import (
    CLEARANCE,
    STUDENT,
    Site,
)
from tests.integration.auth.small_provider import CALLBACK, CLIENT_SECRET
from tests.integration.auth.small_server import Answer

BACK = urlsplit(CALLBACK).path


def token_calls(site: Site) -> int:
    return site.provider.paths().count("/token")


def retry_page(site: Site, callback: str) -> tuple[int, str]:
    answer = site.get(site.browser(), callback)
    return answer.status_code, answer.text


@pytest.mark.parametrize(
    "query",
    ["", "?code=x", "?state=x&code=x", "?state=&code=x", "?error=access_denied", "?state=%00&code=%ff"],
)
def test_a_callback_that_did_not_begin_in_this_browser_gets_the_retry_page(query: str, site: Site) -> None:
    status, text = retry_page(site, BACK + query)
    assert status == 400
    assert 'data-sign-in="unknown_state"' in text
    assert 'href="/sign-in/campus?next=/"' in text
    assert re.search(r"请求编号</dt><dd[^>]*>[0-9a-f]{16}<", text)
    assert token_calls(site) == 0


def test_a_callback_carried_to_another_browser_is_refused_and_still_good_in_its_own(site: Site) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    assert retry_page(site, callback)[0] == 400
    assert site.get(browser, callback).location == CLEARANCE


@pytest.mark.parametrize(
    ("path", "answer", "status"),
    [
        ("/token", Answer(status=500), 503),
        ("/token", Answer(b"<html>", 200, "text/html"), 502),
        ("/userinfo", Answer(b"{}"), 502),
        ("/jwks", Answer(status=302, headers={"Location": "/"}), 502),
    ],
)
def test_a_provider_in_trouble_gives_the_retry_page_that_leads_back(
    path: str, answer: Answer, status: int, site: Site
) -> None:
    browser = site.browser()
    honest = site.provider.answers[path]
    site.provider.answers[path] = lambda asked: answer
    page = site.sign_in(browser, "/completed")
    assert page.status_code == status
    assert ("Retry-After" in page.headers) == (status == 503)
    again = re.search(r'href="(/sign-in/campus\?next=[^"]+)"', page.text)
    assert again
    site.provider.answers[path] = honest
    if path == "/jwks":
        return
    answer_again = site.get(browser, again[1])
    query = site.provider.come_back(answer_again.location)
    assert site.get(browser, BACK, query_string=query).location == "/completed"


def test_a_provider_that_is_down_from_the_start_gives_the_retry_page(site: Site) -> None:
    site.provider.answers["/.well-known/openid-configuration"] = lambda asked: Answer(status=503)
    page = site.get(site.browser(), "/sign-in?next=/completed")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "10")
    assert 'href="/sign-in/campus?next=/completed"' in page.text


def test_who_gives_up_at_the_campus_may_try_again(site: Site) -> None:
    site.provider.callback = {"error": "access_denied", "code": None}
    page = site.sign_in(site.browser(), "/completed")
    assert page.status_code == 400
    assert "您取消了登录" in page.text
    assert 'href="/sign-in/campus?next=/completed"' in page.text


def test_an_unknown_role_is_refused_clearly(site: Site) -> None:
    site.provider.userinfo = STUDENT | {"role": "alumnus"}
    page = site.sign_in(site.browser())
    assert page.status_code == 400
    assert 'data-sign-in="unknown_role"' in page.text


@pytest.mark.parametrize(
    "path", ["/sign-in/nobody", "/sign-in/nobody/callback", "/sign-in/CAMPUS", "/sign-in/%00"]
)
def test_an_unknown_provider_is_no_page(path: str, site: Site) -> None:
    assert site.get(site.browser(), path).status_code == 404


def test_one_line_is_logged_for_each_outcome_and_nothing_personal(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    site.sign_in(site.browser())
    site.provider.claims = {"nonce": "replayed"}
    site.sign_in(site.browser())
    lines = [record for record in caplog.records if record.name.startswith("app.web.auth")]
    assert [line.__dict__["outcome"] for line in lines] == ["signed_in", "id_token:nonce"]
    assert all(line.__dict__["provider"] == "campus" and line.__dict__["request_id"] for line in lines)
    for personal in ("TS23000002", "李文静", "code-value", "access-token-value", CLIENT_SECRET):
        assert personal not in caplog.text


EXPIRED = "这次登录已经过期"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ("unauthorized_client", "callback:unauthorized_client"),
        ("login_required", "callback:login_required"),
        ("x" * 61, "callback:error"),
        ("<script>", "callback:error"),
        ("张三", "callback:error"),
        ("", "callback:error"),
    ],
)
def test_a_refusal_of_the_campus_is_told_and_logged_with_its_own_code(
    error: str, reason: str, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.provider.callback = {"error": error, "code": None}
    page = site.sign_in(site.browser(), "/completed")
    assert page.status_code == 502
    assert f'data-sign-in="{reason}"' in page.text
    assert f'<dd class="number">{reason}</dd>' in page.text
    assert "没有让这次登录通过" in page.text
    assert EXPIRED not in page.text
    assert 'href="/sign-in/campus?next=/completed"' in page.text
    assert [record.__dict__["outcome"] for record in caplog.records if "outcome" in vars(record)] == [reason]


def test_a_refusal_with_a_state_that_is_not_ours_says_nothing_of_the_campus(site: Site) -> None:
    status, text = retry_page(site, f"{BACK}?state=x&error=unauthorized_client")
    assert status == 400
    assert 'data-sign-in="unknown_state"' in text
    assert "unauthorized_client" not in text
    assert EXPIRED in text


def test_no_result_at_all_is_not_called_expired_and_a_used_code_is(site: Site) -> None:
    site.provider.callback = {"code": None}
    page = site.sign_in(site.browser())
    assert 'data-sign-in="callback:no_code"' in page.text
    assert EXPIRED not in page.text
    site.provider.callback = {"code": "old"}
    assert EXPIRED in site.sign_in(site.browser()).text


def test_the_page_of_a_refusal_is_in_english_too(site: Site) -> None:
    site.provider.callback = {"error": "invalid_scope", "code": None}
    browser = site.browser()
    callback = site.leave(browser)
    page = site.get(browser, callback, headers={"Accept-Language": "en"})
    assert "did not let this sign-in through" in page.text
    assert ">Code</dt>" in page.text


def test_a_missing_claim_is_logged_with_the_names_that_arrived_and_no_value(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    site.provider.userinfo = {key: value for key, value in STUDENT.items() if key != "role"} | {
        "memberOf": "x"
    }
    page = site.sign_in(site.browser())
    assert 'data-sign-in="missing_claim:role"' in page.text
    (line,) = [record for record in caplog.records if "arrived" in vars(record)]
    arrived = line.__dict__["arrived"].split(", ")
    assert {"number", "name", "memberOf"} <= set(arrived)
    for personal in ("TS23000002", "李文静", "u-17"):
        assert personal not in str(vars(line))


@pytest.mark.parametrize("typed", ["ts23000002", " TS23000002", "ＴＳ23000002"])
def test_the_session_is_of_one_number_however_it_was_typed(typed: str, site: Site) -> None:
    site.provider.userinfo = STUDENT | {"number": typed}
    site.sign_in(site.browser())
    assert [row["person_number"] for row in site.rows() if row["person_number"]] == ["TS23000002"]


def test_a_number_that_is_none_is_refused_clearly(site: Site) -> None:
    site.provider.userinfo = STUDENT | {"number": "TS-23000002"}
    page = site.sign_in(site.browser())
    assert (page.status_code, 'data-sign-in="odd_claim:student_number"' in page.text) == (502, True)


@pytest.mark.parametrize("name", NAMES)
def test_a_name_from_a_campus_signs_in_and_reaches_the_page_clean(name: str, site: Site) -> None:
    site.provider.userinfo = STUDENT | {"name": name, "college": f"{name}\u3000", "role": ["x", "student"]}
    browser = site.browser()
    assert site.sign_in(browser).location == CLEARANCE
    (row,) = [row for row in site.rows() if row["person_number"]]
    person = json.loads(row["data"])["person"]
    assert (person["name"], person["college"]) == (NAMES[name], NAMES[name])


def test_a_control_character_empties_its_field_and_no_more(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    site.provider.userinfo = STUDENT | {"college": "材料\x00学院"}
    assert site.sign_in(site.browser()).location == CLEARANCE
    assert [line.__dict__["claim"] for line in caplog.records if "claim" in vars(line)] == ["college"]
    assert "材料" not in caplog.text
    site.provider.userinfo = STUDENT | {"name": "李\x00文静"}
    assert 'data-sign-in="odd_claim:name"' in site.sign_in(site.browser()).text


def test_a_look_at_printable_characters_alone_would_have_locked_people_out() -> None:
    assert len([name for name in NAMES if not name.isprintable()]) > 5
