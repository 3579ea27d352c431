"""The gate's page as people use it: opened, scanned with, cut off, and on devices that lack something."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import Page, Route, expect

ANSWER = "#result :is([data-verdict], [data-note])"

LACKING = {
    "nothing": "",
    "Ed25519": """
        for (const name of ["generateKey", "importKey"]) {
          const real = SubtleCrypto.prototype[name];
          SubtleCrypto.prototype[name] = function (...given) {
            if (given.some((one) => one && one.name === "Ed25519")) return Promise.reject(new DOMException("", "NotSupportedError"));
            return real.apply(this, given);
          };
        }""",
    "WebCrypto": "Object.defineProperty(crypto, 'subtle', { value: undefined });",
    "inflating": "delete window.DecompressionStream;",
    "a working detector": """
        window.BarcodeDetector = class {
          static async getSupportedFormats() { return ["qr_code"]; }
          async detect() { throw new DOMException("", "UnknownError"); }
        };""",
    "a store": "Object.defineProperty(window, 'indexedDB', { value: undefined });",
    "leave to store": "IDBFactory.prototype.open = () => { throw new DOMException('', 'SecurityError'); };",
    "an answering store": "IDBFactory.prototype.open = () => ({});",
    "room to store": "IDBObjectStore.prototype.put = () => { throw new DOMException('', 'QuotaExceededError'); };",
    "a service worker": "delete Navigator.prototype.serviceWorker;",
    "a camera": "delete Navigator.prototype.mediaDevices;",
    "all that is new": """
        delete window.DecompressionStream; delete window.requestIdleCallback; delete AbortSignal.timeout;
        delete Element.prototype.replaceChildren; delete Crypto.prototype.randomUUID; delete Navigator.prototype.vibrate;""",
}
"""What takes something away from the browser before the page runs."""

SHIFT = """(() => {
  const Right = Date, shift = Number(sessionStorage.shift ?? %s) * 1000;
  window.Date = class extends Right {
    constructor(...given) { if (given.length) super(...given); else super(Right.now() + shift); }
    static now() { return Right.now() + shift; }
  };
})();"""
"""Sets the device's clock wrong, by so many seconds or by those that the test puts into `sessionStorage.shift`."""


def open_gate(page: Page, *, lacking: str = "nothing", shift: float = 0, is_kept: bool = True) -> Page:
    """Open the page on such a device and wait until it is ready and, unless it cannot be, kept for later."""
    page.add_init_script(LACKING[lacking])
    page.add_init_script(SHIFT % shift)
    page.goto("/gate")
    wait_until_ready(page)
    if is_kept:
        page.wait_for_selector("#gate:not([data-kept=opening])")
    return page


def wait_until_ready(page: Page) -> None:
    """Wait until the page takes codes and has asked for the list of today, with whatever answer."""
    page.wait_for_selector("#gate[data-ready][data-list]")


def go_offline(page: Page) -> None:
    """Cut the network and open the page anew."""
    page.context.set_offline(offline=True)
    page.reload()
    wait_until_ready(page)
    expect(page.locator("#gate")).to_have_attribute("data-network", "offline")


def go_online(page: Page) -> None:
    """Bring the network back and wait until the page has noticed."""
    page.context.set_offline(offline=False)
    expect(page.locator("#gate")).to_have_attribute("data-network", "online")


def never_answer(_route: Route) -> None:
    """A network that takes the question and brings nothing back."""


def hang(page: Page) -> None:
    """From now on the network brings no answer."""
    page.route("**/*", never_answer)


def scan(page: Page, text: str) -> None:
    """Hand a code over as a scanner does: it types and ends with Enter."""
    page.keyboard.insert_text(text)
    page.keyboard.press("Enter")


def check(page: Page, text: str) -> str:
    """Scan a code; the verdict, or the name of what the page says in its place."""
    page.evaluate("document.getElementById('result').textContent = ''")
    scan(page, text)
    page.wait_for_selector(ANSWER)
    return get_answer(page)


def get_answer(page: Page) -> str:
    """The verdict that is shown, or the name of what the page says in its place."""
    found: dict[str, Any] = page.locator(ANSWER).first.evaluate("node => ({...node.dataset})")
    return str(found.get("verdict") or found["note"])


def get_notes(page: Page) -> list[str]:
    """The names of the notes that stand with the result."""
    return [str(node.get_attribute("data-note")) for node in page.locator("#result [data-note]").all()]


def get_device_notes(page: Page) -> list[str]:
    """The names of the notes on what the device lacks."""
    return [str(node.get_attribute("data-note")) for node in page.locator("#device [data-note]").all()]
