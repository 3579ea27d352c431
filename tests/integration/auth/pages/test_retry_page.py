"""What a person sees when a sign-in comes to nothing."""

from __future__ import annotations

import logging
import re
from urllib.parse import urlsplit

import pytest

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
