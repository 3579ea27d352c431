"""The gate on a phone: how many bytes come before the first scan, and how long it takes on a slowed processor.

The camera is Chromium's own fake one, showing a slip's QR; the processor is slowed four times, as Lighthouse does for a
phone of the middle. Opening is from the address to a page that takes codes; the first scan from the touch of the camera's
button to the verdict, the decoder being loaded and compiled on the way. Chromium slows the page and not its workers: the
decoder itself runs at full speed here, some 10 ms a frame.
"""

from __future__ import annotations

import statistics
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import Page, Playwright, sync_playwright

from tests.bench._pages import running_pages
from tests.browser.conftest import CHROMIUM, OPTIONS
from tests.browser.gate import wait_until_ready
from tests.fixtures.camera import film

ROUNDS = 5
SLOWED = 4
KB = 1024
DECODER = ("decoder", "zxing")
NOW = "() => performance.now()"


@dataclass
class Weights:
    """Bytes over the wire of the page and of its decoder."""

    page: list[int] = field(default_factory=list)
    decoder: list[int] = field(default_factory=list)


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for."""
    weights = Weights()
    with running_pages() as pages, sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        url = pages.service.url
        path = film([url + pages.paths["verification"]], Path(folder) / "camera.mjpeg")
        slowed = [_measure(playwright, url, path, SLOWED, weights) for _ in range(ROUNDS)]
        plain = [_measure(playwright, url, path, 1, weights) for _ in range(ROUNDS)]
    rows = [
        (
            "the page with its scripts, before the camera is used",
            f"{sum(weights.page) / 2 / ROUNDS / KB:.1f} KB",
            "-",
        ),
        ("the decoder, once", f"{sum(weights.decoder) / 2 / ROUNDS / KB:.0f} KB", "-"),
    ]
    for name, measured in ((f"processor {SLOWED}x slowed", slowed), ("as it is", plain)):
        for what, moments in zip(
            ("ready", "first scan", "next scan"), zip(*measured, strict=True), strict=True
        ):
            rows.append((f"{what}, {name}", f"{statistics.median(moments):.0f} ms", "-"))
    return rows


def _measure(
    playwright: Playwright, url: str, film_path: Path, rate: int, weights: Weights
) -> tuple[float, float, float]:
    """Milliseconds until ready, then from touching the camera to the verdict, the first time and the second."""
    options = [*OPTIONS, "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    options.append(f"--use-file-for-fake-video-capture={film_path}")
    chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
    page = chromium.new_page(base_url=url, service_workers="block")
    devtools = page.context.new_cdp_session(page)
    devtools.send("Emulation.setCPUThrottlingRate", {"rate": rate})
    page.on(
        "requestfinished", lambda request: _weigh(weights, request.url, request.sizes()["responseBodySize"])
    )
    page.goto("/gate")
    wait_until_ready(page)
    ready = page.evaluate(NOW)
    first = _scan(page)
    page.click("#camera")
    page.evaluate("document.getElementById('result').textContent = ''")
    second = _scan(page)
    chromium.close()
    return ready, first, second


def _scan(page: Page) -> float:
    begun = page.evaluate(NOW)
    page.click("#camera")
    page.wait_for_selector("#result [data-verdict=valid]")
    return float(page.evaluate(NOW) - begun)


def _weigh(weights: Weights, url: str, size: int) -> None:
    is_decoder = any(word in url for word in DECODER)
    if "/v/" not in url:
        (weights.decoder if is_decoder else weights.page).append(size)
