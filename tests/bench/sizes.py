"""Bytes on the wire, gzip where a browser gets it, and how many requests a page needs."""

from __future__ import annotations

import re
import tempfile
from html import unescape
from pathlib import Path

import requests

from tests.campus.client import running_campus
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import APP, Visitor

KB = 1024
PAGE_KB, CHECKED_KB, STYLE_KB, SCRIPT_KB, FILE_KB = 14, 6, 6, 3, 60
MOST_REQUESTS = 4
# Gzipped, as the design of the pages quotes them; none of these was measured here.
OTHERS_KB = {
    "lixiao.css": {"GOV.UK Frontend": 14.9, "WeUI": 23, "Vant": 52},
    "lixiao.js": {"GOV.UK Frontend": 11.2, "Vant": 80},
}
STUDENT = "TS23000003"
"""Three debts at the library: the longest clearance page."""


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with (
        tempfile.TemporaryDirectory() as folder,
        running_campus() as campus,
        running_service(campus, Path(folder)) as service,
    ):
        return _measure(service)


def _measure(service: Service) -> list[tuple[str, str, str]]:
    debtor, holder = service.visit(), service.visit()
    debtor.sign_in(STUDENT)
    holder.sign_in("TS23000002")
    slip = holder.submit().headers["Location"]
    code = re.search(r"/v/[0-9]+", holder.get(slip).text)
    assert code
    rows = [
        *_measure_page("guide", debtor, f"{APP}/", PAGE_KB),
        *_measure_page("privacy notice", debtor, f"{APP}/privacy", PAGE_KB),
        *_measure_page("questions", debtor, f"{APP}/faq", PAGE_KB),
        *_measure_page("clearance, all told", debtor, f"{APP}/clearance?wait=1", PAGE_KB),
        *_measure_page("check your answers", debtor, f"{APP}/submission", PAGE_KB),
        *_measure_page("slip, without its picture", holder, slip, PAGE_KB),
        *_measure_page("verification", service.visit(), code[0], CHECKED_KB),
    ]
    rows += _compare_with_others(debtor)
    for ending in (".pdf", ".png"):
        file = holder.get(slip + ending)
        rows.append((f"slip{ending}", _show(_count_bytes(file)), f"{FILE_KB} KB"))
    return rows


def _compare_with_others(visitor: Visitor) -> list[tuple[str, str, str]]:
    """Our style and script, each before those of the libraries that such pages are usually made with."""
    rows = []
    for name, limit in (("lixiao.css", STYLE_KB), ("lixiao.js", SCRIPT_KB)):
        count = _count_bytes(visitor.get(f"/static/{name}"))
        rows.append((name, _show(count), f"{limit} KB"))
        for other, size in OTHERS_KB[name].items():
            rows.append((f"... {other}, as quoted", f"{size} KB = {size * KB / count:.1f} times ours", "-"))
    return rows


def _measure_page(what: str, visitor: Visitor, path: str, limit: int) -> list[tuple[str, str, str]]:
    """A page alone, and with all that it loads but the slip's picture."""
    page = visitor.get(path)
    assert page.status_code == 200, path
    loaded = {
        unescape(link) for link in re.findall(r'(?:<link[^>]*href|<script[^>]*src)="(/[^"]+)"', page.text)
    }
    whole = _count_bytes(page) + sum(_count_bytes(visitor.get(link)) for link in loaded)
    pictures = set(re.findall(r'<img[^>]*src="(/[^"]+)"', page.text))
    return [
        (f"{what}: page alone", _show(_count_bytes(page)), "-"),
        (f"{what}: with style and script", _show(whole), f"{limit} KB"),
        (f"{what}: requests", str(1 + len(loaded | pictures)), str(MOST_REQUESTS)),
    ]


def _count_bytes(answer: requests.Response) -> int:
    return int(answer.headers["Content-Length"])


def _show(count: int) -> str:
    return f"{count / KB:.1f} KB"
