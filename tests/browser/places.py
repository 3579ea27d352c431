"""Every page of the product in the states that look different, each with the way to it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from functools import partial

from playwright.sync_api import Page, Route

from tests.browser.screens import APP, CANCEL_CARD, CLEARANCE, SUBMISSION, Screens, submit
from tests.browser.verdicts import VERDICTS
from tests.conftest import Service
from tests.fixtures.finance_view import FinanceView
from tests.integration.operation.commands import run_flask

FINANCE_FILE = "finance.sqlite3"

Way = Callable[[Screens, Service, str], Page]
"""From fresh windows, the service and the number of a student who may submit, to the page."""


def _visit(path: str, screens: Screens, _service: Service, _student: str) -> Page:
    page = screens.open()
    page.goto(path)
    return page


def _settle(page: Page) -> Page:
    """Wait for the departments' answers."""
    page.wait_for_selector("[data-status=checking]", state="detached")
    return page


def _sign_in(number: str, path: str, screens: Screens, _service: Service, _student: str) -> Page:
    return _settle(screens.sign_in(number, path))


def _sign_in_ready(path: str, screens: Screens, service: Service, student: str) -> Page:
    return _sign_in(student, path, screens, service, student)


def _open_while_asking(screens: Screens, service: Service, student: str) -> Page:
    for system in ("archive", "finance"):
        service.campus.set_fault(system, "slow_2s")
    page = screens.open()
    page.context.route(re.compile(r"/clearance\?wait="), lambda _never_answered: None)
    screens.answer_sign_in(page, student, CLEARANCE)
    page.wait_for_selector("[data-status=checking]")
    return page


def _open_with_a_silent_department(screens: Screens, service: Service, student: str) -> Page:
    _settle(screens.sign_in(student))
    service.campus.set_fault("archive", "http_500")
    page = _settle(screens.sign_in(student))
    service.campus.set_fault("archive")
    return page


def _open_waived(screens: Screens, service: Service, student: str) -> Page:
    service.campus.set_facts(student, "archive", state="")
    waive = ("waive", "graduate_departure", "archive", student, "--unknown-number", "--by", "00420014")
    done = run_flask(service.environment, *waive, "--reason", "论文涉密，线下归档")
    assert done.code == 0, done.err
    return screens.sign_in(student, f"{CLEARANCE}?wait=1")


def _cancel_the_card(screens: Screens, service: Service, student: str) -> Page:
    service.campus.set_facts(student, "library_loans", card="active")
    page = screens.sign_in(student, CANCEL_CARD)
    page.click("form.buttons button.main")
    page.wait_for_selector(".notice[role=status]")
    return page


def _get_refused(screens: Screens, _service: Service, _student: str) -> Page:
    page = screens.sign_in("TS23000003", SUBMISSION)
    page.click(".bar button")
    page.wait_for_selector("[data-error]")
    return page


def _lose_a_form(screens: Screens, _service: Service, _student: str) -> Page:
    """The page between a form whose session has ended and the campus, where the browser is not to go on."""

    def stay(route: Route) -> None:
        answer = route.fetch()
        headers = dict(answer.headers)
        assert headers.pop("refresh")
        route.fulfill(response=answer, headers=headers)

    page = screens.open()
    page.route("**/sign-in?**", stay)
    page.goto(f"/sign-in?next={SUBMISSION}&lost=1")
    return page


def _open_slip(screens: Screens, _service: Service, student: str) -> Page:
    page = screens.sign_in(student)
    submit(page)
    return page


def _open_after_submitting(path: str, screens: Screens, service: Service, student: str) -> Page:
    page = _open_slip(screens, service, student)
    page.goto(path)
    return page


def _send_no_code(screens: Screens, _service: Service, _student: str) -> Page:
    page = screens.open()
    page.goto("/verify")
    page.fill("#code", "abc")
    page.press("#code", "Enter")
    page.wait_for_selector("[data-error=MalformedCode]")
    return page


def _open_stale(screens: Screens, service: Service, _student: str) -> Page:
    view = FinanceView(service.data_dir / FINANCE_FILE)
    view.bring_up_to_date()
    screens.sign_in("TS23000002", f"{CLEARANCE}?wait=1")
    view.bring_up_to_date(age=timedelta(hours=5))
    return screens.sign_in("TS23000002", f"{CLEARANCE}?wait=1")


def _ask_too_often(screens: Screens, _service: Service, _student: str) -> Page:
    page = screens.open()
    for _ in range(2):
        page.goto("/verify")
        page.fill("#code", "0000 0000 0000 0000")
        page.press("#code", "Enter")
        page.wait_for_selector("[data-verdict]")
    return page


def _be_asked(screens: Screens, _service: Service, student: str) -> Page:
    page = screens.open()
    screens.answer_sign_in(page, student, CLEARANCE, has_agreed=False)
    return page


def _read_again(screens: Screens, _service: Service, student: str) -> Page:
    page = screens.sign_in(student)
    page.goto(f"{APP}/privacy")
    return page


def _in_english(way: Way, screens: Screens, service: Service, student: str) -> Page:
    page = way(screens, service, student)
    page.click(".tongue")
    page.wait_for_selector("html[lang=en]")
    return _settle(page)


PLACES: dict[str, Way] = {
    "guide": partial(_visit, f"{APP}/"),
    "questions": partial(_visit, f"{APP}/faq"),
    "privacy": partial(_visit, f"{APP}/privacy"),
    "privacy before agreeing": _be_asked,
    "privacy after agreeing": _read_again,
    "not found": partial(_visit, "/nowhere"),
    "no such slip": partial(_sign_in, "TS23000004", "/slips/LX0.pdf?token=x"),
    "sign-in not finished": partial(_visit, "/sign-in/campus/callback?error=access_denied&state=x"),
    "lost form": _lose_a_form,
    "not graduating": partial(_sign_in, "TS25000012", CLEARANCE),
    "not a student": partial(_sign_in, "00420013", CLEARANCE),
    "clearance with reasons": partial(_sign_in, "TS23000003", CLEARANCE),
    "clearance with an action": partial(_sign_in, "TS23000001", CLEARANCE),
    "clearance with arrears": partial(_sign_in, "TS23000008", CLEARANCE),
    "clearance with a long name": partial(_sign_in, "TB23000010", CLEARANCE),
    "clearance with all cleared": partial(_sign_in_ready, CLEARANCE),
    "clearance while asking": _open_while_asking,
    "clearance with a silent department": _open_with_a_silent_department,
    "clearance with a waived item": _open_waived,
    "clearance after an action": _cancel_the_card,
    "clearance after submitting": partial(_open_after_submitting, CLEARANCE),
    "action": partial(_sign_in, "TS23000001", CANCEL_CARD),
    "submission with reasons": partial(_sign_in, "TS23000003", SUBMISSION),
    "submission": partial(_sign_in_ready, SUBMISSION),
    "refused submission": _get_refused,
    "slip": _open_slip,
    "completed": partial(_open_after_submitting, "/completed"),
    "nothing completed": partial(_sign_in, "TS23000004", "/completed"),
    "verification form": partial(_visit, "/verify"),
    "verification of no code": _send_no_code,
    **VERDICTS,
}

IN_ENGLISH: dict[str, Way] = {
    f"{name} in English": partial(_in_english, PLACES[name])
    for name in (
        "guide",
        "questions",
        "privacy before agreeing",
        "not found",
        "lost form",
        "clearance with reasons",
        "clearance with a long name",
        "clearance with a silent department",
        "action",
        "submission with reasons",
        "slip",
        "completed",
        "verification form",
        "slip valid",
        "slip before a guard",
        "gate",
    )
}

ELSEWHERE: dict[str, Way] = {
    "hall": partial(_visit, "/"),
    "guide of undergraduates": partial(_visit, "/undergraduate-departure/"),
    "clearance with data too old": _open_stale,
    "typed code beyond its limit": _ask_too_often,
}
"""At the service with two mini-apps, finance asked from a view, and hardly any patience with codes typed wrong."""
