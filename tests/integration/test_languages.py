"""Two languages: which one a page has, and how to switch."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import pytest
import requests

from tests.conftest import Service
from tests.visitor import APP, Visitor

GUIDE = f"{APP}/"


def get_language(page: requests.Response) -> str:
    found = re.search(r'<html lang="([^"]+)"', page.text)
    assert found, page.text[:500]
    return found[1]


def find_switch(page: requests.Response) -> str:
    """Where the page's switch leads."""
    found = re.search(r'<a class="tongue" href="([^"]+)"', page.text)
    assert found, page.text[:2000]
    return urljoin(page.url, found[1].replace("&amp;", "&"))


@pytest.mark.parametrize(
    ("accepted", "expected"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("*", "zh-CN"),
        ("zh", "zh-CN"),
        ("zh-TW,zh;q=0.9", "zh-CN"),
        ("fr", "zh-CN"),
        ("en", "en"),
        ("en-US,en;q=0.9", "en"),
        ("fr-FR,fr;q=0.9,en;q=0.5", "en"),
        ("en;q=0.4,zh-CN;q=0.8", "zh-CN"),
        (";;;q=x,\u00ff", "zh-CN"),
    ],
)
def test_without_a_choice_the_browser_decides_and_chinese_is_the_default(
    accepted: str | None, expected: str, visitor: Visitor
) -> None:
    for path in (GUIDE, "/nowhere", "/v/1"):
        assert get_language(visitor.get(path, headers={"Accept-Language": accepted})) == expected


def test_the_switch_leads_to_the_same_page_and_is_remembered(visitor: Visitor) -> None:
    page = visitor.get("/verify?from=paper")
    switched = visitor.get(find_switch(page), headers={"Referer": page.url})
    assert switched.url == page.url
    assert get_language(switched) == "en"
    for path in (GUIDE, "/nowhere", "/v/1", f"/v/{'1' * 300}"):
        assert get_language(visitor.get(path, headers={"Accept-Language": "zh-CN"})) == "en"
    back = visitor.get(find_switch(switched), headers={"Referer": page.url})
    assert (back.url, get_language(back)) == (page.url, "zh-CN")


@pytest.mark.parametrize("path", [GUIDE, "/nowhere", "/verify", "/v/1", "/gate"])
def test_every_page_has_the_switch(path: str, visitor: Visitor) -> None:
    switched = visitor.get(find_switch(visitor.get(path)))
    assert (get_language(switched), switched.url) == ("en", visitor.url + path)


def test_after_a_form_the_switch_leads_to_the_page_of_the_form(visitor: Visitor) -> None:
    page = visitor.http.post(f"{visitor.url}/verify", data={"code": "x"}, timeout=30)
    assert page.status_code == 422
    switched = visitor.get(find_switch(page))
    assert (get_language(switched), switched.url) == ("en", f"{visitor.url}/verify")


def test_the_choice_is_a_cookie_that_no_script_reads_and_that_needs_no_session(service: Service) -> None:
    answer = requests.get(f"{service.url}{GUIDE}?language=en", allow_redirects=False, timeout=30)
    parts = {part.strip() for part in answer.headers["Set-Cookie"].split(";")}
    assert {"language=en", "HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=31536000"} <= parts
    assert "Secure" not in parts  # this service is at http
    assert (answer.status_code, answer.headers["Location"]) == (302, GUIDE)
    assert "lixiao_session" not in answer.headers["Set-Cookie"]


@pytest.mark.parametrize(
    "path",
    ["//evil.example/x", "///evil.example", "/%5Cevil.example", "/%2F/evil.example", "//evil.example%2F.."],
)
def test_the_switch_never_leads_to_another_host(path: str, service: Service) -> None:
    answer = requests.get(f"{service.url}{path}?language=en", allow_redirects=False, timeout=30)
    assert re.match(r"/([^/\\]|$)", answer.headers["Location"]), answer.headers["Location"]


@pytest.mark.parametrize(
    "page",
    [
        "http://evil.example/verify?x=1",
        "{url}/other?x=1",
        "{url}/verify",
        "{url}/verify?language=en",
        "//[",
        "x",
    ],
)
def test_only_the_page_itself_says_which_arguments_it_had(page: str, service: Service) -> None:
    header = {"Referer": page.format(url=service.url)}
    answer = requests.get(
        f"{service.url}/verify?language=en&y=2", headers=header, allow_redirects=False, timeout=30
    )
    assert (answer.status_code, answer.headers["Location"]) == (302, "/verify")


def test_no_page_repeats_the_arguments_of_its_address(visitor: Visitor) -> None:
    for path in ("/verify", GUIDE, "/nowhere"):
        assert "elsewhere" not in visitor.get(f"{path}?from=elsewhere&language=x").text


@pytest.mark.parametrize("language", ["fr", "", "en-US", "EN", "../en", "en\r\nX: y"])
def test_a_language_that_there_is_not_is_not_chosen(language: str, service: Service) -> None:
    for path in (GUIDE, "/v/1"):
        answer = requests.get(
            f"{service.url}{path}", params={"language": language}, allow_redirects=False, timeout=30
        )
        assert answer.status_code == 200
        assert "Set-Cookie" not in answer.headers
        assert get_language(answer) == "zh-CN"


@pytest.mark.parametrize("cookie", ["", "fr", "x" * 4000, '"', "%00", "en, zh"])
def test_a_remembered_language_that_there_is_not_counts_as_none(cookie: str, service: Service) -> None:
    for path in (GUIDE, "/v/1"):
        answer = requests.get(f"{service.url}{path}", headers={"Cookie": f"language={cookie}"}, timeout=30)
        assert get_language(answer) == "zh-CN"


@pytest.mark.parametrize("path", [GUIDE, "/nowhere", "/verify", "/v/1", "/gate"])
def test_caches_are_told_that_a_page_varies_with_the_language(path: str, service: Service) -> None:
    varies = requests.get(f"{service.url}{path}", timeout=30).headers["Vary"]
    assert {"Accept-Language", "Cookie"} <= {name.strip() for name in varies.split(",")}


def test_what_has_no_language_does_not_vary_with_it(service: Service) -> None:
    varies = requests.get(f"{service.url}/healthz", timeout=30).headers.get("Vary", "")
    assert "Language" not in varies


def test_a_scan_in_one_language_leaves_the_other_as_it_is(service: Service) -> None:
    code = f"{service.url}/v/{'7' * 300}?from=elsewhere"
    pages = {
        language: [requests.get(code, headers={"Accept-Language": language}, timeout=30) for _ in range(2)]
        for language in ("en", "zh-CN", "en")
    }
    for language, answers in pages.items():
        assert [get_language(answer) for answer in answers] == [language, language]
        assert "elsewhere" not in answers[1].text


def test_the_slips_content_is_shown_in_the_language_of_the_page_and_printed_as_ever(
    service: Service, visitor: Visitor, fresh_student: str
) -> None:
    visitor.sign_in(fresh_student)
    address = visitor.submit().headers["Location"]
    pages = {code: visitor.get(f"{address}?language={code}").text for code in ("zh-CN", "en")}
    assert "总务部公寓与物业中心：退宿（通过）" in pages["zh-CN"]
    assert "Housing and Property Centre: Dormitory check-out (Passed)" in pages["en"]
    found = re.search(r"/v/\d{200,400}", pages["en"])
    assert found
    guard = service.visit()
    guard.sign_in("00420016", "/completed")
    full = guard.get(f"{found[0]}?language=en").text
    assert "Housing and Property Centre: Dormitory check-out" in full
    assert "总务部公寓与物业中心" not in full
    assert fresh_student in full


def test_actions_and_refusals_speak_the_language_of_the_page(visitor: Visitor) -> None:
    visitor.get("/?language=en")
    visitor.sign_in("TS23000011")
    path = f"{APP}/clearance/library_loans/cancel-card"
    visitor.post(path, visitor.get(path))
    assert "The library could not cancel the card." in visitor.get(f"{APP}/clearance").text
    refused = visitor.submit()
    assert refused.status_code == 422
    assert "Not submitted: 1 not passed" in refused.text
    assert "The library card is active and not cancelled yet" in refused.text


def test_json_carries_the_same_words(service: Service) -> None:
    header = {"Accept": "application/json"}
    texts = [
        requests.get(
            f"{service.url}/nowhere", headers=header | {"Accept-Language": language}, timeout=30
        ).json()
        for language in ("zh-CN", "en")
    ]
    assert [text["title"] for text in texts] == ["页面不存在", "There is no such page"]
