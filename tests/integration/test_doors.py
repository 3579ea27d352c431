"""The ways that every page offers: to help, to verification, to one's own pages, and to try again."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests

from tests.campus.client import PROJECT, CampusClient
from tests.campus.run import DATABASE
from tests.conftest import Service
from tests.integration.outages import locked_sqlite
from tests.running import running_service
from tests.visitor import APP

UNDERGRADUATES = "/undergraduate-departure"
OPEN = (f"{APP}/", f"{APP}/faq", f"{APP}/privacy", "/verify", "/gate", "/v/1", "/nowhere")


def list_footer_links(page: requests.Response) -> list[str]:
    """The addresses that the footer links."""
    footer = page.text.partition('<footer class="foot">')[2].partition("</footer>")[0]
    return re.findall(r'href="([^"]+)"', footer)


@pytest.fixture(scope="module")
def both(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with two mini-apps, on a database of its own."""
    config = PROJECT / "config" / "demo_undergraduate.toml"
    with running_service(campus, tmp_path_factory.mktemp("doors"), configs=(config,)) as running:
        yield running


@pytest.mark.parametrize("path", OPEN)
def test_every_footer_leads_to_questions_privacy_and_verification(service: Service, path: str) -> None:
    links = list_footer_links(service.visit().get(path))
    assert {f"{APP}/faq", f"{APP}/privacy", "/verify"} <= set(links)


@pytest.mark.parametrize("path", ["/", "/verify", "/nowhere"])
def test_with_two_mini_apps_a_page_of_neither_leads_to_the_help_of_both_by_name(
    both: Service, path: str
) -> None:
    page = both.visit().get(path)
    assert {f"{app}/{kind}" for app in (APP, UNDERGRADUATES) for kind in ("faq", "privacy")} <= set(
        list_footer_links(page)
    )
    footer = page.text.partition('<footer class="foot">')[2]
    assert re.findall(r"<b[^>]*>([^<]+)</b>", footer) == ["研究生离校服务", "本科生离校服务"]


def test_with_two_mini_apps_a_page_of_one_leads_to_its_own_help_alone(both: Service) -> None:
    links = list_footer_links(both.visit().get(f"{UNDERGRADUATES}/"))
    assert f"{UNDERGRADUATES}/faq" in links
    assert f"{APP}/faq" not in links


@pytest.mark.parametrize("path", ["/verify", "/v/1", "/gate"])
def test_staff_can_sign_in_from_every_page_of_verification(service: Service, path: str) -> None:
    assert any(link.startswith("/sign-in?next=") for link in list_footer_links(service.visit().get(path)))


@pytest.mark.parametrize("path", ["/verify", "/v/1"])
def test_who_is_signed_in_is_not_asked_to_sign_in_as_staff(service: Service, path: str) -> None:
    guard = service.visit()
    guard.sign_in("00420016", "/completed")
    assert not any("/sign-in" in link for link in list_footer_links(guard.get(path)))


@pytest.mark.parametrize(("number", "is_led"), [("00420016", True), ("00420014", True), ("00420013", False)])
def test_guards_and_clerks_are_led_to_their_pages_and_a_teacher_is_not(
    service: Service, number: str, is_led: bool
) -> None:
    page = service.visit().sign_in(number)
    assert page.status_code == 403
    assert 'data-error="NotAStudent"' in page.text
    main = page.text.partition("<main")[2].partition("</main>")[0]
    assert ('href="/gate"' in main) is is_led
    assert ("您登录的是工作人员账号" in main) is is_led


def find_retry(page: requests.Response) -> str:
    """Where the button to try again leads; empty where there is none."""
    found = re.search(r'data-retry href="([^"]*)"', page.text)
    return found[1] if found else ""


def test_a_503_offers_to_try_again_where_one_was(both: Service) -> None:
    student = both.visit()
    page = student.sign_in("TS23000002")
    with locked_sqlite(both.data_dir / DATABASE):
        refused = student.post(f"{APP}/submission", page)
    assert refused.status_code == 503
    assert find_retry(refused) == f"{APP}/submission"
    assert student.get(find_retry(refused)).status_code == 200


def test_an_error_that_stays_offers_no_second_try(service: Service) -> None:
    assert find_retry(service.visit().get("/nowhere")) == ""
