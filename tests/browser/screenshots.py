"""Draws the pictures of the main screens into the mini-app's folder: `make screenshots`.

It starts a service and a pretend campus of its own on free ports, and ends both.
"""

from __future__ import annotations

import sys
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, MISSING, OPTIONS
from tests.browser.gate import check, open_gate
from tests.browser.paper import draw_pages
from tests.browser.screens import APP, CANCEL_CARD, CLEARANCE, PC, SUBMISSION, Screens, submit
from tests.browser.staff_places import mark_done, mark_not_done, search
from tests.browser.verdicts import CHANGES, open_unknown, open_verdict
from tests.campus.client import PROJECT, CampusClient, running_campus
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.campus.staff import STAFF_FILE, grant_all
from tests.conftest import Service, get_free_port
from tests.fixtures import every_status
from tests.fixtures.finance_view import FRAGMENT, FinanceView, make_finance_view
from tests.fixtures.issued_slips import GUARD
from tests.integration.operation.commands import run_flask
from tests.running import running_service as running_own_service

PICTURES = PROJECT / "miniapp_templates" / "graduate_departure" / "pictures"
COLOURS = 64
SCALE = 2
SMALL_PHONE = {"width": 320, "height": 640}
SHEET = """<!doctype html><style>
  body { display: grid; grid-template-columns: repeat(3, auto); gap: 24px; width: max-content; margin: 0; padding: 16px; }
  figure { margin: 0; text-align: center; font: 600 22px sans-serif; }
  img { display: block; margin-bottom: 8px; border: 1px solid #bbb; }
</style>"""
PAPER_DPI = 96

ARCHIVIST, WARDEN, HEAD, SCHOOL, SECOND = "00420017", "00420018", "00420019", "00420014", "00420015"
STUDENTS = "/staff/graduate-departure/2026-06/students"
SAME_SCAN_MS = 10_500
"""After this the same code is another scan."""


def main() -> None:
    """Draw them all."""
    if not CHROMIUM:
        sys.exit(MISSING)
    PICTURES.mkdir(exist_ok=True)
    with running_campus() as campus, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        with running_service(campus) as (url, environment):
            draw(Screens(browser, url), campus, environment)
        with TemporaryDirectory() as folder:
            with running_own_service(campus, Path(folder) / "verdicts") as service:
                draw_verdicts(Screens(browser, service.url), service)
            with running_own_service(campus, Path(folder) / "every", every_status.make_changes()) as service:
                every_status.set_scene(campus, service)
                draw_every_status(Screens(browser, service.url))
                campus.reset()
            desks = [PROJECT / "config" / STAFF_FILE]
            place = Path(folder) / "staff"
            with running_own_service(campus, place, before_start=grant_all, configs=desks) as service:
                draw_staff(Screens(browser, service.url))
            view = make_finance_view(Path(folder) / "finance.sqlite3")
            with running_service(campus, FRAGMENT, **view.environment) as (url, _):
                draw_stale(Screens(browser, url), view)
        browser.close()


@contextmanager
def running_service(
    campus: CampusClient, *configs: Path, **variables: str
) -> Iterator[tuple[str, dict[str, str]]]:
    """A service as at its first start: its address and its environment."""
    with TemporaryDirectory() as folder:
        port = get_free_port()
        environment = make_environment(Path(folder) / "data", port, campus.url, configs) | variables
        prepare(environment)
        process = start_service(environment, port)
        try:
            yield f"http://127.0.0.1:{port}", environment
        finally:
            stop(process)


def draw(screens: Screens, campus: CampusClient, environment: dict[str, str]) -> None:
    """The way of one student on a phone, and what others see."""
    phone = screens.open(device_scale_factor=SCALE)
    phone.goto(f"{APP}/")
    keep(phone, "guide")
    phone = screens.sign_in("TS23000003", device_scale_factor=SCALE)
    keep(phone, "clearance-outstanding")
    phone.goto(SUBMISSION)
    phone.click("text=确认提交")
    phone.wait_for_selector("[data-error]")
    keep(phone, "refused")
    draw_unavailable(screens, campus)
    draw_waived(screens, environment)
    draw_slip(screens)
    draw_others(screens)


def draw_others(screens: Screens) -> None:
    """The same pages by night, in English, and on a PC."""
    night = screens.sign_in("TS23000003", device_scale_factor=SCALE, color_scheme="dark")
    keep(night, "clearance-dark")
    english = screens.sign_in("TB23000010", device_scale_factor=SCALE, locale="en")
    keep(english, "clearance-english")
    for name, scheme in (("clearance-pc", "light"), ("clearance-pc-dark", "dark")):
        keep(screens.sign_in("TS23000003", viewport=PC, color_scheme=scheme), name)


def draw_verdicts(screens: Screens, service: Service) -> None:
    """Each verdict as a phone shows it, in one picture, and the slip as it is printed, at half its size."""
    phone = {"viewport": SMALL_PHONE}
    pages = {
        verdict.replace("_", " "): open_verdict(verdict, screens, service, f"TS9{place:07d}", **phone)
        for place, verdict in enumerate(CHANGES)
    }
    pages["status unknown"] = open_unknown(screens, service, "TS90000020", **phone)
    guard = screens.sign_in(GUARD, "/completed", **phone)
    guard.goto(pages["valid"].url)
    pages["valid, before a guard"] = guard
    keep(lay_out(screens, {caption: page.screenshot() for caption, page in pages.items()}), "verdicts")
    page = screens.sign_in("TS23000009", viewport=PC)
    submit(page)
    page.wait_for_load_state("networkidle")
    printed = draw_pages(page.pdf(prefer_css_page_size=True), PAPER_DPI)
    save(printed[0], "slip-printed")


def draw_every_status(screens: Screens) -> None:
    """A page that has every status, in both languages, and by night."""
    path, shots = f"{every_status.APP}/clearance", {}
    ways = {"zh-CN": ("zh-CN", "light"), "dark": ("zh-CN", "dark"), "en": ("en", "light")}
    for caption, (locale, scheme) in ways.items():
        phone = screens.open(locale=locale, color_scheme=scheme)
        screens.answer_sign_in(phone, every_status.STUDENT, path)
        every_status.hold(phone)
        phone.goto(path)
        phone.evaluate("document.getElementById('bar').style.position = 'static'")
        shots[caption] = phone.screenshot(full_page=True)
    keep(lay_out(screens, shots), "clearance-statuses")


def draw_staff(screens: Screens) -> None:
    """A clerk's counter on a phone and a PC, what two clerks meet, and what a second person is asked."""
    desks = {step: f"/staff/desk/graduate-departure/{step}" for step in ("archive", "dormitory")}
    for number in ("TS23000002", "TS23000005", "TS23000009"):
        screens.sign_in(number).context.close()
    phone = screens.sign_in(ARCHIVIST, desks["archive"], device_scale_factor=SCALE)
    search(phone, "TS23000002", desk=desks["archive"])
    keep(phone, "counter")
    mark_done(phone, desks["archive"])
    search(phone, "TS23000009", desk=desks["archive"])
    mark_done(phone, desks["archive"])
    pc = screens.sign_in(ARCHIVIST, desks["archive"], viewport=PC)
    keep(pc, "counter-pc")
    draw_conflict(screens, desks["dormitory"])
    warden = screens.sign_in(WARDEN, desks["dormitory"])
    search(warden, "TS23000002", desk=desks["dormitory"])
    mark_done(warden, desks["dormitory"])
    draw_approval(screens)


def draw_conflict(screens: Screens, desk: str) -> None:
    """A clerk presses 办结 where the head has just said that it is not done."""
    clerk = screens.sign_in(WARDEN, desk, device_scale_factor=SCALE)
    search(clerk, "TS23000005", desk=desk)
    head = screens.sign_in(HEAD, desk)
    search(head, "TS23000005", desk=desk)
    mark_not_done(head, desk)
    clerk.click("[data-main-action]")
    clerk.wait_for_selector("[data-error=Conflict]")
    keep(clerk, "conflict")


def draw_approval(screens: Screens) -> None:
    """One of the school asks that a slip be revoked, and another is about to decide."""
    student = screens.sign_in("TS23000002")
    submit(student)
    asker = screens.sign_in(SCHOOL, STUDENTS)
    asker.fill("#q", "TS23000002")
    asker.keyboard.press("Enter")
    asker.click("[data-row] a")
    asker.click("text=申请撤销离校单…")
    asker.fill("form[action$='/revoke'] [name=reason]", "财务复核未缴清，学生已知情")
    asker.click("form[action$='/revoke'] button")
    asker.wait_for_url("**/staff/approvals/*")
    second = screens.sign_in(SECOND, asker.url.removeprefix(screens.url), device_scale_factor=SCALE)
    keep(second, "approval")


def lay_out(screens: Screens, shots: dict[str, bytes]) -> Page:
    """A page of pictures, each above its caption."""
    figures = "".join(
        f'<figure><img src="data:image/png;base64,{b64encode(shot).decode()}" alt="">'
        f"<figcaption>{caption}</figcaption></figure>"
        for caption, shot in shots.items()
    )
    page = screens.open()
    page.set_content(SHEET + figures)
    width, height = page.evaluate("[document.body.offsetWidth, document.body.offsetHeight]")
    page.set_viewport_size({"width": width, "height": height})
    return page


def draw_unavailable(screens: Screens, campus: CampusClient) -> None:
    """A department that answered before and does not now, its item in the middle."""
    phone = screens.sign_in("TS23000007", device_scale_factor=SCALE)
    campus.set_fault("archive", "http_500")
    phone.goto(f"{CLEARANCE}?wait=1")
    campus.set_fault("archive")
    show(phone, "archive")
    keep(phone, "clearance-unavailable")


def draw_waived(screens: Screens, environment: dict[str, str]) -> None:
    """A step that the school waived: what the department holds, and who decided and why."""
    waive = ("waive", "graduate_departure", "archive", "TS23000005", "--unknown-number", "--by", "00420014")
    done = run_flask(environment, *waive, "--reason", "论文涉密，线下归档")
    if done.code:
        sys.exit(done.err)
    phone = screens.sign_in("TS23000005", f"{CLEARANCE}?wait=1", device_scale_factor=SCALE)
    phone.click(".segments a[href='#archive']")
    show(phone, "archive")
    keep(phone, "clearance-waived")


def draw_stale(screens: Screens, view: FinanceView) -> None:
    """A view that was fresh at the first look and has not been brought up to date since."""
    phone = screens.sign_in("TS23000002", f"{CLEARANCE}?wait=1", device_scale_factor=SCALE)
    view.bring_up_to_date(age=timedelta(hours=5))
    phone.goto(f"{CLEARANCE}?wait=1")
    show(phone, "finance")
    keep(phone, "clearance-stale")


def show(page: Page, step: str) -> None:
    """Scroll an item into the middle."""
    page.locator(f"#{step}").evaluate("item => item.scrollIntoView({block: 'center', behavior: 'instant'})")


def draw_slip(screens: Screens) -> None:
    """From the last item to the slip, and what whoever scans it sees."""
    phone = screens.sign_in("TS23000001", CANCEL_CARD, device_scale_factor=SCALE)
    phone.click("text=确认注销借书证")
    show(phone, "progress")
    keep(phone, "clearance-cleared")
    phone.goto(SUBMISSION)
    keep(phone, "check")
    submit(phone)
    keep(phone, "slip")
    address = phone.input_value("#address")
    phone.goto(address)
    keep(phone, "verification-valid")
    phone.goto(address[:-1] + str(9 - int(address[-1])))
    keep(phone, "verification-tampered")
    draw_gate(screens, address)


def draw_gate(screens: Screens, address: str) -> None:
    """The gate's page with this slip: online, without a network, and in a private window with a wrong clock."""
    options = {"device_scale_factor": SCALE, "reduced_motion": "reduce"}
    phone = open_gate(screens.open(**options))
    check(phone, address)
    keep(phone, "gate")
    phone.context.set_offline(offline=True)
    phone.wait_for_timeout(SAME_SCAN_MS)
    check(phone, address)
    keep(phone, "gate-offline")
    phone = open_gate(screens.open(**options), lacking="a store", shift=-3 * 3600)
    check(phone, address)
    keep(phone, "gate-lacking")


def keep(page: Page, name: str) -> None:
    """The page as a small PNG: few colours are enough for it."""
    page.wait_for_load_state("networkidle")
    with Image.open(BytesIO(page.screenshot())) as picture:
        save(picture, name)


def save(picture: Image.Image, name: str) -> None:
    """Keep a picture with few colours."""
    few = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
