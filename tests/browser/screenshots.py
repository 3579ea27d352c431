"""Draws the pictures of the main screens into the mini-app's folder: `make screenshots`.

It starts a service and a pretend campus of its own on free ports, and ends both.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from tests.browser.conftest import CHROMIUM, MISSING, OPTIONS
from tests.browser.screens import APP, CANCEL_CARD, CLEARANCE, SUBMISSION, Screens, submit
from tests.campus.client import PROJECT, CampusClient, running_campus
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.conftest import get_free_port

PICTURES = PROJECT / "miniapp_templates" / "graduate_departure" / "pictures"
COLOURS = 64
SCALE = 2


def main() -> None:
    """Draw them all."""
    if not CHROMIUM:
        sys.exit(MISSING)
    PICTURES.mkdir(exist_ok=True)
    with running_service() as (url, campus), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        draw(Screens(browser, url), campus)
        browser.close()


@contextmanager
def running_service() -> Iterator[tuple[str, CampusClient]]:
    """A service and its campus, as at the first start."""
    with tempfile.TemporaryDirectory() as folder, running_campus() as campus:
        port = get_free_port()
        environment = make_environment(Path(folder) / "data", port, campus.url)
        prepare(environment)
        process = start_service(environment, port)
        try:
            yield f"http://127.0.0.1:{port}", campus
        finally:
            stop(process)


def draw(screens: Screens, campus: CampusClient) -> None:
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
    draw_slip(screens)


def draw_unavailable(screens: Screens, campus: CampusClient) -> None:
    """A department that answered before and does not now, its item in the middle."""
    phone = screens.sign_in("TS23000007", device_scale_factor=SCALE)
    campus.set_fault("archive", "http_500")
    phone.goto(f"{CLEARANCE}?wait=1")
    campus.set_fault("archive")
    phone.locator("#archive").evaluate("item => item.scrollIntoView({block: 'center', behavior: 'instant'})")
    keep(phone, "clearance-unavailable")


def draw_slip(screens: Screens) -> None:
    """From the last item to the slip, and what whoever scans it sees."""
    phone = screens.sign_in("TS23000001", CANCEL_CARD, device_scale_factor=SCALE)
    phone.click("text=确认注销借书证")
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


def keep(page: Page, name: str) -> None:
    """The page as a small PNG: few colours are enough for it."""
    page.wait_for_load_state("networkidle")
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
