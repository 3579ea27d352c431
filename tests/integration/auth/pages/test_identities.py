"""People with several identities choose one, and numbers that the configuration gives a role."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.integration.auth.pages.site import BASE_URL, CLEARANCE, Site, get_cookie, open_site
from tests.integration.auth.small_provider import SmallProvider

CONFIRM = "/sign-in/campus/confirm"
PROFILES = [{"stno": "08190002", "level": "本科"}, {"stno": "TS23000002", "level": "硕士"}]


@pytest.fixture
def many(tmp_path: Path, provider: SmallProvider) -> Iterator[Site]:
    """A product whose provider tells a list of identities."""
    settings = {
        "SIGN_IN__CAMPUS__CLAIMS__IDENTITIES": "profiles",
        "SIGN_IN__CAMPUS__CLAIMS__STUDENT_NUMBER": "identity.stno",
        "SIGN_IN__CAMPUS__CLAIMS__LEVEL": "identity.level",
    }
    with open_site(tmp_path, provider, **settings) as site:
        provider.userinfo |= {"profiles": PROFILES}
        yield site


def choose(site: Site, browser: FlaskClient, page: TestResponse, choice: str) -> TestResponse:
    token = re.search(r'name="csrf_token" value="([^"]+)"', page.text)
    assert token
    return browser.post(CONFIRM, base_url=BASE_URL, data={"csrf_token": token[1], "choice": choice})


def test_a_person_with_several_identities_chooses_one_and_goes_on(many: Site) -> None:
    browser = many.browser()
    answer = many.sign_in(browser, f"{CLEARANCE}?wait=1")
    assert answer.location == CONFIRM
    assert not many.is_signed_in(browser)
    page = many.get(browser, CONFIRM)
    for text in ("李**", "尾号 0002，本科", "尾号 0002，硕士"):
        assert text in page.text
    assert "李文静" not in page.text
    before = get_cookie(browser)
    answer = choose(many, browser, page, "1")
    assert (answer.status_code, answer.location) == (303, f"{CLEARANCE}?wait=1")
    assert get_cookie(browser) != before
    (row,) = many.rows()
    assert (row["person_number"], json.loads(row["data"])["person"]["level"]) == ("TS23000002", "硕士")


def test_a_choice_counts_once(many: Site) -> None:
    browser = many.browser()
    many.sign_in(browser)
    page = many.get(browser, CONFIRM)
    assert choose(many, browser, page, "2").status_code == 400
    assert choose(many, browser, page, "1").status_code == 400
    assert not many.is_signed_in(browser)


def test_twenty_identities_fit(many: Site) -> None:
    many.provider.userinfo |= {
        "profiles": [
            {"stno": f"TS230000{place:02}", "level": f"硕士研究生（全日制，第{place}学位）"}
            for place in range(20)
        ]
    }
    browser = many.browser()
    assert many.sign_in(browser).location == CONFIRM
    page = many.get(browser, CONFIRM)
    assert page.text.count("尾号") == 20
    assert len(get_cookie(browser, "__Host-lixiao-arrived")) < 3_800
    choose(many, browser, page, "19")
    assert [row["person_number"] for row in many.rows()] == ["TS23000019"]


def test_one_identity_is_not_asked_about(many: Site) -> None:
    many.provider.userinfo |= {"profiles": PROFILES[1:]}
    browser = many.browser()
    assert many.sign_in(browser).location == CLEARANCE
    assert many.is_signed_in(browser)


def test_nobody_waits_at_the_confirmation_of_a_fresh_browser(many: Site) -> None:
    browser = many.browser()
    assert many.get(browser, CONFIRM).location == "/sign-in"


def test_a_number_in_the_configuration_has_its_role_whatever_the_provider_says(
    tmp_path: Path, provider: SmallProvider
) -> None:
    with open_site(tmp_path, provider, ROLES__ADMINISTRATORS="00420014, 00420015") as site:
        for number, role in (("00420014", "administrator"), ("00420013", "teacher")):
            provider.userinfo |= {"number": number, "role": "teacher"}
            site.sign_in(site.browser())
            (data,) = [row["data"] for row in site.rows() if row["person_number"] == number]
            assert json.loads(data)["person"]["role"] == role
