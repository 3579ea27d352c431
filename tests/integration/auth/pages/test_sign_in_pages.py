"""The sign-in's addresses: there, back, and everything that goes wrong in between."""

from __future__ import annotations

import logging
import re
import threading
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from markupsafe import escape
from werkzeug.test import TestResponse

from tests.integration.auth.pages.site import (
    BASE_URL,
    CLEARANCE,
    STUDENT,
    SUBMISSION,
    Site,
    get_cookie,
    open_site,
)
from tests.integration.auth.small_provider import CALLBACK, CLIENT_SECRET, SmallProvider
from tests.integration.auth.small_server import Answer

BACK = urlsplit(CALLBACK).path


def token_calls(site: Site) -> int:
    return site.provider.paths().count("/token")


def test_a_sign_in_leads_to_the_page_that_was_asked_for(site: Site) -> None:
    browser = site.browser()
    answer = site.sign_in(browser, f"{CLEARANCE}?wait=1")
    assert (answer.status_code, answer.location) == (302, f"{CLEARANCE}?wait=1")
    assert site.is_signed_in(browser)


def test_with_one_provider_the_sign_in_goes_straight_to_it(site: Site) -> None:
    answer = site.get(site.browser(), "/sign-in?next=/completed")
    assert answer.status_code == 302
    assert answer.location.startswith(f"{site.provider.url}/authorize?")


def test_with_several_providers_one_chooses(tmp_path: Path, provider: SmallProvider) -> None:
    second = {
        "KIND": "oidc",
        "LABEL": "e矿大",
        "ISSUER": provider.issuer,
        "CLIENT_ID": "lixiao",
        "CLIENT_SECRET": CLIENT_SECRET,
        "CLAIMS__STUDENT_NUMBER": "number",
        "CLAIMS__NAME": "name",
    }
    settings = {f"SIGN_IN__PHONE__{key}": value for key, value in second.items()}
    with open_site(tmp_path, provider, **settings) as site:
        page = site.get(site.browser(), "/sign-in?next=/completed")
        assert page.status_code == 200
        assert "统一身份认证" in page.text
        assert "e矿大" in page.text
        assert 'href="/sign-in/phone?next=/completed"' in page.text
        assert site.get(site.browser(), "/sign-in/phone?next=/completed").status_code == 302


def test_who_is_signed_in_already_is_not_sent_away_again(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    assert site.get(browser, "/sign-in?next=/completed").location == "/completed"


@pytest.mark.parametrize(
    "text", ["//evil.example", "/\\evil.example", "https://evil.example", "/%2Fevil.example"]
)
def test_a_sign_in_never_leads_to_another_host(text: str, site: Site) -> None:
    browser = site.browser()
    answer = site.get(browser, "/sign-in", query_string={"next": text})
    query = site.provider.come_back(answer.location)
    assert site.get(browser, BACK, query_string=query).location == "/"
    assert site.get(browser, "/sign-in", query_string={"next": text}).location == "/"


def test_the_callback_comes_from_the_configuration_and_not_from_the_host_header(site: Site) -> None:
    answer = site.browser().get(
        "/sign-in", base_url="https://other.example.edu", headers={"X-Forwarded-Host": "evil"}
    )
    assert parse_qs(urlsplit(answer.location).query)["redirect_uri"] == [CALLBACK]


def test_reload_and_back_after_success_lead_home_still_signed_in_without_a_second_exchange(
    site: Site,
) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    site.get(browser, callback)
    for _ in range(2):
        answer = site.get(browser, callback)
        assert (answer.status_code, answer.location) == (302, "/")
    assert site.is_signed_in(browser)
    assert token_calls(site) == 1


def test_head_uses_nothing_up(site: Site) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    answer = browser.head(callback, base_url=BASE_URL)
    assert (answer.status_code, token_calls(site)) == (200, 0)
    for path in ("/sign-in", "/sign-in/campus"):
        assert browser.head(path, base_url=BASE_URL).status_code == 200
    assert len(site.rows()) == 1
    assert site.get(browser, callback).location == CLEARANCE


def test_several_tabs_sign_in_side_by_side(site: Site) -> None:
    browser = site.browser()
    first = site.leave(browser, "/completed")
    first_nonce, first_challenge = site.provider.nonce, site.provider.challenge
    second = site.leave(browser, CLEARANCE)
    assert site.get(browser, second).location == CLEARANCE
    site.provider.nonce, site.provider.challenge = first_nonce, first_challenge
    assert site.get(browser, first).location == "/completed"
    assert token_calls(site) == 2


def test_twenty_one_abandoned_sign_ins_lock_nobody_out(site: Site) -> None:
    browser = site.browser()
    for _ in range(21):
        site.leave(browser)
    assert site.rows()[0]["data"].count('"state"') == 5
    site.sign_in(browser)
    assert site.is_signed_in(browser)


def test_a_callback_that_comes_twice_at_once_is_exchanged_once(site: Site) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    cookie = get_cookie(browser)
    answers = []

    def come_back() -> None:
        other = site.browser()
        other.set_cookie("__Host-lixiao", cookie, domain="lixiao.example.edu", secure=True)
        answers.append(site.get(other, callback).status_code)

    threads = [threading.Thread(target=come_back) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert token_calls(site) == 1
    assert sorted(answers) == [302] + [400] * 7


def test_the_identifier_changes_and_what_was_there_before_is_gone(site: Site) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    with site.app.app_context(), browser.session_transaction(base_url=BASE_URL) as session:
        session["planted"] = "by somebody else"
    before = get_cookie(browser)
    site.get(browser, callback)
    assert get_cookie(browser) not in ("", before)
    assert [row["person_number"] for row in site.rows()] == ["TS23000002"]
    assert "planted" not in site.rows()[0]["data"]
    thief = site.browser()
    thief.set_cookie("__Host-lixiao", before, domain="lixiao.example.edu", secure=True)
    assert not site.is_signed_in(thief)


def test_tokens_codes_and_the_identifier_are_not_kept(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    kept = str(site.rows())
    for secret in ("access-token-value", "code-value", "eyJ", "nonce", "verifier", get_cookie(browser)):
        assert secret not in kept


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


def test_somebody_who_is_no_student_is_told_so(site: Site) -> None:
    site.provider.userinfo = STUDENT | {"role": "teacher", "number": "00420013"}
    browser = site.browser()
    site.sign_in(browser)
    page = site.get(browser, CLEARANCE)
    assert page.status_code == 403
    assert 'data-error="NotAStudent"' in page.text
    assert site.is_signed_in(browser)


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


def test_a_form_whose_session_has_ended_leads_through_one_sign_in_back_to_its_page(site: Site) -> None:
    browser = site.browser()
    answer = browser.post(SUBMISSION, base_url=BASE_URL, data={"csrf_token": "of an old session"})
    assert answer.status_code == 303
    back = site.sign_in(browser, answer.location)
    assert (back.status_code, back.location) == (302, SUBMISSION)
    assert "form_was_lost" in site.rows()[0]["data"]
    assert "刚才的操作没有送出" in site.get(browser, "/completed").text
    assert "刚才的操作没有送出" not in site.get(browser, "/completed").text


def test_a_browser_gets_a_page_between_a_lost_form_and_the_campus(site: Site) -> None:
    browser = site.browser()
    page = site.get(browser, "/sign-in?next=/completed&lost=1", headers={"Accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 200
    assert "刚才的操作没有送出" in page.text
    address = page.headers["Refresh"].removeprefix("0; url=")
    assert f'href="{escape(address)}"' in page.text
    query = site.provider.come_back(address)
    assert site.get(browser, BACK, query_string=query).location == "/completed"


def test_a_form_of_an_address_without_a_page_leads_to_the_page_that_the_view_names(site: Site) -> None:
    answer = site.browser().post(f"{CLEARANCE}/archive/refresh", base_url=BASE_URL)
    assert answer.status_code == 303
    assert parse_qs(urlsplit(answer.location).query)["next"] == [CLEARANCE]


def test_a_form_without_a_token_is_refused_for_who_is_signed_in(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    assert browser.post(SUBMISSION, base_url=BASE_URL).status_code == 400
    assert browser.post("/sign-out", base_url=BASE_URL).status_code == 400
    assert site.is_signed_in(browser)


def sign_out(site: Site, browser: FlaskClient) -> TestResponse:
    page = site.get(browser, "/completed")
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    return browser.post("/sign-out", base_url=BASE_URL, data={"csrf_token": token[1]})


def test_signing_out_ends_the_session_in_every_copy(site: Site) -> None:
    browser, copy = site.browser(), site.browser()
    site.sign_in(browser)
    copy.set_cookie("__Host-lixiao", get_cookie(browser), domain="lixiao.example.edu", secure=True)
    assert site.is_signed_in(copy)
    answer = sign_out(site, browser)
    assert (answer.status_code, answer.location) == (303, "/")
    assert site.rows() == []
    assert get_cookie(browser) == ""
    assert not site.is_signed_in(copy)


def test_signing_out_where_nobody_is_signed_in_leads_home(site: Site) -> None:
    answer = site.browser().post("/sign-out", base_url=BASE_URL)
    assert (answer.status_code, answer.location) == (303, "/")


def test_signing_out_goes_through_the_campus_where_that_is_configured(
    tmp_path: Path, provider: SmallProvider
) -> None:
    with open_site(tmp_path, provider, SIGN_IN__CAMPUS__END_CAMPUS_SESSION="true") as site:
        browser = site.browser()
        site.sign_in(browser)
        answer = sign_out(site, browser)
        assert answer.location.startswith(f"{provider.url}/end?client_id=lixiao&post_logout_redirect_uri=")
        assert answer.status_code == 303
        assert site.rows() == []
