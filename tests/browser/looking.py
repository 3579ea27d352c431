"""What is looked for on every page: each function names the faults that it finds, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page

WIDTHS = (320, 360, 393, 768, 1280)
HEIGHT = 740
TARGET = 44
WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe that look at colours."""
SAFE_AREA = (44, 21)
"""Pixels at the sides and below on a phone held sideways."""
STOPS = 120
"""More stops of the Tab key than any page has."""
SIGN_AND_WORD = re.compile(r"[✓✕!◎○—…]\s*\w[\w ]+")

SMALL_TARGETS = """minimum => [...document.querySelectorAll("a, button, summary, textarea, select, input")]
  .filter(e => e.checkVisibility() && !e.matches(".skip, .unseen"))
  .map(e => (e.matches("[type=radio], [type=checkbox]") && e.closest("label")) || e)
  .map(e => [e.textContent.trim(), e.getBoundingClientRect()])
  .filter(([, box]) => box.width < minimum || box.height < minimum)
  .map(([text, box]) => `${text} ${box.width} x ${box.height}`)"""
CUT_TEXT = """[...document.querySelectorAll("main *, header *, footer *")]
  .filter(e => e.checkVisibility() && !e.closest(".unseen, .skip, input, textarea, select, svg"))
  .filter(e => !e.querySelector(".bar, .ask"))
  .filter(e => e.scrollWidth > e.clientWidth + 1 && e.clientWidth && getComputedStyle(e).display !== "inline")
  .map(e => `${e.outerHTML.slice(0, 80)} ${e.scrollWidth} > ${e.clientWidth}`)"""
WEAK_STOP = """() => {
  const stop = document.activeElement, style = getComputedStyle(stop), box = stop.getBoundingClientRect();
  const faults = [], last = window.lastStop;
  if (!last && !stop.matches(".skip")) faults.push("first, before the link past the header");
  if (style.outlineStyle === "none" || parseFloat(style.outlineWidth) < 2) faults.push("no outline");
  if (box.bottom <= 0 || box.top >= innerHeight) faults.push("out of view");
  for (const bar of document.querySelectorAll(".bar, .state")) {
    const over = bar.getBoundingClientRect(), sticks = getComputedStyle(bar).position === "sticky";
    if (!bar.contains(stop) && sticks && box.bottom > over.top && box.top < over.bottom
        && box.right > over.left && box.left < over.right) faults.push("covered");
  }
  if (last && !(last.compareDocumentPosition(stop) & Node.DOCUMENT_POSITION_FOLLOWING)) faults.push("out of order");
  window.lastStop = stop;
  return faults.map(fault => `${fault}: ${stop.outerHTML.slice(0, 100)}`);
}"""
START_ABOVE = """() => {
  const body = document.body;
  body.tabIndex = -1;
  body.focus();
  body.removeAttribute("tabindex");
  scrollTo(0, 0);
  window.lastStop = null;
}"""
MOTION = """[...document.querySelectorAll("*")].filter(e => {
  const style = getComputedStyle(e);
  const lasting = [style.transitionDuration, style.animationDuration].join(",").split(",");
  return style.animationName !== "none" || lasting.some(time => parseFloat(time) > 0)
    || style.scrollBehavior === "smooth";
}).map(e => e.outerHTML.slice(0, 80))"""
BOUNDLESS = """[...document.querySelectorAll("button, .button, input, textarea, .badge, .notice, .seal")].filter(e => {
  const style = getComputedStyle(e);
  return e.checkVisibility() && style.borderTopStyle === "none" && style.textDecorationLine === "none"
    && !e.closest(".account, .unseen") && !e.matches("[type=radio], [type=checkbox]");
}).map(e => e.outerHTML.slice(0, 80))"""
SCRIPT_NEEDED = """[
  ...document.querySelectorAll("[onclick], [onsubmit], [onchange], a[href^='javascript:'], a:not([href])"),
  ...[...document.forms].filter(form => !form.querySelector("button:not([type=button]), [type=submit]")),
  ...[...document.querySelectorAll("[hidden]")].filter(e => !e.matches("[data-print], [data-copy], [data-copy-text]")),
].map(e => e.outerHTML.slice(0, 80))"""
UNTOLD = """[...document.querySelectorAll("article[data-status=outstanding]")].filter(step => {
  const reasons = [...step.querySelectorAll(".reasons li")], office = step.querySelectorAll(".office dd");
  return !reasons.length || office.length < 2 || [...office].some(e => !e.textContent.trim())
    || [...reasons, ...office].some(e => !e.checkVisibility())
    || reasons.some(e => e.textContent.trim() === e.querySelector("b").textContent.trim());
}).map(step => step.id)"""
IN_UNSAFE_AREA = """([side, below]) => [...document.querySelectorAll("h1, h2, p, a, button, dd, .card, .notice")]
  .filter(e => e.checkVisibility() && !e.closest(".unseen, .skip:not(:focus)"))
  .filter(e => {
    const box = e.getBoundingClientRect(), style = getComputedStyle(e);
    const [left, right] = [parseFloat(style.paddingLeft), parseFloat(style.paddingRight)];
    const bar = e.closest(".bar"), isStuck = bar && bar.getBoundingClientRect().bottom <= innerHeight + 1;
    return box.left + left < side || box.right - right > innerWidth - side
      || (isStuck && box.bottom > innerHeight - below);
  }).map(e => e.outerHTML.slice(0, 80))"""
LINES = """words => {
  const range = document.createRange(), lines = [];
  let above;
  for (const text of words.childNodes) for (let place = 0; place < text.length; place += 1) {
    range.setStart(text, place);
    range.setEnd(text, place + 1);
    const {top} = range.getBoundingClientRect();
    if (top !== above) lines.push("");
    above = top;
    lines[lines.length - 1] += text.data[place];
  }
  return lines;
}"""
STICK = (
    """position => document.querySelectorAll(".bar, .state").forEach(e => { e.style.position = position; })"""
)
COVERED_ACTIONS = """[...document.querySelectorAll("[data-action]")].filter(action => {
  const bar = document.querySelector(".bar");
  if (!bar || getComputedStyle(bar).position !== "sticky") return false;
  const box = action.getBoundingClientRect(), over = bar.getBoundingClientRect();
  return box.bottom > over.top && box.top < over.bottom && box.right > over.left && box.left < over.right;
}).map(action => action.outerHTML)"""
STUCK_SHARE = """Math.max(0, ...[...document.querySelectorAll(".bar, .state")]
  .filter(e => getComputedStyle(e).position === "sticky").map(e => e.getBoundingClientRect().height / innerHeight))"""
SHIFT = """() => new Promise(done => {
  let total = 0;
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) if (!entry.hadRecentInput) total += entry.value;
  }).observe({type: "layout-shift", buffered: true});
  requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(() => done(total))));
})"""
BYTES = """() => [performance.getEntriesByType("navigation")[0], ...performance.getEntriesByType("resource")]
  .map(entry => [entry.name, entry.encodedBodySize])"""


def find_overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    width: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return width


def find_faults(page: Page, rules: Sequence[str] = WCAG) -> list[str]:
    """What axe finds wrong, with the first place of each; `rules` are their names or tags. Our bar lies where it is in
    the text meanwhile: what it covers a part of depends on how far the page is scrolled, like what the window's edge
    does.
    """
    page.evaluate(STICK, "static")
    found = Axe().run(page, options={"runOnly": list(rules)}).response["violations"]
    page.evaluate(STICK, "")
    return [f"{fault['id']}: {fault['nodes'][0]['html']}" for fault in found]


def find_small_targets(page: Page) -> list[str]:
    """What is to be pressed and is too small for a thumb."""
    return list(page.evaluate(SMALL_TARGETS, TARGET))


def find_cut_text(page: Page) -> list[str]:
    """Boxes whose content is wider than they are."""
    return list(page.evaluate(CUT_TEXT))


def find_weak_focus(page: Page) -> list[str]:
    """Stops of the Tab key that are not seen, lie under a bar even in part, or come out of reading order."""
    page.evaluate(START_ABOVE)
    faults: list[str] = []
    for _ in range(STOPS):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement === document.body"):
            return faults
        faults += page.evaluate(WEAK_STOP)
    return [*faults, "the Tab key never leaves the page"]


def find_covered_actions(page: Page) -> list[str]:
    """What can be done here and lies under our bar, even in part."""
    return list(page.evaluate(COVERED_ACTIONS))


def get_stuck_share(page: Page) -> float:
    """How much of the window's height the highest part takes that stays while the page is scrolled."""
    return float(page.evaluate(STUCK_SHARE))


def find_motion(page: Page) -> list[str]:
    """What moves or would move."""
    return list(page.evaluate(MOTION))


def find_boundless(page: Page) -> list[str]:
    """Controls and marks that only a colour sets off from the ground."""
    return list(page.evaluate(BOUNDLESS))


def find_needs_of_script(page: Page) -> list[str]:
    """What would be dead or unseen without a script."""
    return list(page.evaluate(SCRIPT_NEEDED))


def find_mute_statuses(page: Page) -> list[str]:
    """Items whose status is not said by a word with a sign."""
    marks = page.locator("[data-status]")
    said = [
        (mark.get_attribute("data-status") or "", mark.locator(".badge").inner_text()) for mark in marks.all()
    ]
    return [f"{status}: {text}" for status, text in said if not SIGN_AND_WORD.fullmatch(text)]


def find_untold(page: Page) -> list[str]:
    """Items that do not pass and lack a reason with its next step, a place or a contact."""
    return list(page.evaluate(UNTOLD))


def find_in_unsafe_area(page: Page) -> list[str]:
    """What lies under the rounded corners and the bar of a phone held sideways, which are set here. Our own bar counts
    while it is stuck to the lower edge: else it moves on with the page.
    """
    devtools = page.context.new_cdp_session(page)
    side, below = SAFE_AREA
    insets = {"left": side, "right": side, "bottom": below}
    devtools.send("Emulation.setSafeAreaInsetsOverride", {"insets": insets})
    found = list(page.evaluate(IN_UNSAFE_AREA, SAFE_AREA))
    devtools.send("Emulation.setSafeAreaInsetsOverride", {"insets": {}})
    devtools.detach()
    return found


def list_lines(words: Locator) -> list[str]:
    """The lines that an element's text, which has no elements in it, is set in."""
    return list(words.evaluate(LINES))


def get_shift(page: Page) -> float:
    """How much of the page has jumped since it was opened: CLS."""
    return float(page.evaluate(SHIFT))


def count_bytes(page: Page) -> dict[str, int]:
    """The bytes of bodies on the wire, by address: the page first, then all that it loaded."""
    return dict(page.evaluate(BYTES))


def require_sound(page: Page) -> None:
    """Nothing is too wide, too small or cut, and axe is content, as the window stands."""
    assert find_overflow(page) <= 0
    assert find_small_targets(page) == []
    assert find_cut_text(page) == []
    assert find_faults(page) == []
