"""The background loop: one event loop in one daemon thread per process, where all calls to other systems run.

It starts with the first call, and again in a forked child, which has the parent's objects but not its thread.
Blocking calls run in threads beside it, a few for each system.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")
EXIT_SECONDS = 1.0

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None


def get_loop() -> asyncio.AbstractEventLoop:
    """The running background loop of this process."""
    global _loop
    with _lock:
        if _loop is None:
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="background-loop", daemon=True).start()
        return _loop


_tasks: set[asyncio.Task[Any]] = set()


def run(call: Coroutine[Any, Any, T], seconds: float) -> T:
    """What a call returns or raises, for an ordinary thread, which waits for it. After `seconds` the call is cancelled,
    whatever it waits for, and TimeoutError raised.
    """
    future = asyncio.run_coroutine_threadsafe(call, get_loop())
    try:
        return future.result(seconds)
    except TimeoutError:
        future.cancel()
        raise


def start(call: Coroutine[Any, Any, Any]) -> None:
    """Start a call, for an ordinary thread, which does not wait for it. What it raises is dropped."""
    get_loop().call_soon_threadsafe(start_task, call)


def start_task(call: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
    """Start a call in the running loop. What it raises late, when nobody waits for it, is dropped."""
    task = asyncio.create_task(call)
    _tasks.add(task)  # the loop alone would not keep a cancelled task alive until its end
    task.add_done_callback(_forget_task)
    return task


def _forget_task(task: asyncio.Task[Any]) -> None:
    _tasks.discard(task)
    if not task.cancelled():
        task.exception()  # seen here, so that a late one is not reported with its text


class Closable(Protocol):
    """What holds connections of the background loop."""

    async def close(self) -> None:
        """Close them."""


_open: set[Closable] = set()


def close_at_exit(closable: Closable) -> None:
    """Have it closed in the loop when the process ends."""
    _open.add(closable)


def forget_at_exit(closable: Closable) -> None:
    """Take back `close_at_exit`."""
    _open.discard(closable)


async def _close_all() -> None:
    await asyncio.gather(*(closable.close() for closable in list(_open)), return_exceptions=True)


def _end_loop() -> None:
    if _loop is not None:
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(_close_all(), _loop).result(EXIT_SECONDS)


_parents: list[asyncio.AbstractEventLoop] = []


def _forget_parent() -> None:
    """In a forked child: keep the parent's loop from being closed, for its epoll is shared with the parent."""
    global _lock, _loop
    _lock = threading.Lock()
    if _loop is not None:
        _parents.append(_loop)
    _loop = None


os.register_at_fork(after_in_child=_forget_parent)
atexit.register(_end_loop)


class PerLoop(Generic[T]):
    """A thing that belongs to the loop it is used in, made when that loop first asks for it.

    What belongs to a forked parent's loop is kept untouched: its sockets are the parent's.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: dict[asyncio.AbstractEventLoop, T] = {}

    def get(self) -> T:
        """The running loop's own."""
        loop = asyncio.get_running_loop()
        if loop not in self._made:
            self._made[loop] = self._make()
        return self._made[loop]

    def pop(self) -> T | None:
        """Take the running loop's own away, if it was made."""
        return self._made.pop(asyncio.get_running_loop(), None)


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
