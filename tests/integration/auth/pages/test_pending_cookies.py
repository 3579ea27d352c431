"""What a browser keeps for the service before somebody has signed in."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from flask.testing import FlaskClient

from app.domain.person import Person, Role
from app.services.sign_in.seal import Seal, TooMuchToSeal
from app.services.sign_in.sign_in import ARRIVED, MAX_NEXT
from app.services.sign_in.used_once import vouch
from tests.integration.auth.pages.site import BASE_URL, CLEARANCE, Site, count_waiting, get_cookie

MORNING = datetime(2026, 6, 1, 8, tzinfo=UTC)
NGINX_LINE = 8 * 1024
"""Bytes of one header's line that nginx takes as it comes."""


def list_cookies(browser: FlaskClient) -> dict[str, str]:
    return {cookie.key: cookie.value for cookie in browser._cookies.values()}


def begin_together(site: Site, browser: FlaskClient, times: int, path: str) -> None:
    """Let so many tabs of one browser begin before any of them has an answer."""
    answers = []

    def begin() -> None:
        tab = site.browser()
        answers.append(site.get(tab, path))

    threads = [threading.Thread(target=begin) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for answer in answers:
        for header in answer.headers.getlist("Set-Cookie"):
            for name, morsel in SimpleCookie(header).items():
                browser.set_cookie(name, morsel.value, domain="lixiao.example.edu", secure=True)


def test_fifty_tabs_at_the_same_moment_lock_nobody_out(site: Site) -> None:
    browser = site.browser()
    begin_together(site, browser, 50, f"/sign-in?next=/{'x' * (MAX_NEXT - 1)}")
    assert 1 <= count_waiting(browser) <= 5
    assert sum(len(f"{name}={value}; ") for name, value in list_cookies(browser).items()) < NGINX_LINE
    site.sign_in(browser)
    assert site.is_signed_in(browser)


def test_the_longest_pages_stay_below_what_servers_take(site: Site) -> None:
    browser = site.browser()
    for number in range(9):
        unlike = "".join(chr(97 + (place * place * (number + 7)) % 23) for place in range(MAX_NEXT - 1))
        site.get(browser, f"/sign-in?next=/{unlike}")
        cookies = list_cookies(browser)
        assert sum(map(len, cookies.values())) <= 3_800
        assert all(len(name) + len(value) <= 4_096 for name, value in cookies.items())
    site.sign_in(browser)
    assert site.is_signed_in(browser)


def test_a_cookie_shows_nothing_of_what_it_holds(site: Site) -> None:
    browser = site.browser()
    location = site.get(browser, "/sign-in?next=/completed").location
    asked = parse_qs(urlsplit(location).query)
    (value,) = list_cookies(browser).values()
    for secret in (asked["state"][0], asked["nonce"][0], "completed", "campus"):
        assert secret not in value


def test_the_same_attempt_never_looks_the_same_and_another_key_opens_nothing() -> None:
    one, other = Seal("a secret key that is long enough"), Seal("another key that is long enough")
    texts = {one.close("n", {"x": 1}, MORNING)[0] for _ in range(50)}
    assert len(texts) == 50
    for text in texts:
        sealed = one.open(text, MORNING, 60)
        assert sealed is not None
        assert (sealed.name, sealed.value) == ("n", {"x": 1})
        assert other.open(text, MORNING, 60) is None
        assert one.open(text, MORNING + timedelta(seconds=61), 60) is None
        assert one.open(text, MORNING - timedelta(seconds=1), 60) is None


def test_what_no_browser_would_keep_is_not_sealed() -> None:
    unlike = "".join(chr(0x4E00 + (place * place * 7919) % 20_000) for place in range(3_000))
    with pytest.raises(TooMuchToSeal):
        Seal("a secret key that is long enough").close("n", unlike, MORNING)


@pytest.mark.parametrize("place", [0, 11, 12, 30, -1])
def test_a_cookie_that_was_changed_is_none(place: int, site: Site) -> None:
    browser = site.browser()
    callback = site.leave(browser)
    ((name, value),) = list_cookies(browser).items()
    place %= len(value)
    other = "A" if value[place] not in "ABCD" else "Z"
    changed = value[:place] + other + value[place + 1 :]
    browser.set_cookie(name, changed, domain="lixiao.example.edu", secure=True)
    assert site.get(browser, callback).status_code == 400
    browser.set_cookie(name, value, domain="lixiao.example.edu", secure=True)
    assert site.get(browser, callback).location == CLEARANCE, "control: as it was"


@pytest.mark.parametrize("value", ["", "x", "A" * 16, "A" * 43, "A" * 4000, "é", '"', "%00", "=" * 9])
def test_a_cookie_that_holds_nothing_of_ours_is_none(value: str, site: Site) -> None:
    headers = {"Cookie": f"__Host-lixiao-sign_in_1={value}; __Host-lixiao-arrived={value}"}
    browser = site.app.test_client(use_cookies=False)
    for path, status in (("/sign-in/campus/callback?state=x&code=y", 400), ("/sign-in/campus/confirm", 302)):
        assert browser.get(path, base_url=BASE_URL, headers=headers).status_code == status


def test_who_comes_back_late_is_told_so_and_led_to_the_page(site: Site) -> None:
    with time_machine.travel(MORNING, tick=False) as clock:
        for minutes, next_page in ((11, "/completed"), (31, "/")):
            browser = site.browser()
            callback = site.leave(browser, "/completed")
            clock.shift(timedelta(minutes=minutes))
            page = site.get(browser, callback)
            assert page.status_code == 400
            assert f'href="/sign-in/campus?next={next_page}"' in page.text
            assert not site.is_signed_in(browser)


def test_a_sign_in_leaves_no_cookie_behind_but_its_session_s(site: Site) -> None:
    browser = site.browser()
    site.sign_in(browser)
    assert set(list_cookies(browser)) == {"__Host-lixiao"}
    assert get_cookie(browser) != ""


@pytest.mark.parametrize(
    ("is_known", "is_vouched", "signs_in"), [(True, False, False), (False, False, False), (True, True, True)]
)
def test_a_cookie_of_who_arrived_signs_in_only_whom_the_database_saw_arrive(
    is_known: bool, is_vouched: bool, signs_in: bool, site: Site
) -> None:
    """A thief of `secret_key` can seal one, and nothing vouches for it; the last case shows that it is else whole."""
    key = site.app.config["SECRET_KEY"] if is_known else "another key that is long enough"
    guard = Person("00420016", "门卫", Role.GUARD)
    arrival = {"provider": "campus", "people": [guard.to_json()], "next": "/completed", "interrupted": False}
    now = datetime.now(UTC)
    arrival |= {"campus_session": "", "at": now.timestamp()}
    browser = site.browser()
    cookie, sealed = Seal(key).close(ARRIVED, arrival, now)
    if is_vouched:
        with site.app.app_context():
            vouch(sealed.mark)
    browser.set_cookie("__Host-lixiao-arrived", cookie, domain="lixiao.example.edu", secure=True)
    page = site.get(browser, "/sign-in/campus/confirm")
    assert (page.status_code == 200) == is_known
    if is_known:
        token = page.text.split('name="csrf_token" value="', 1)[1].split('"')[0]
        form = {"csrf_token": token, "choice": "0"}
        browser.post("/sign-in/campus/confirm", base_url=BASE_URL, data=form)
    assert site.is_signed_in(browser) == signs_in
