"""When the main pages show what they have to say, and whether they jump: in Chromium with a slow line and a slow
processor, with nothing in the cache, the middle one of three times.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from statistics import median

from playwright.sync_api import Browser, Page, sync_playwright

from tests.bench._pages import CLEARANCE, Pages, give_session, running_pages
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.screens import PHONE
from tests.visitor import Visitor

TIMES = 3
MOST_LCP_MS, MOST_CLS, MOST_FIRST_MS = 1500, 0.1, 300
LINE = {"latency": 150, "downloadThroughput": 1.6e6 / 8, "uploadThroughput": 0.75e6 / 8, "offline": False}
SLOWER = 4
DELAYS_MS = {"library_loans": 300, "library_thesis": 600, "archive": 900, "dormitory": 1200, "finance": 1500}
"""Each department answers a little after the one before."""
HUNG = "finance"
WATCH = """
  window.seen = {lcp: 0, cls: 0};
  new PerformanceObserver(list => list.getEntries().forEach(entry => { window.seen.lcp = entry.startTime; }))
    .observe({type: "largest-contentful-paint", buffered: true});
  new PerformanceObserver(list => list.getEntries().forEach(entry => { window.seen.cls += entry.value; }))
    .observe({type: "layout-shift", buffered: true});
"""
PAINTED = "() => new Promise(done => requestAnimationFrame(() => setTimeout(done, 300)))"

Row = tuple[str, str, str]


def run() -> list[Row]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with running_pages() as pages, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        students = _sign_in_students(pages)
        rows = []
        for name, path in pages.paths.items():
            is_query = path == CLEARANCE
            if is_query:
                _delay(pages, DELAYS_MS)
            who = (lambda: next(students)) if is_query else lambda: pages.holder
            rows += _measure(browser, f"{name}, items one by one" if is_query else name, path, who)
            _delay(pages, dict.fromkeys(DELAYS_MS, 0))
        browser.close()
        return [*rows, *_measure_first_answers(pages, students)]


def _sign_in_students(pages: Pages) -> Iterator[Visitor]:
    """Students who have not opened their query page yet."""
    for place in range(10 * TIMES):
        student = pages.service.visit()
        student.sign_in(f"TS9{place:07d}", "/completed")
        yield student


def _delay(pages: Pages, delays: dict[str, int]) -> None:
    for system, milliseconds in delays.items():
        pages.campus.set_fault(system, delay_ms=milliseconds)


def _measure(browser: Browser, name: str, path: str, who: Callable[[], Visitor]) -> list[Row]:
    found = [_open_slowly(browser, path, who()) for _ in range(TIMES)]
    lcp, cls = (median(each[key] for each in found) for key in ("lcp", "cls"))
    return [
        (f"{name}: LCP", f"{lcp:.0f} ms", f"{MOST_LCP_MS} ms"),
        (f"{name}: CLS", f"{cls:.3f}", f"{MOST_CLS}"),
    ]


def _open_slowly(browser: Browser, path: str, visitor: Visitor) -> dict[str, float]:
    context = browser.new_context(base_url=visitor.url, viewport=PHONE, device_scale_factor=2, locale="zh-CN")
    give_session(context, visitor)
    page = context.new_page()
    page.add_init_script(WATCH)
    _throttle(page)
    page.goto(path, wait_until="load")
    page.wait_for_selector("[data-status=checking]", state="detached")
    page.evaluate(PAINTED)
    found: dict[str, float] = page.evaluate("window.seen")
    context.close()
    return found


def _throttle(page: Page) -> None:
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.send("Network.emulateNetworkConditions", LINE)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})


def _measure_first_answers(pages: Pages, students: Iterator[Visitor]) -> list[Row]:
    """What a student sees first while one department never answers."""
    pages.campus.set_fault(HUNG, "timeout")
    times = []
    for _ in range(2 * TIMES):
        student = next(students)
        begun = time.perf_counter()
        assert student.get(CLEARANCE).status_code == 200
        times.append((time.perf_counter() - begun) * 1000)
    pages.campus.set_fault(HUNG)
    shown = f"{median(times):.0f} / {max(times):.0f} ms"
    return [("query page with a department hung, p50 / longest", shown, f"{MOST_FIRST_MS} ms")]
