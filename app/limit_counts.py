"""Where the counts of limits are kept: in a storage that several processes share, such as Redis, or by this process alone,
which also counts while the storage fails, is silent, or answers nonsense.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from queue import SimpleQueue
from typing import Any, Literal, cast

from limits import RateLimitItem, WindowStats, parse
from limits.errors import ConfigurationError, StorageError
from limits.storage import Storage, storage_from_string
from limits.strategies import FixedWindowRateLimiter

from app import metrics

SOCKET_SECONDS = 0.2
STORAGE_SECONDS = 0.4
"""What one request waits for the storage in all."""
PAUSE_SECONDS = 5.0
"""For so long a storage that failed is not asked again; then one request asks, and the others wait for its answer by
counting for themselves.
"""
LOOK_SECONDS = 2.0
STORAGE_FAULTS = (SILENT, FAILED) = ("silent", "failed")
"""How a storage may fail, for the metrics."""
LOG_SECONDS = 60.0
SWEEP_SECONDS = 60.0
MOST_WINDOWS = 100_000
"""Some 25 MB. An IPv6 network has more addresses than there is memory."""
THREADS = 8

log = logging.getLogger(__name__)

Question = Literal["hit", "test", "get_window_stats"]
"""What the strategies of `limits` are asked: to count one more, whether there is room for one, and when a window ends."""


class WindowCounts:
    """The counts of this process, in fixed windows that each begin with their first hit.

    The memory storage of `limits` counts alike, but starts a thread every hundredth of a second to look through all
    that it holds: with 10,000 keys that is 230 µs of CPU a hit, where this takes 4.
    """

    def __init__(self, get_seconds: Callable[[], float] = time.monotonic) -> None:
        """`get_seconds` is a monotonic clock."""
        self._get_seconds = get_seconds
        self._lock = threading.Lock()
        self._windows: dict[tuple[int, str], tuple[float, int]] = {}
        self._sweep_at = 0.0

    def hit(self, item: RateLimitItem, key: str) -> bool:
        """Count one more, and tell whether it was still within the limit."""
        now, window = self._get_seconds(), (item.get_expiry(), key)
        with self._lock:
            if now >= self._sweep_at or len(self._windows) >= MOST_WINDOWS:
                self._sweep(now)
            ends_at, hits = self._windows.get(window, (0.0, 0))
            if ends_at <= now:
                ends_at, hits = now + item.get_expiry(), 0
            self._windows[window] = (ends_at, hits + 1)
        return hits < item.amount

    def test(self, item: RateLimitItem, key: str) -> bool:
        """Whether one more would be within the limit."""
        return self.get_window_stats(item, key).remaining > 0

    def get_window_stats(self, item: RateLimitItem, key: str) -> WindowStats:
        """When the window ends (Unix time), and how many hits it has left."""
        ends_at, hits = self._windows.get((item.get_expiry(), key), (0.0, 0))
        seconds = max(0.0, ends_at - self._get_seconds())
        return WindowStats(time.time() + seconds, max(0, item.amount - hits) if seconds else item.amount)

    def _sweep(self, now: float) -> None:
        """Forget what has ended; of too much, the half that was counted least, for the rest is near its limit."""
        kept = {key: window for key, window in self._windows.items() if window[0] > now}
        if len(kept) >= MOST_WINDOWS:
            by_hits = sorted(kept.items(), key=lambda item: item[1][1], reverse=True)
            kept = dict(by_hits[: MOST_WINDOWS // 2])
        self._windows = kept
        self._sweep_at = now + SWEEP_SECONDS


def connect_storage(url: str) -> Storage | None:
    """The storage that several processes share, or None for `memory://`; nothing is sent yet. Raises
    ConfigurationError or ValueError for an address that names none.
    """
    if url.partition(":")[0] in ("", "memory"):
        return None
    options: dict[str, Any] = {}
    if url.startswith(("redis://", "rediss://", "redis+unix://")):
        # Its client would else try again three times, with seconds between.
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        options = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), SOCKET_SECONDS)
        options["retry"] = Retry(NoBackoff(), 0)
    storage = storage_from_string(url, wrap_exceptions=True, **options)
    if not isinstance(storage, Storage):
        raise ConfigurationError("an asynchronous storage")
    return storage


def find_storage_fault(url: str) -> str | None:
    """Why the storage at this address cannot count within two seconds, in words without a secret; None where it can. Counts
    once in it. Raises as `connect_storage`.
    """
    storage = connect_storage(url)
    if storage is None:
        return None
    try:
        once = partial(FixedWindowRateLimiter(storage).hit, parse("1000 per second"), "start")
        _Askers(1).run(once, LOOK_SECONDS)
    except Exception as error:  # noqa: BLE001 - whatever keeps it from counting is what is asked for
        return _describe(error)
    finally:
        _hang_up(storage)
    return None


def warn_of_storage_fault(url: str) -> None:
    """Say in the log of the start why the storage cannot count, if it cannot: it may come later, so it is no reason not
    to start.
    """
    fault = find_storage_fault(url)
    if fault:
        log.warning("rate_limit.storage_url cannot be used", extra={"error": fault})


def _describe(error: BaseException) -> str:
    """The kind of a failure and what the system said to it. A server's own words, which may be anything, are left out."""
    first = error.storage_error if isinstance(error, StorageError) else error
    cause: BaseException | None = first
    while cause is not None and not (isinstance(cause, OSError) and cause.strerror):
        cause = cause.__cause__ or cause.__context__
    told = f": {cause.strerror}" if isinstance(cause, OSError) else ""
    return f"{type(first).__name__}{told}"


def _is_silence(error: BaseException) -> bool:
    """Whether no answer came in time: ours that ran out, or a socket's, which the storage's client tells in its own
    words.
    """
    cause: BaseException | None = error.storage_error if isinstance(error, StorageError) else error
    while cause is not None and not isinstance(cause, TimeoutError):
        cause = cause.__cause__ or cause.__context__
    return cause is not None


class _Askers:
    """Threads that ask the storage, so that no request waits beyond its deadline: a socket's time-out bounds neither the
    resolving of a name nor an answer that comes byte by byte. They start with the first question, and are daemons: one
    that hangs keeps no process from ending. `event_loop.Threads`, with a thread for each call, takes ten times the CPU
    (245 µs a question against 24).
    """

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self.reset()
        os.register_at_fork(after_in_child=self.reset)  # a forked child has no threads of its parent's

    def reset(self) -> None:
        """Start anew."""
        self._lock = threading.Lock()  # else two first questions would start twice as many threads
        self._waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]] = SimpleQueue()
        self._has_started = False

    def run(self, call: Callable[[], Any], seconds: float) -> Any:
        """What the call returns or raises. After `seconds` raises TimeoutError, and the call is given up if it has not
        begun.
        """
        if not self._has_started:
            self._start()
        answer: Future[Any] = Future()
        self._waiting.put((answer, call))
        try:
            return answer.result(max(0.0, seconds))
        finally:
            answer.cancel()

    def _start(self) -> None:
        with self._lock:
            if not self._has_started:
                for _ in range(self._threads):
                    threading.Thread(
                        target=self._work, args=(self._waiting,), name="limits", daemon=True
                    ).start()
                self._has_started = True

    @staticmethod
    def _work(waiting: SimpleQueue[tuple[Future[Any], Callable[[], Any]]]) -> None:
        while True:
            answer, call = waiting.get()
            if answer.set_running_or_notify_cancel():
                try:
                    answer.set_result(call())
                except BaseException as error:  # noqa: BLE001 - whatever it is belongs to who waits
                    answer.set_exception(error)


class LimitCounts:
    """The counts that limits go by: those of the shared storage, and while it fails, or where there is none, those of
    this process.
    """

    def __init__(self, storage: Storage | None, get_seconds: Callable[[], float] = time.monotonic) -> None:
        """`get_seconds` is a monotonic clock."""
        self._get_seconds = get_seconds
        self._own = WindowCounts()
        self._storage = storage
        self._shared = FixedWindowRateLimiter(storage) if storage else None
        self._askers = _Askers(THREADS)
        self._lock = threading.Lock()  # else all that wait for the end of a pause would ask a silent storage
        self._is_failing = False
        self._asked_again_at = 0.0
        self._log_at = 0.0

    def ask(self, question: Question, item: RateLimitItem, key: str, seconds: float = STORAGE_SECONDS) -> Any:
        """The answer of the shared counts, or of this process's own, when those fail or take longer than `seconds`."""
        if self._shared is not None and self._may_ask_shared():
            try:
                answer = self._askers.run(partial(getattr(self._shared, question), item, key), seconds)
            except Exception as error:  # noqa: BLE001 - a storage that answers nonsense fails in many ways
                self._note_failure(error)
            else:
                self._is_failing = False
                return answer
        return getattr(self._own, question)(item, key)

    def _may_ask_shared(self) -> bool:
        """Whether the storage is asked. While it fails, the first to come after each pause asks, and nobody else."""
        if not self._is_failing:
            return True
        with self._lock:
            now = self._get_seconds()
            if now < self._asked_again_at:
                return False
            self._asked_again_at = now + PAUSE_SECONDS
        return True

    def _note_failure(self, error: Exception) -> None:
        with self._lock:
            now = self._get_seconds()
            self._is_failing = True
            self._asked_again_at = now + PAUSE_SECONDS
            is_logged = now >= self._log_at
            if is_logged:
                self._log_at = now + LOG_SECONDS
        metrics.limit_storage_failures.labels(SILENT if _is_silence(error) else FAILED).inc()
        if is_logged:
            log.warning("limits are counted by this process alone", extra={"error": _describe(error)})
        if isinstance(error, TimeoutError):
            _hang_up(self._storage)


def _hang_up(storage: Storage | None) -> None:
    """Close the connections, on one of which an answer does not end: who reads it would for ever."""
    pool = getattr(getattr(storage, "storage", None), "connection_pool", None)
    if pool is not None:
        cast("Any", pool).disconnect()
