"""A service whose CAS is on another site."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.screens import Screens
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.integration.auth.cas.visits import configure
from tests.running import running_service


@pytest.fixture(scope="package")
def signing(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service at 127.0.0.1 with CAS at localhost, and the OpenID provider beside it."""
    changes = configure(campus, ENTRY="ticket", END_CAMPUS_SESSION="true")
    changes["LIXIAO_SIGN_IN__CAS__URL"] = campus.cas.replace("127.0.0.1", "localhost")
    changes["LIXIAO_SIGN_IN__CAMPUS__END_CAMPUS_SESSION"] = "true"
    changes["LIXIAO_SERVICE__LOG_LEVEL"] = "DEBUG"
    with running_service(campus, tmp_path_factory.mktemp("signing"), changes) as running:
        yield running


@pytest.fixture
def screens(browser: Browser, signing: Service) -> Iterator[Screens]:
    """Windows at that service; none may break the security policy."""
    opened = Screens(browser, signing.url)
    yield opened
    opened.close()
    assert not opened.violations
