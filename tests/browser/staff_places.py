"""The pages of a counter in the states that look different, each with the way to it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from playwright.sync_api import Page

from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.counter_service import ARCHIVE, CLERK, DESK, GUARD, HEAD, OTHER_CLERK
from tests.fixtures.staff import end_grant, grant

Way = Callable[[Screens, Service, str], Page]


def search(page: Page, text: str, query: str = "", desk: str = DESK) -> Page:
    """Type a text at the counter and send it."""
    page.goto(desk + query)
    page.fill("#q", text)
    with page.expect_navigation():
        page.keyboard.press("Enter")
    return page


def open_item(screens: Screens, student: str, number: str = CLERK, **options: str) -> Page:
    """The item of a student who signed in, before a member of the staff."""
    screens.sign_in(student).context.close()
    return search(screens.sign_in(number, DESK, **options), student)


def mark_done(page: Page, desk: str = DESK) -> Page:
    """Press 办结."""
    page.click("[data-main-action]")
    page.wait_for_url(f"**{desk}")
    return page


def mark_not_done(page: Page, desk: str = DESK) -> Page:
    """Record that it is not done, with the first reason."""
    page.click("#not-done summary")
    page.locator("#not-done [type=radio]").first.check()
    page.click("#not-done button")
    page.wait_for_url(f"**{desk}")
    return page


def _open_counter(screens: Screens, _service: Service, _student: str, query: str = "") -> Page:
    return screens.sign_in(CLERK, DESK + query)


def _open_told(screens: Screens, _service: Service, student: str) -> Page:
    return mark_done(open_item(screens, student))


def _find_nobody(screens: Screens, _service: Service, student: str) -> Page:
    return search(screens.sign_in(CLERK, DESK), f"{student[:-1]}X")


def _find_several(screens: Screens, _service: Service, student: str) -> Page:
    open_item(screens, f"{student[:3]}9{student[4:]}")
    return search(open_item(screens, student), student[-6:])


def _open_new(screens: Screens, _service: Service, student: str) -> Page:
    return open_item(screens, student)


def _open_unfolded(screens: Screens, _service: Service, student: str) -> Page:
    page = open_item(screens, student)
    page.click("#not-done summary")
    return page


def _open_done(screens: Screens, _service: Service, student: str) -> Page:
    return search(mark_done(open_item(screens, student)), student)


def _open_not_done(screens: Screens, _service: Service, student: str) -> Page:
    return search(mark_not_done(open_item(screens, student)), student)


def _open_before_head(screens: Screens, _service: Service, student: str) -> Page:
    mark_done(open_item(screens, student)).context.close()
    page = search(screens.sign_in(HEAD, DESK), student)
    page.click("#reverse summary")
    return page


def _open_refused(screens: Screens, _service: Service, student: str) -> Page:
    page = open_item(screens, student)
    page.click("#not-done summary")
    page.fill("#note", "装订有误")
    page.evaluate("document.querySelectorAll('[type=radio]').forEach(e => e.removeAttribute('required'))")
    with page.expect_navigation():
        page.click("#not-done button")
    return page


def meet_conflict(screens: Screens, student: str) -> Page:
    """Come second, with another outcome."""
    page = open_item(screens, student)
    mark_not_done(open_item(screens, student, OTHER_CLERK)).context.close()
    page.click("[data-main-action]")
    page.wait_for_selector("[data-error=Conflict]")
    return page


def _open_conflict(screens: Screens, _service: Service, student: str) -> Page:
    return meet_conflict(screens, student)


def _open_alarm(screens: Screens, _service: Service, student: str) -> Page:
    page = mark_done(open_item(screens, student, OTHER_CLERK))
    page.context.close()
    page = screens.sign_in(CLERK, f"{DESK}?mode=scan")
    page.fill("#q", student)
    with page.expect_navigation():
        page.evaluate("document.getElementById('scan-form').submit()")  # as without a script
    page.wait_for_selector("[data-alarm]")
    return page


def _have_no_right(screens: Screens, _service: Service, _student: str) -> Page:
    return screens.sign_in(GUARD, "/staff")


def _lose_right(screens: Screens, service: Service, student: str) -> Page:
    given = grant(service.environment, GUARD, "desk", name="马国栋", **ARCHIVE)
    page = open_item(screens, student, GUARD)
    end_grant(service.environment, given, ended_by=HEAD)
    page.click("#not-done summary")
    page.locator("#not-done [type=radio]").first.check()
    page.fill("#note", "少一本")
    page.click("#not-done button")
    page.wait_for_selector("[data-error=GrantEnded]")
    return page


STAFF: dict[str, Way] = {
    "counter": _open_counter,
    "counter in scan mode": partial(_open_counter, query="?mode=scan"),
    "counter after a decision": _open_told,
    "counter that found nobody": _find_nobody,
    "counter that found several": _find_several,
    "counter that alarms": _open_alarm,
    "item": _open_new,
    "item with its reasons unfolded": _open_unfolded,
    "item that is done": _open_done,
    "item that is not done": _open_not_done,
    "item before the head": _open_before_head,
    "item with a form refused": _open_refused,
    "conflict at a counter": _open_conflict,
    "no right": _have_no_right,
    "right ended": _lose_right,
}
"""At the service whose archive is a desk."""


def in_english(way: Way, screens: Screens, service: Service, student: str) -> Page:
    """The same for who reads English, in the windows that this one opens."""
    page = way(screens, service, student)
    page.goto(f"{page.url.partition('?')[0]}?language=en")
    return page


STAFF_IN_ENGLISH: dict[str, Way] = {
    f"{name} in English": partial(in_english, STAFF[name])
    for name in ("counter", "item that is not done", "no right")
}
