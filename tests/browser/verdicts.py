"""The pages that whoever checks a slip sees: one for each verdict, and the gate's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import requests
from playwright.sync_api import Page
from requests.adapters import HTTPAdapter

from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    GUARD,
    IssuedSlip,
    end_sessions,
    issue_slip,
    revoke,
    sign_unissued,
    supersede,
    unreadable_log,
    unwritable_views,
)

UNKNOWN_KID = 200
MISSES = 20

Change = Callable[[Service, IssuedSlip], str]
"""Does something to a slip, or takes another code like its own; the address to open."""


def _keep(_service: Service, slip: IssuedSlip) -> str:
    return slip.url


def _revoke(service: Service, slip: IssuedSlip) -> str:
    revoke(service, slip)
    return slip.url


def _supersede(service: Service, slip: IssuedSlip) -> str:
    supersede(service, slip)
    return slip.url


def _tamper(_service: Service, slip: IssuedSlip) -> str:
    return slip.tampered_url


def _forge(service: Service, slip: IssuedSlip) -> str:
    return f"/v/{sign_unissued(service, slip)}"


def _use_an_unknown_key(service: Service, slip: IssuedSlip) -> str:
    return f"/v/{sign_unissued(service, slip, kid=UNKNOWN_KID)}"


def _spoil(_service: Service, _slip: IssuedSlip) -> str:
    return "/v/1"


CHANGES: dict[str, Change] = {
    "valid": _keep,
    "revoked": _revoke,
    "superseded": _supersede,
    "bad_signature": _tamper,
    "never_issued": _forge,
    "unknown_key": _use_an_unknown_key,
    "malformed": _spoil,
}


def open_verdict(verdict: str, screens: Screens, service: Service, student: str, **options: Any) -> Page:
    """The page with this verdict, as a stranger sees it."""
    slip = issue_slip(service, student)
    page = screens.open(**options)
    page.goto(CHANGES[verdict](service, slip))
    page.wait_for_selector(f"[data-verdict={verdict}]")
    return page


def open_unknown(screens: Screens, service: Service, student: str, **options: Any) -> Page:
    """The page while the issued log cannot be read."""
    slip = issue_slip(service, student)
    page = screens.open(**options)
    with unreadable_log(service):
        page.goto(slip.url)
    page.wait_for_selector("[data-verdict=status_unknown]")
    return page


def _compare(name: str, screens: Screens, service: Service, student: str) -> Page:
    page = open_verdict("valid", screens, service, student)
    page.fill("#name", name)
    page.click("#compare button.main")
    page.wait_for_selector("[data-comparison]")
    return page


def _compare_nearly(screens: Screens, service: Service, _student: str) -> Page:
    slip = issue_slip(service, "TB23000010")
    page = screens.open()
    page.goto(slip.url)
    page.fill("#name", slip.name.replace("a", "á", 1))
    page.click("#compare button.main")
    page.wait_for_selector("[data-comparison=nearly]")
    return page


def _compare_right(screens: Screens, service: Service, student: str) -> Page:
    slip = issue_slip(service, student)
    page = screens.open()
    page.goto(slip.url)
    page.fill("#name", slip.name)
    page.click("#compare button.main")
    page.wait_for_selector("[data-comparison=match]")
    return page


class _FromAddress(HTTPAdapter):
    """Sends from this address of the loopback network."""

    def __init__(self, address: str) -> None:
        self._source = (address, 0)
        super().__init__()

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options, source_address=self._source)


def open_after_misses(screens: Screens, service: Service, student: str, **options: Any) -> Page:
    """The page when strangers have tried too many wrong names."""
    slip = issue_slip(service, student)
    for number in range(MISSES):
        with requests.Session() as stranger:
            stranger.mount("http://", _FromAddress(f"127.0.1.{number + 1}"))
            stranger.post(slip.url, data={"name": f"某{number}"}, timeout=30)
    page = screens.open(**options)
    page.goto(slip.url)
    page.wait_for_selector("[data-staff-only]")
    return page


def open_two_codes(screens: Screens, service: Service, student: str, **options: Any) -> Page:
    """The page when two codes came in one text."""
    slip = issue_slip(service, student)
    page = screens.open(**options)
    page.goto(f"/v/{slip.digits},{sign_unissued(service, slip)}")
    page.wait_for_selector("[data-error=SeveralCodes]")
    return page


def open_without_session(screens: Screens, service: Service, student: str, **options: Any) -> Page:
    """The page when a guard's session has ended."""
    slip = issue_slip(service, student)
    page = screens.sign_in(GUARD, "/completed", **options)
    end_sessions(service, GUARD)
    page.goto(slip.url)
    page.wait_for_selector("[data-session-over]")
    return page


def open_unlogged(screens: Screens, service: Service, student: str, **options: Any) -> Page:
    """The page of a guard whose view cannot be logged."""
    slip = issue_slip(service, student)
    page = screens.sign_in(GUARD, "/completed", **options)
    with unwritable_views(service):
        page.goto(slip.url)
        page.wait_for_selector("[data-unlogged]")
    return page


def _open_as_guard(screens: Screens, service: Service, student: str) -> Page:
    slip = issue_slip(service, student)
    revoke(service, slip)
    page = screens.sign_in(GUARD, "/completed")
    page.goto(slip.url)
    page.wait_for_selector("[data-full]")
    return page


def open_gate(screens: Screens, service: Service, student: str) -> Page:
    """The gate's page after it has checked a slip."""
    slip = issue_slip(service, student)
    page = screens.open(reduced_motion="reduce", service_workers="block")
    page.goto("/gate")
    page.wait_for_selector("#gate[data-ready]")
    page.fill("#code", slip.url)
    page.press("#code", "Enter")
    page.wait_for_selector("#result [data-verdict=valid]")
    return page


VERDICTS: dict[str, Callable[[Screens, Service, str], Page]] = {
    **{f"slip {verdict}": partial(open_verdict, verdict) for verdict in CHANGES},
    "slip status_unknown": open_unknown,
    "slip with another name": partial(_compare, "张三"),
    "slip with the right name": _compare_right,
    "slip with nearly the name": _compare_nearly,
    "slip after too many names": open_after_misses,
    "two codes in one address": open_two_codes,
    "slip after the session": open_without_session,
    "slip whose view is not logged": open_unlogged,
    "slip before a guard": _open_as_guard,
    "gate": open_gate,
}
