"""What students and gates wait for while departments are slow or hang, over HTTP on the running service."""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import aiohttp
from sqlalchemy import create_engine, text

from tests.campus.client import CampusClient, running_campus
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import APP

STUDENTS = 100
SIGN_IN_THREADS = 4
PAGES = 300
PAGES_AT_ONCE = 50
CALM_PAGES_AT_ONCE = 5
CHECKS = 200
CHECKS_AT_ONCE = 5
PAUSE_SECONDS = 0.02
SLOW_MS = 200
QUICK_MS = 50
LATE_MS = 800
MOST_HUNG_SECONDS = 3.3
"""A page waits 3.0 s for a system."""
MOST_VERIFICATION_SECONDS = 0.2
SYSTEMS = ("library_loans", "library_thesis", "archive", "dormitory", "finance")
LIMITS = {"LIXIAO_RATE_LIMIT__VERIFICATION": "100000 per minute"}


@dataclass(frozen=True)
class Crowd:
    """Signed-in students of a running service, and the address of a slip's verification."""

    service: Service
    cookies: Sequence[str]
    check: str

    @property
    def page(self) -> str:
        """The clearance page that comes after the round."""
        return f"{self.first_page}?wait=1"

    @property
    def first_page(self) -> str:
        """The clearance page that shows what is known."""
        return f"{self.service.url}{APP}/clearance"


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with (
        running_campus() as campus,
        tempfile.TemporaryDirectory() as folder,
        running_service(campus, Path(folder), LIMITS) as service,
    ):
        crowd = _gather(service)
        return [
            *_measure_healthy(crowd, campus),
            *_measure_late(crowd, campus),
            *_measure_hung(crowd, campus),
        ]


def _measure_healthy(crowd: Crowd, campus: CampusClient) -> list[tuple[str, str, str]]:
    calm = asyncio.run(_open_pages(crowd, STUDENTS, CALM_PAGES_AT_ONCE))
    _delay(campus, SLOW_MS)
    slow = asyncio.run(_open_pages(crowd, STUDENTS, CALM_PAGES_AT_ONCE))
    _delay(campus, QUICK_MS)
    begun = time.perf_counter()
    busy = asyncio.run(_open_pages(crowd, PAGES, PAGES_AT_ONCE))
    rate = PAGES / (time.perf_counter() - begun)
    _delay(campus, 0)
    what = f"clearance page, {CALM_PAGES_AT_ONCE} at once, five systems of"
    return [
        (f"{what} 0 ms, p50 / p95", f"{_show(median(calm))} / {_show(_p95(calm))}", "-"),
        (f"{what} {SLOW_MS} ms, p50 / p95", f"{_show(median(slow))} / {_show(_p95(slow))}", f"{SLOW_MS} ms"),
        (f"clearance pages a second, {PAGES_AT_ONCE} at once, {QUICK_MS} ms", f"{rate:.0f}", "-"),
        (f"... p95 of these {PAGES} pages", _show(_p95(busy)), "-"),
    ]


def _measure_late(crowd: Crowd, campus: CampusClient) -> list[tuple[str, str, str]]:
    """What students see first while every department takes longer than a page waits."""
    _delay(campus, LATE_MS)
    alone = asyncio.run(_open_pages(crowd, STUDENTS, 1, crowd.first_page))
    begun = time.perf_counter()
    busy = asyncio.run(_open_pages(crowd, PAGES, PAGES_AT_ONCE, crowd.first_page))
    rate = PAGES / (time.perf_counter() - begun)
    _delay(campus, 0)
    return [
        (
            f"first page, five systems of {LATE_MS} ms, p50 / p95",
            f"{_show(median(alone))} / {_show(_p95(alone))}",
            "300 ms",
        ),
        (f"first pages a second, {PAGES_AT_ONCE} at once", f"{rate:.0f}", "-"),
        (f"... p95 of these {PAGES} pages", _show(_p95(busy)), "-"),
    ]


def _measure_hung(crowd: Crowd, campus: CampusClient) -> list[tuple[str, str, str]]:
    alone = asyncio.run(_check(crowd, CHECKS))
    beside_healthy, _ = asyncio.run(_check_beside_pages(crowd))
    campus.set_fault("finance", "timeout")
    checks, pages = asyncio.run(_check_beside_pages(crowd))
    campus.set_fault("finance")
    return [
        (f"verification, {CHECKS_AT_ONCE} at once, p95 / longest", _show_worst(alone), "-"),
        (
            f"... while {STUDENTS} open their pages at once",
            _show_worst(beside_healthy),
            f"p95 {_show(MOST_VERIFICATION_SECONDS)}",
        ),
        ("... the same with one system hung", _show_worst(checks), _show_worst(beside_healthy)),
        (
            f"{STUDENTS} clearance pages at once, one system hung, p95",
            _show(_p95(pages)),
            _show(MOST_HUNG_SECONDS),
        ),
    ]


def _gather(service: Service) -> Crowd:
    """Sign the students in; one more submits, for a code to check."""
    with ThreadPoolExecutor(SIGN_IN_THREADS) as threads:
        cookies = list(threads.map(lambda place: _sign_in(service, place), range(STUDENTS)))
    visitor = service.visit()
    visitor.sign_in("TS23000002")
    assert visitor.submit().status_code == 303
    return Crowd(service, cookies, f"{service.url}/v/{_read_digits(service)}")


def _sign_in(service: Service, place: int) -> str:
    visitor = service.visit()
    visitor.sign_in(f"TS9{place:07d}", "/completed")
    return "; ".join(f"{name}={value}" for name, value in visitor.http.cookies.items())


def _read_digits(service: Service) -> str:
    engine = create_engine(service.environment["LIXIAO_DATABASE__URL"])
    try:
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT digits FROM issued_codes")).scalar_one())
    finally:
        engine.dispose()


def _delay(campus: CampusClient, milliseconds: int) -> None:
    for system in SYSTEMS:
        campus.set_fault(system, delay_ms=milliseconds)


async def _check_beside_pages(crowd: Crowd) -> tuple[list[float], list[float]]:
    """Check the slip again and again until the last of all students' pages is there."""
    pages = asyncio.create_task(_open_pages(crowd, STUDENTS, STUDENTS))
    checks = []
    while not pages.done():
        checks += await _check(crowd, CHECKS_AT_ONCE)
        await asyncio.sleep(PAUSE_SECONDS)
    return checks, await pages


async def _open_pages(crowd: Crowd, times: int, at_once: int, page: str = "") -> list[float]:
    cookies = [crowd.cookies[place % len(crowd.cookies)] for place in range(times)]
    return await _ask([(page or crowd.page, {"Cookie": cookie}) for cookie in cookies], at_once)


async def _check(crowd: Crowd, times: int) -> list[float]:
    return await _ask([(crowd.check, {"Accept": "application/json"})] * times, CHECKS_AT_ONCE)


async def _ask(requests: Sequence[tuple[str, dict[str, str]]], at_once: int) -> list[float]:
    """Seconds until each answer was there, each 200, with so many requests under way at the same time."""
    places = asyncio.Semaphore(at_once)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as client:

        async def ask(url: str, headers: dict[str, str]) -> float:
            async with places:
                begun = time.perf_counter()
                async with client.get(url, headers=headers, allow_redirects=False) as answer:
                    assert answer.status == 200, answer.status
                    await answer.read()
                return time.perf_counter() - begun

        asked: list[Awaitable[float]] = [ask(url, headers) for url, headers in requests]
        return list(await asyncio.gather(*asked))


def _p95(seconds: Sequence[float]) -> float:
    return quantiles(seconds, n=20)[-1]


def _show_worst(seconds: Sequence[float]) -> str:
    return f"{_show(_p95(seconds))} / {_show(max(seconds))}"


def _show(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"


if __name__ == "__main__":
    for line in run():
        print(*line, sep=" | ")
