"""Forms whose session has ended, people who may not, and signing out."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

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
from tests.integration.auth.small_provider import CALLBACK, SmallProvider

BACK = urlsplit(CALLBACK).path


def test_somebody_who_is_no_student_is_told_so(site: Site) -> None:
    site.provider.userinfo = STUDENT | {"role": "teacher", "number": "00420013"}
    browser = site.browser()
    site.sign_in(browser)
    page = site.get(browser, CLEARANCE)
    assert page.status_code == 403
    assert 'data-error="NotAStudent"' in page.text
    assert site.is_signed_in(browser)


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
