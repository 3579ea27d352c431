"""One Chromium for all tests here, a service of their own, and a watch over each page's console.

Where Chromium is missing the tests are left out and the summary says so; with `CI=true` they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserType, Page, sync_playwright

from tests.browser.gate import open_gate
from tests.browser.places import FINANCE_FILE
from tests.browser.screens import Screens
from tests.campus.client import PROJECT, CampusClient
from tests.conftest import Service
from tests.fixtures.counter_service import running_counter
from tests.fixtures.finance_view import FRAGMENT, make_finance_view
from tests.fixtures.issued_slips import IssuedSlip, issue_slip
from tests.running import running_service as start_own_service

CHROMIUMS = ("chromium-headless-shell", "chromium", "google-chrome")
"""The first is the same engine without a desktop's window: it takes half the CPU."""
CHROMIUM = next(filter(None, map(shutil.which, CHROMIUMS)), None)
UNDERGRADUATES = PROJECT / "config" / "demo_undergraduate.toml"
OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
NU_CHECKER = os.environ.get("NU_CHECKER", "")
"""The path of the Nu checker's vnu.jar."""
MISSING = "no Chromium here: the pages were not tested in a browser (apt-get install chromium)"


@pytest.fixture(scope="module")
def browser_type() -> Iterator[BrowserType]:
    """What starts a Chromium. It ends with its module: its event loop would stand in the way of other tests'."""
    if not CHROMIUM:
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
    with sync_playwright() as playwright:
        yield playwright.chromium


@pytest.fixture(scope="module")
def browser(browser_type: BrowserType) -> Iterator[Browser]:
    """A headless Chromium."""
    chromium = browser_type.launch(executable_path=CHROMIUM, args=list(OPTIONS))
    yield chromium
    chromium.close()


@pytest.fixture(scope="session")
def running_service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for the journeys alone: they submit for demo accounts that other tests need fresh."""
    with start_own_service(campus, tmp_path_factory.mktemp("browsed")) as running:
        yield running


@pytest.fixture(scope="session")
def other_service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service for the pages that the usual one does not have: see `places.ELSEWHERE`."""
    folder = tmp_path_factory.mktemp("elsewhere")
    view = make_finance_view(folder / FINANCE_FILE)
    changes = view.environment | {"LIXIAO_RATE_LIMIT__TYPED": "1 per hour"}
    with start_own_service(campus, folder, changes, configs=(FRAGMENT, UNDERGRADUATES)) as running:
        yield running


@pytest.fixture(scope="session")
def counter_service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service at whose counters staff decide."""
    with running_counter(campus, tmp_path_factory.mktemp("counter")) as running:
        yield running


@pytest.fixture(scope="session")
def sources() -> dict[str, str]:
    """The HTML of the pages that were opened, by their names in `places`."""
    return {}


@pytest.fixture
def checker() -> None:
    """The Nu checker, and Java to run it."""
    if not NU_CHECKER or not shutil.which("java"):
        why = "NU_CHECKER or java is missing: the pages' HTML was not checked"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)


@pytest.fixture
def screens(browser: Browser, service: Service) -> Iterator[Screens]:
    """Opens browser windows at the service; at the end no window may have broken the security policy."""
    opened = Screens(browser, service.url)
    yield opened
    opened.close()
    assert not opened.violations


@pytest.fixture(scope="session")
def slip(running_service: Service) -> IssuedSlip:
    """A slip that stays valid."""
    return issue_slip(running_service, "TS99000001")


@pytest.fixture
def own_slip(running_service: Service, fresh_student: str) -> IssuedSlip:
    """A slip whose state a test changes."""
    return issue_slip(running_service, fresh_student)


@pytest.fixture
def gate(screens: Screens) -> Page:
    """The gate's page, installed."""
    return open_gate(screens.open(reduced_motion="reduce"))
