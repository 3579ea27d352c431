"""What is pending between leaving for the campus and coming back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.domain.person import Person, Role
from app.identity.base import Redirect, SignInRefused, SignInUnavailable
from app.services.sign_in.sign_in import PENDING, SignInFailed, begin_sign_in, clean_next, finish_sign_in

PERSON = Person("TS1", "甲", Role.STUDENT)
CALLBACK = "https://lixiao.example.edu/sign-in/phone/callback"


class Browser(dict[str, Any]):
    """A session in memory."""

    def take(self, key: str) -> Any:
        return self.pop(key, None)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 6, 1, 8, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Provider:
    """A provider that takes any code but "down"."""

    label = "校园"

    def __init__(self, name: str = "phone") -> None:
        self.name = name
        self.begun = 0
        self.finished = 0

    def begin(self, redirect_uri: str, *, asks_anew: bool = False) -> Redirect:
        self.begun += 1
        return Redirect(
            f"https://id.example/?{self.begun}", {"state": f"{self.name}{self.begun}", "nonce": "n"}
        )

    def finish(self, query: Mapping[str, str], pending: Mapping[str, str], redirect_uri: str) -> Person:
        self.finished += 1
        if query.get("code") == "down":
            raise SignInUnavailable("unreachable")
        return PERSON

    def sign_out_url(self, return_to: str) -> str | None:
        return None


@pytest.fixture
def clock() -> Clock:
    return Clock()


def waiting(browser: Browser) -> list[str]:
    return [key.removeprefix(PENDING) for key in browser if key.startswith(PENDING)]


def test_who_comes_back_goes_to_the_page_that_was_asked_for(clock: Clock) -> None:
    browser, provider = Browser(), Provider()
    begin_sign_in(provider, browser, "/a/b?wait=1", CALLBACK, clock, has_interrupted=True)
    done = finish_sign_in(provider, browser, {"state": "phone1", "code": "x"}, CALLBACK, clock)
    assert (done.people, done.next_page, done.has_interrupted) == ((PERSON,), "/a/b?wait=1", True)
    assert waiting(browser) == []


def test_a_state_is_used_once_whatever_comes_of_it(clock: Clock) -> None:
    browser, provider = Browser(), Provider()
    begin_sign_in(provider, browser, "/a", CALLBACK, clock)
    with pytest.raises(SignInFailed, match="unreachable") as failed:
        finish_sign_in(provider, browser, {"state": "phone1", "code": "down"}, CALLBACK, clock)
    assert failed.value.next_page == "/a"
    with pytest.raises(SignInRefused, match="unknown_state"):
        finish_sign_in(provider, browser, {"state": "phone1", "code": "x"}, CALLBACK, clock)
    assert provider.finished == 1


@pytest.mark.parametrize(
    "query", [{}, {"state": ""}, {"state": "phone"}, {"state": "phone11"}, {"state": "PHONE1"}]
)
def test_a_state_of_nobody_is_refused_before_the_provider_is_asked(
    query: dict[str, str], clock: Clock
) -> None:
    browser, provider = Browser(csrf_token="t"), Provider()
    begin_sign_in(provider, browser, "/a", CALLBACK, clock)
    with pytest.raises(SignInRefused, match="unknown_state"):
        finish_sign_in(provider, browser, query | {"code": "x"}, CALLBACK, clock)
    assert provider.finished == 0
    assert waiting(browser) == ["phone1"]


def test_at_most_five_attempts_wait_and_the_newest_stay(clock: Clock) -> None:
    browser, provider = Browser(csrf_token="t"), Provider()
    for _ in range(21):
        begin_sign_in(provider, browser, "/", CALLBACK, clock)
        clock.now += timedelta(seconds=1)
    assert sorted(waiting(browser)) == [f"phone{number}" for number in range(17, 22)]
    assert browser["csrf_token"] == "t"


def test_an_attempt_waits_for_ten_minutes(clock: Clock) -> None:
    browser, provider = Browser(), Provider()
    begin_sign_in(provider, browser, "/a", CALLBACK, clock)
    begin_sign_in(provider, browser, "/b", CALLBACK, clock)
    clock.now += timedelta(minutes=10)
    finish_sign_in(provider, browser, {"state": "phone1", "code": "x"}, CALLBACK, clock)
    clock.now += timedelta(seconds=1)
    with pytest.raises(SignInFailed, match="expired_state"):
        finish_sign_in(provider, browser, {"state": "phone2", "code": "x"}, CALLBACK, clock)
    assert provider.finished == 1


def test_old_attempts_are_forgotten_when_a_new_one_begins(clock: Clock) -> None:
    browser, provider = Browser(), Provider()
    begin_sign_in(provider, browser, "/a", CALLBACK, clock)
    clock.now += timedelta(minutes=11)
    begin_sign_in(provider, browser, "/b", CALLBACK, clock)
    assert waiting(browser) == ["phone2"]


def test_providers_whose_names_begin_alike_do_not_take_each_others_answers(clock: Clock) -> None:
    browser, short, long = Browser(), Provider("campus"), Provider("campus_pc")
    begin_sign_in(long, browser, "/a", CALLBACK, clock)
    with pytest.raises(SignInRefused, match="unknown_state"):
        finish_sign_in(short, browser, {"state": "campus_pc1", "code": "x"}, CALLBACK, clock)
    assert short.finished == 0


@pytest.mark.parametrize(
    "text",
    [
        "/",
        "/graduate-departure/clearance",
        "/a?wait=1&x=%E7%A6%BB",
        "/a%20b",
        "/v/123?q=https%3A",
        "/a/..b",
        "/completed",
    ],
)
def test_a_local_path_stays(text: str) -> None:
    assert clean_next(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a/b",
        "//evil.example",
        "///evil.example",
        "/\\evil.example",
        "\\/evil.example",
        "/\\/evil.example",
        "https://evil.example",
        "HTTPS:evil.example",
        "javascript:alert(1)",
        "/%2Fevil.example",
        "/%2fevil.example",
        "/%5Cevil.example",
        "/%252Fevil.example",
        "/%25252Fevil.example",
        "%2F%2Fevil.example",
        "/a\r\nSet-Cookie: x=1",
        "/a%0d%0aSet-Cookie:%20x=1",
        "/a%0a",
        "/\t/evil.example",
        "/%09/evil.example",
        "/a\x00",
        "/a%00",
        " /a",
        "/a b",
        "/\u202e",
        "/中",
        "/a\\b",
        "/" + "a" * 2000,
        "/sign-in?next=/sign-in",
        "/sign-out",
        "/%73ign-out",
    ],
)
def test_anything_else_leads_home(text: str) -> None:
    assert clean_next(text) == "/"
