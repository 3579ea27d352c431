"""The sign-in's addresses: there and back."""

from __future__ import annotations

import threading
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from flask.testing import FlaskClient

from app.settings import SettingsError
from app.web import sealed_cookies
from tests.integration.auth.pages.site import (
    BASE_URL,
    CLEARANCE,
    Site,
    count_waiting,
    get_cookie,
    open_site,
)
from tests.integration.auth.small_provider import CALLBACK, CLIENT_SECRET, SmallProvider

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


def describe_phone_door(provider: SmallProvider) -> dict[str, str]:
    """The settings of a second door, for the phone."""
    second = {
        "KIND": "oidc",
        "LABEL": "e矿大",
        "ISSUER": provider.issuer,
        "CLIENT_ID": "lixiao",
        "CLIENT_SECRET": CLIENT_SECRET,
        "CLAIMS__STUDENT_NUMBER": "number",
        "CLAIMS__NAME": "name",
    }
    return {f"SIGN_IN__PHONE__{key}": value for key, value in second.items()}


def test_with_several_providers_one_chooses(tmp_path: Path, provider: SmallProvider) -> None:
    settings = describe_phone_door(provider)
    with open_site(tmp_path, provider, **settings) as site:
        page = site.get(site.browser(), "/sign-in?next=/completed")
        assert page.status_code == 200
        assert "统一身份认证" in page.text
        assert "e矿大" in page.text
        assert 'href="/sign-in/phone?next=/completed"' in page.text
        assert site.get(site.browser(), "/sign-in/phone?next=/completed").status_code == 302


PHONE = {"User-Agent": "Mozilla/5.0 (Linux; Android 14) ekuangda/2.0"}


def test_a_browser_that_a_provider_is_for_goes_straight_to_it_and_may_still_choose(
    tmp_path: Path, provider: SmallProvider
) -> None:
    settings = describe_phone_door(provider) | {"SIGN_IN__PHONE__BROWSERS": "ekuangda/[0-9]"}
    with open_site(tmp_path, provider, **settings) as site:
        phone = site.get(site.browser(), "/sign-in?next=/completed", headers=PHONE)
        assert phone.status_code == 302
        assert "%2Fsign-in%2Fphone%2Fcallback" in phone.headers["Location"]
        assert site.get(site.browser(), "/sign-in").status_code == 200
        assert site.get(site.browser(), "/sign-in?choose=1", headers=PHONE).status_code == 200


def test_an_expression_for_browsers_that_is_none_stops_the_start(
    tmp_path: Path, provider: SmallProvider
) -> None:
    settings = describe_phone_door(provider) | {"SIGN_IN__PHONE__BROWSERS": "ekuangda/["}
    with (
        pytest.raises(SettingsError, match=r"sign_in\.phone\.browsers is no regular expression"),
        open_site(tmp_path, provider, **settings),
    ):
        pass


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
    assert count_waiting(browser) == 1
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
    assert count_waiting(browser) == 5
    site.sign_in(browser)
    assert site.is_signed_in(browser)


def copy_of(site: Site, browser: FlaskClient) -> FlaskClient:
    """A browser with the same cookies."""
    copy = site.browser()
    for cookie in browser._cookies.values():
        copy.set_cookie(cookie.key, cookie.value, domain=cookie.domain, secure=True)
    return copy


def come_back_together(site: Site, times: int) -> list[int]:
    """Let one callback come several times at once from one browser; the answers' statuses."""
    browser = site.browser()
    callback = site.leave(browser)
    answers = []

    def come_back() -> None:
        answers.append(site.get(copy_of(site, browser), callback).status_code)

    threads = [threading.Thread(target=come_back) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(answers)


def test_a_callback_that_comes_several_times_at_once_is_exchanged_once(site: Site) -> None:
    assert come_back_together(site, 8) == [302] + [400] * 7
    assert token_calls(site) == 1


def test_without_the_memory_of_what_was_used_it_is_exchanged_several_times(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealed_cookies, "use_once", lambda mark: True)
    come_back_together(site, 8)
    assert token_calls(site) == 8


def test_a_callback_and_its_cookies_carried_to_another_browser_are_good_in_one_of_both(site: Site) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    copy = copy_of(site, browser)
    site.get(browser, callback)
    assert site.get(copy, callback).status_code == 400
    assert (site.is_signed_in(browser), site.is_signed_in(copy)) == (True, False)


def test_the_identifier_changes_and_what_was_there_before_is_gone(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    callback = f"{BACK}?{urlencode(site.provider.come_back(site.get(browser, '/sign-in/campus').location))}"
    with site.app.app_context(), browser.session_transaction(base_url=BASE_URL) as session:
        session["planted"] = "by somebody else"
    assert "planted" in site.rows()[0]["data"]
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
    callback = site.leave(browser)
    answers = [site.get(browser, callback), site.get(browser, "/completed")]
    kept = str(site.rows())
    for secret in ("access-token-value", "code-value", "eyJ", "nonce", "verifier", get_cookie(browser)):
        assert secret not in kept
    told = "".join(f"{answer.headers}{answer.text}" for answer in answers)
    for secret in ("access-token-value", "code-value", "eyJ"):
        assert secret not in told
