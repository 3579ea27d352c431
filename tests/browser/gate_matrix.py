"""What the gate says of every kind of code on every kind of device, network, clock and list, and what it may say.

Of a genuine slip it may never speak ill; of another it may never speak well; and it is never silent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product

from playwright.sync_api import Page, Route

from tests.browser.gate import LACKING, check, get_device_notes, get_notes, go_offline, hang, open_gate
from tests.browser.screens import Screens
from tests.conftest import Service
from tests.fixtures.issued_slips import issue_slip, revoke, sign_list, sign_unissued, supersede

NETWORKS = ("online", "hanging", "offline")
REOPENED = "opened again offline"
"""The clock is set wrong between the two visits, so that nothing has measured it."""
HOUR, DAY = 3600, 86400
CLOCKS = (0, 3 * HOUR, -3 * HOUR, 400 * DAY, -400 * DAY)
LISTS = ("fresh", "old")
OLD = timedelta(hours=5)
UNKNOWN_KID = 200
UNSURE = "status_unknown"
RED = frozenset(
    {"revoked", "superseded", "bad_signature", "never_issued", "unknown_key", "expired", "not_yet_valid"}
)
NEEDS_NO_KEYS = frozenset({"malformed", "short-code", "several", "foreign"})
LACK_NOTES = {
    "WebCrypto": "unsupported",
    "a store": "store-refused",
    "leave to store": "store-refused",
    "an answering store": "store-refused",
    "room to store": "store-full",
    "a service worker": "worker-missing",
}
"""What the page must say of what a device lacks; the rest it makes up for by itself."""


@dataclass(frozen=True, slots=True)
class Situation:
    """One page: what its browser lacks, its network, by how many seconds its clock is ahead, and its list."""

    lacking: str
    network: str
    shift: int
    list_age: str

    def describe(self) -> str:
        """The situation in words."""
        return (
            f"without {self.lacking}, {self.network}, clock {self.shift / HOUR:+.0f} h, list {self.list_age}"
        )


PLAIN = ("nothing", "Ed25519", "WebCrypto", "a store")
OTHERS = tuple(lacking for lacking in LACKING if lacking not in PLAIN)
AGAIN = [Situation("nothing", REOPENED, shift, "fresh") for shift in CLOCKS]
SOME = [
    *(Situation(lacking, network, 0, "fresh") for lacking, network in product(PLAIN, NETWORKS)),
    *(Situation("nothing", network, shift, "fresh") for network, shift in product(NETWORKS, CLOCKS[1:])),
    *(
        Situation(lacking, ("offline", "hanging")[row % 2], CLOCKS[row % len(CLOCKS)], LISTS[row // 2 % 2])
        for row, lacking in enumerate(OTHERS)
    ),
    *AGAIN,
]
"""Each network with the greatest lacks and with each clock; the other lacks with networks, clocks and lists in turn."""
ALL = [
    *(Situation(*cell) for cell in product(PLAIN, NETWORKS, CLOCKS, LISTS)),
    *(
        Situation(lacking, network, CLOCKS[(row + column) % len(CLOCKS)], list_age)
        for (row, lacking), (column, network), list_age in product(
            enumerate(OTHERS), enumerate(NETWORKS), LISTS
        )
    ),
    *AGAIN,
    *(Situation("nothing", REOPENED, shift, "old") for shift in CLOCKS),
]
"""The greatest lacks with every network, clock and list; the others with every network and list, clocks in turn."""


def make_codes(service: Service, students: list[str]) -> dict[str, str]:
    """What is scanned, by what the service says of it."""
    valid, revoked, superseded = (issue_slip(service, student) for student in students)
    revoke(service, revoked)
    supersede(service, superseded)
    return {
        "valid": valid.url,
        "revoked": revoked.url,
        "superseded": superseded.url,
        "bad_signature": valid.tampered_url,
        "never_issued": sign_unissued(service, valid),
        "unknown_key": sign_unissued(service, valid, kid=UNKNOWN_KID),
        "malformed": valid.url[:-9],
        "foreign": f"https://evil.example/v/{valid.digits}",
        "several": f"{valid.url} {revoked.url}",
        "not_yet_valid": sign_unissued(
            service, valid, issued_on=datetime.now(UTC).date() + timedelta(days=2)
        ),
    }


def list_permitted(kind: str, situation: Situation) -> set[str]:
    """What the page may say of such a code."""
    is_online = situation.network == "online"
    if kind in NEEDS_NO_KEYS:
        return {kind}
    if (
        kind == "valid" and situation.network == REOPENED
    ):  # a clock that is ahead by less than a list may be old is believed
        return {"valid"} if situation.shift in (0, 3 * HOUR) and situation.list_age == "fresh" else {UNSURE}
    if kind == "valid":
        is_proven = is_online or (situation.list_age == "fresh" and situation.lacking != "WebCrypto")
        return {"valid"} if is_proven else {UNSURE}
    if kind == "not_yet_valid":  # the service's log has no such code
        return {"never_issued"} if is_online else {UNSURE}
    if is_online:
        return {kind}
    is_told = kind in ("revoked", "superseded", "bad_signature") and situation.lacking != "WebCrypto"
    return {kind} if is_told else {UNSURE, kind} - ({"unknown_key"} if kind == "unknown_key" else set())


@dataclass(frozen=True, slots=True)
class Cell:
    """What the page said of a code in a situation, with the notes beside it and all its words."""

    situation: Situation
    kind: str
    answer: str
    notes: tuple[str, ...]
    words: str

    @property
    def fault(self) -> str:
        """What is wrong with it, or nothing."""
        if self.kind == "valid" and self.answer in RED:
            return "false red"
        if self.kind != "valid" and self.answer == "valid":
            return "false green"
        if len(self.words) < 10 or (self.answer == UNSURE and not self.notes):
            return "silent"
        return "" if self.answer in list_permitted(self.kind, self.situation) else "unexpected"


def look(
    screens: Screens, service: Service, codes: Mapping[str, str], situation: Situation
) -> tuple[list[Cell], list[str]]:
    """All codes in one situation, and the notes on what the device lacks."""
    page = screens.open(reduced_motion="reduce")
    if situation.list_age == "old":
        document = sign_list(service, OLD)
        page.route("**/.well-known/slip-status", lambda route: answer_with(route, document))
    is_again = situation.network == REOPENED
    open_gate(page, lacking=situation.lacking, shift=0 if is_again else situation.shift)
    if is_again:
        page.evaluate(f"sessionStorage.shift = {situation.shift}")
        go_offline(page)
    if situation.network == "hanging":
        hang(page)
    elif situation.network == "offline":
        page.context.set_offline(offline=True)
    cells = [read_cell(page, situation, kind, text) for kind, text in codes.items()]
    notes = get_device_notes(page)
    page.unroute_all(behavior="ignoreErrors")
    page.context.close()
    screens.contexts.remove(page.context)
    return cells, notes


def answer_with(route: Route, document: dict[str, object]) -> None:
    """Answer with this list."""
    route.fulfill(json=document)


def read_cell(page: Page, situation: Situation, kind: str, text: str) -> Cell:
    """Scan a code and read what the page says."""
    answer = check(page, text)
    return Cell(situation, kind, answer, tuple(get_notes(page)), page.locator("#result").inner_text())


def count_faults(cells: list[Cell]) -> dict[str, int]:
    """How many cells have which fault."""
    return {
        fault: sum(cell.fault == fault for cell in cells) for fault in ("false red", "false green", "silent")
    }
