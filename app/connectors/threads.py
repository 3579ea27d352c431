"""Runs blocking calls of one connector in a few threads of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from app.connectors.loop import PerLoop

T = TypeVar("T")


class Threads:
    """At most `count` calls at the same time. A call whose caller gave up keeps its place until it ends, so
    that a system that hangs gets no more of them; the threads do not keep the process from ending.
    """

    def __init__(self, name: str, count: int) -> None:
        self._name = name
        self._places = PerLoop(lambda: asyncio.Semaphore(count))

    async def run(self, call: Callable[[], T]) -> T:
        """What `call` returns or raises."""
        places = self._places.get()
        await places.acquire()
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()

        def work() -> None:
            try:
                found = call()
            except Exception as error:  # noqa: BLE001 - whatever it is belongs to the caller
                loop.call_soon_threadsafe(_end, answer, places, error)
            else:
                loop.call_soon_threadsafe(_end, answer, places, None, found)

        try:
            threading.Thread(target=work, name=self._name, daemon=True).start()
        except RuntimeError:
            places.release()
            raise
        return await answer


def _end(answer: asyncio.Future[T], places: asyncio.Semaphore, error: Exception | None, *found: T) -> None:
    places.release()
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    else:
        answer.set_result(found[0])
