"""A forger's codes at the gate, with a network and without: none is valid, and a genuine slip is.

A thief of the private key who writes another name over an issued slip is known to the issued log alone: the list has a
place for each slip and none for its words. Such a code is refused online; without a network only the key's state tells.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.gate import check, open_gate
from tests.browser.screens import Screens
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.forged_codes import FORGED_CODES
from tests.fixtures.issued_slips import issue_slip
from tests.running import running_service as start_own_service

NEEDS_THE_LOG = {"an issued slip with another name by the true key"}


@pytest.fixture(scope="module")
def forged(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of its own: tricks with keys would spoil another's."""
    with start_own_service(campus, tmp_path_factory.mktemp("forged")) as running:
        yield running


def test_no_forgers_code_is_valid_at_the_gate(browser: Browser, forged: Service) -> None:
    slip = issue_slip(forged, "TS95000001")
    texts = {trick: forgery.make(forged, slip) for trick, forgery in FORGED_CODES.items()}
    screens = Screens(browser, forged.url)
    page = open_gate(screens.open(reduced_motion="reduce"))
    found: dict[str, list[str]] = {}
    for is_offline in (False, True):
        page.context.set_offline(is_offline)
        for trick, text in texts.items():
            found.setdefault(trick, []).append(check(page, text))
        assert check(page, slip.url) == "valid"
    screens.close()
    assert len(found) >= 30
    assert [trick for trick, (online, _) in found.items() if online == "valid"] == []
    assert {trick for trick, (_, offline) in found.items() if offline == "valid"} <= NEEDS_THE_LOG
