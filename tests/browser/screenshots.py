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
from tests.browser.screens import APP, CANCEL_CARD, CLEARANCE, PC, SUBMISSION, Screens, submit
from tests.campus.client import PROJECT, running_campus
from tests.campus.run import make_environment, prepare, start_service, stop
from tests.conftest import get_free_port

PICTURES = PROJECT / "miniapp_templates" / "graduate_departure" / "pictures"
COLOURS = 64


def main() -> None:
    """Draw them all."""
    if not CHROMIUM:
        sys.exit(MISSING)
    PICTURES.mkdir(exist_ok=True)
    with running_service() as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        draw(Screens(browser, url))
        browser.close()


@contextmanager
def running_service() -> Iterator[str]:
    """A service with its campus, as at the first start."""
    with tempfile.TemporaryDirectory() as folder, running_campus() as campus:
        port = get_free_port()
        environment = make_environment(Path(folder) / "data", port, campus.url)
        prepare(environment)
        process = start_service(environment, port)
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            stop(process)


def draw(screens: Screens) -> None:
    """The way of one student on a phone, then the same pages elsewhere."""
    phone = screens.open(device_scale_factor=2)
    phone.goto(f"{APP}/")
    keep(phone, "guide")
    phone = screens.sign_in("TS23000003", device_scale_factor=2)
    keep(phone, "clearance", full=True)
    phone.goto(SUBMISSION)
    phone.click("text=确认提交")
    phone.wait_for_selector("[data-error]")
    keep(phone, "refused")
    phone = screens.sign_in("TS23000001", CANCEL_CARD, device_scale_factor=2)
    keep(phone, "action")
    phone.click("text=确认注销借书证")
    keep(phone, "cancelled")
    phone.goto(SUBMISSION)
    keep(phone, "submission")
    submit(phone)
    keep(phone, "slip")
    phone.goto(phone.input_value("#address"))
    keep(phone, "verdict")
    dark = screens.sign_in("TS23000008", device_scale_factor=2, color_scheme="dark")
    keep(dark, "clearance-dark")
    computer = screens.sign_in("TS23000003", viewport=PC)
    keep(computer, "clearance-pc", full=True)
    computer = screens.sign_in("TS23000002", CLEARANCE, viewport=PC)
    submit(computer)
    keep(computer, "slip-pc")


def keep(page: Page, name: str, *, full: bool = False) -> None:
    """The page as a small PNG: few colours are enough for it."""
    page.wait_for_load_state("networkidle")
    path = PICTURES / f"{name}.png"
    page.screenshot(path=path, full_page=full)
    with Image.open(path) as picture:
        picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
