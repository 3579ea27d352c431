"""Every page of the product in the states that look different, each with the way to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from playwright.sync_api import Page

from tests.browser.screens import APP, CANCEL_CARD, CLEARANCE, SUBMISSION, Screens, submit
from tests.campus.client import CampusClient

Way = Callable[[Screens, CampusClient, str], Page]
"""From fresh windows, the campus and the number of a student who may submit, to the page."""


def _visit(path: str, screens: Screens, _campus: CampusClient, _student: str) -> Page:
    page = screens.open()
    page.goto(path)
    return page


def _sign_in(number: str, path: str, screens: Screens, _campus: CampusClient, _student: str) -> Page:
    return screens.sign_in(number, path)


def _open_ready_submission(screens: Screens, _campus: CampusClient, student: str) -> Page:
    return screens.sign_in(student, SUBMISSION)


def _open_with_a_silent_department(screens: Screens, campus: CampusClient, student: str) -> Page:
    screens.sign_in(student)
    campus.set_fault("archive", "http_500")
    page = screens.sign_in(student)
    campus.set_fault("archive")
    return page


def _get_refused(screens: Screens, _campus: CampusClient, _student: str) -> Page:
    page = screens.sign_in("TS23000003", SUBMISSION)
    page.click(".bar button.main")
    page.wait_for_selector("[data-error]")
    return page


def _open_slip(screens: Screens, _campus: CampusClient, student: str) -> Page:
    page = screens.sign_in(student)
    submit(page)
    return page


def _open_after_submitting(path: str, screens: Screens, campus: CampusClient, student: str) -> Page:
    page = _open_slip(screens, campus, student)
    page.goto(path)
    return page


def _open_verification(screens: Screens, campus: CampusClient, student: str) -> Page:
    page = _open_slip(screens, campus, student)
    page.goto(page.input_value("#address"))
    return page


PLACES: dict[str, Way] = {
    "guide": partial(_visit, f"{APP}/"),
    "privacy notice": partial(_visit, f"{APP}/privacy"),
    "questions": partial(_visit, f"{APP}/faq"),
    "not found": partial(_visit, "/nowhere"),
    "sign-in not finished": partial(_visit, "/sign-in/campus/callback?error=access_denied&state=x"),
    "malformed code": partial(_visit, "/v/1"),
    "verification form": partial(_visit, "/verify"),
    "clearance with reasons": partial(_sign_in, "TS23000003", CLEARANCE),
    "clearance with an action": partial(_sign_in, "TS23000001", CLEARANCE),
    "clearance with arrears": partial(_sign_in, "TS23000008", CLEARANCE),
    "clearance with a long name": partial(_sign_in, "TB23000010", CLEARANCE),
    "clearance with a silent department": _open_with_a_silent_department,
    "clearance after submitting": partial(_open_after_submitting, CLEARANCE),
    "not graduating": partial(_sign_in, "TS25000012", CLEARANCE),
    "action": partial(_sign_in, "TS23000001", CANCEL_CARD),
    "submission with reasons": partial(_sign_in, "TS23000003", SUBMISSION),
    "submission": _open_ready_submission,
    "refused submission": _get_refused,
    "slip": _open_slip,
    "completed": partial(_open_after_submitting, "/completed"),
    "nothing completed": partial(_sign_in, "TS23000004", "/completed"),
    "valid slip": _open_verification,
}
