"""A clerk's most frequent tasks, in taps or key presses and in seconds, as a practised person works in a browser.

The seconds are those of the wall clock, from where the task begins to the page that says that it is done. The person in
them is a model: so long for a key on a number pad, for a tap with a thumb, and for the look at the name before deciding
(the keystroke-level model of Card, Moran and Newell, for somebody with practice). The camera is Chromium's own fake one,
showing a student's code; a hand scanner types a character every 5 ms, and Enter behind them.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Browser, Page, Playwright, sync_playwright

from app.services.clock import get_now
from app.services.desk.desk_code import make_address, make_code
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.screens import PC, PHONE, Screens
from tests.browser.staff_places import mark_done, open_item
from tests.campus.client import running_campus
from tests.conftest import Service
from tests.fixtures.camera import film
from tests.fixtures.counter_service import CLERK, DESK, running_counter
from tests.integration.staff.counter_pages import inside

ROUNDS = 5
KEY, TAP, LOOK = 0.15, 0.8, 0.8
"""Seconds that a practised person takes."""
SCANNED_MS = 5
FAKE = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")
DONE = ".told-line"


@dataclass
class Hand:
    """A person at a page: what was pressed, and since when."""

    page: Page
    taps: int = 0
    keys: int = 0
    begun: float = field(default_factory=time.monotonic)

    def tap(self, selector: str) -> None:
        """Press something on the screen."""
        time.sleep(TAP)
        self.page.click(selector)
        self.taps += 1

    def type(self, text: str) -> None:
        """Type a text, key by key."""
        self.page.keyboard.type(text, delay=KEY * 1000)
        self.keys += len(text)

    def press_enter(self) -> None:
        """Press Enter, counted like a tap."""
        time.sleep(KEY)
        self.page.keyboard.press("Enter")
        self.taps += 1

    def look(self, selector: str) -> None:
        """Wait for something, and read it."""
        self.page.wait_for_selector(selector)
        time.sleep(LOOK)

    def finish(self, selector: str) -> tuple[int, int, float]:
        """The keys, the taps and the seconds, once this is shown."""
        self.page.wait_for_selector(selector)
        return self.keys, self.taps, time.monotonic() - self.begun


Task = Callable[[Service, Screens, str], tuple[int, int, float]]


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for."""
    with (
        running_campus() as campus,
        tempfile.TemporaryDirectory() as folder,
        running_counter(campus, Path(folder) / "counter") as service,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        students = (f"TS9{number:07d}" for number in range(10**7))
        rows = [
            _measure(what, asked, lambda task=task: _work(task, service, browser, next(students)))  # type: ignore[misc]
            for what, asked, task in TASKS
        ]
        filmed = "phone: scan a code, mark done"
        camera = Path(folder) / "camera.mjpeg"
        rows.insert(
            0,
            _measure(filmed, "2 taps, 5 s", lambda: _film(service, playwright, next(students), camera)),
        )
        browser.close()
    return rows


def _measure(what: str, asked: str, once: Callable[[], tuple[int, int, float]]) -> tuple[str, str, str]:
    rounds = [once() for _ in range(ROUNDS)]
    (pressed,) = {(keys, taps) for keys, taps, _ in rounds}
    seconds = statistics.median(seconds for _, _, seconds in rounds)
    keys = f"{pressed[0]} keys + " if pressed[0] else ""
    return what, f"{keys}{pressed[1]} taps, {seconds:.1f} s", asked


def _work(task: Task, service: Service, browser: Browser, student: str) -> tuple[int, int, float]:
    screens = Screens(browser, service.url)
    screens.sign_in(student).context.close()
    try:
        return task(service, screens, student)
    finally:
        screens.close()


def _film(service: Service, playwright: Playwright, student: str, path: Path) -> tuple[int, int, float]:
    film([_make_code(service, student)], path)
    options = [*OPTIONS, *FAKE, f"--use-file-for-fake-video-capture={path}"]
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
    try:
        return _work(_scan_by_camera, service, browser, student)
    finally:
        browser.close()


def _scan_by_camera(_service: Service, screens: Screens, _student: str) -> tuple[int, int, float]:
    hand = Hand(screens.sign_in(CLERK, DESK, viewport=PHONE))
    hand.tap("#camera")
    hand.look("[data-main-action]")
    hand.tap("[data-main-action]")
    return hand.finish(DONE)


def _scan_by_hand(service: Service, screens: Screens, student: str) -> tuple[int, int, float]:
    page, code = screens.sign_in(CLERK, DESK, viewport=PC), _make_code(service, student)
    hand = Hand(page)
    page.keyboard.type(code, delay=SCANNED_MS)
    page.keyboard.press("Enter")
    hand.look("[data-main-action]")
    hand.press_enter()
    return hand.finish(DONE)


def _type_number(_service: Service, screens: Screens, student: str) -> tuple[int, int, float]:
    hand = Hand(screens.sign_in(CLERK, DESK, viewport=PHONE))
    hand.type(student[-6:])
    hand.tap("button.main")
    hand.look("[data-main-action]")
    hand.tap("[data-main-action]")
    return hand.finish(DONE)


def _give_reason(_service: Service, screens: Screens, student: str) -> tuple[int, int, float]:
    hand = Hand(open_item(screens, student, viewport=PHONE))  # type: ignore[arg-type]
    hand.tap("#not-done summary")
    hand.tap("#not-done .choice")
    hand.tap("#not-done button")
    return hand.finish(DONE)


def _undo(_service: Service, screens: Screens, student: str) -> tuple[int, int, float]:
    hand = Hand(mark_done(open_item(screens, student)))
    hand.tap(f"{DONE} button")
    return hand.finish(f"{DONE}.info")


def _list_handled(_service: Service, screens: Screens, student: str) -> tuple[int, int, float]:
    hand = Hand(open_item(screens, student))
    hand.tap(".account a")
    return hand.finish("#handled")


def _make_code(service: Service, student: str) -> str:
    with inside(service) as installation:
        return make_address(installation, make_code(installation, student, get_now()))


TASKS: tuple[tuple[str, str, Task], ...] = (
    ("PC: scan a code by a hand scanner, Enter", "1 taps, 3 s", _scan_by_hand),
    ("phone: type last digits, mark done", "digits + 3 taps, 8 s", _type_number),
    ("phone: not done, with a reason", "3 taps, 8 s", _give_reason),
    ("phone: undo the last one", "1 taps, 2 s", _undo),
    ("phone: whom I handled today", "1 taps, 2 s", _list_handled),
)
