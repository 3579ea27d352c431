"""The pages that whoever checks a slip sees: one for each verdict, and the gate's."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from playwright.sync_api import Page

from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import (
    GUARD,
    IssuedSlip,
    issue_slip,
    revoke,
    sign_unissued,
    supersede,
    unreadable_log,
)

UNKNOWN_KID = 200

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
    "slip before a guard": _open_as_guard,
    "gate": open_gate,
}
