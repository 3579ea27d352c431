"""The pool of processes that read uploaded files, so that no decoder runs in the service itself.

A process reads one file and ends: nothing is left of a file for the next one, and memory and CPU are bounded for each
file by the process's own limits. The next process is started at once and waits, its decoders loaded. Of all that come, a
few wait in line and the rest are refused: uploading is for everybody, and must not keep anybody from scanning.

Neither `concurrent.futures` nor `pebble` does: both unpickle in the service what a process sends, which whoever takes
a decoder over could forge; here it sends lines of a fixed form (`reading`).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from dataclasses import dataclass, field

from app import event_loop
from app.event_loop import PerLoop, start_task
from app.metrics import UploadRefusal, upload_refusals, upload_seconds, uploads
from app.services.verification.reader import READY
from app.services.verification.reading import MAX_TOLD_BYTES, Reading, parse_reading
from app.settings import ROOT, UploadSettings

log = logging.getLogger(__name__)

_PROGRAM = """
import sys
sys.path.insert(0, sys.argv[1])
from app.services.verification.reader import main
main(*sys.argv[2:])
"""
CPU_SECONDS = 6
"""Of a process. A slip takes a tenth, with the start half a second; the worst photo takes one."""
MEMORY_BYTES = 1024**3
"""Of a process's address space."""
_GRACE_SECONDS = 2.0


class Busy(Exception):
    """No process could read the file now."""


class _NotReady(Exception):
    """A process ended, or was silent, before it was ready."""


@dataclass(slots=True, eq=False)
class _Places:
    """The places of one event loop, each with one process at most; `ready` are those that wait for a file."""

    free: asyncio.Semaphore
    ready: list[asyncio.Task[Process]] = field(default_factory=list)
    running: set[Process] = field(default_factory=set)


class ReaderPool:
    """Reads files with the address of this service in their QR, as many at the same time as the settings say."""

    def __init__(
        self,
        base_url: str,
        settings: UploadSettings,
        memory_bytes: int = MEMORY_BYTES,
        cpu_seconds: int = CPU_SECONDS,
    ) -> None:
        self._settings = settings
        self._held = 0
        self._places = PerLoop(lambda: _Places(asyncio.Semaphore(settings.processes)))
        words = (str(ROOT), base_url, str(memory_bytes), str(cpu_seconds))
        self._command = (sys.executable, "-I", "-c", _PROGRAM, *words)

    def read(self, data: bytes) -> Reading:
        """Have a file read, for an ordinary thread, which waits for it. Raises Busy."""
        seconds = self._settings.wait_seconds + self._settings.seconds + _GRACE_SECONDS
        try:
            return event_loop.run(self._read(data), seconds)
        except TimeoutError:  # the loop itself is late
            raise _refuse(UploadRefusal.LATE) from None

    async def close(self) -> None:
        """End all processes."""
        places = self._places.pop()
        if places is not None:
            for starting in places.ready:
                starting.cancel()
            await asyncio.gather(*places.ready, return_exceptions=True)
            for process in places.running:
                _kill(process)

    async def _read(self, data: bytes) -> Reading:
        if self._held >= self._settings.processes + self._settings.waiting:
            raise _refuse(UploadRefusal.FULL)
        self._held += 1
        try:
            places = self._places.get()
            with uploads.labels("waiting").track_inprogress():
                await _take(places.free, self._settings.wait_seconds)
            try:
                with uploads.labels("running").track_inprogress():
                    return await self._read_in(places, data)
            finally:
                places.free.release()
        finally:
            self._held -= 1

    async def _read_in(self, places: _Places, data: bytes) -> Reading:
        """Read in the next process that is ready, and start another in its place."""
        event_loop.close_at_exit(self)
        begun, told = time.monotonic(), bytearray()
        try:
            async with asyncio.timeout(self._settings.seconds):
                process = await self._get_ready(places)
                try:
                    await _exchange(process, data, told)
                finally:
                    _kill(process)
                    places.running.discard(process)
            is_late = False
        except TimeoutError:
            is_late = True
        except (_NotReady, OSError) as error:
            log.error("a reader of files does not start", extra={"error": str(error)})
            raise _refuse(UploadRefusal.BROKEN) from error
        places.ready.append(start_task(self._start(places)))
        reading = parse_reading(bytes(told))
        end = "cut" if reading.outcome is None else "whole"
        upload_seconds.labels(end).observe(time.monotonic() - begun)
        if is_late and not reading.found.has_own:
            raise _refuse(UploadRefusal.LATE)
        return reading

    async def _get_ready(self, places: _Places) -> Process:
        """A process that waits for a file. Raises _NotReady or OSError."""
        if places.ready:
            with contextlib.suppress(_NotReady, OSError):
                process = await places.ready.pop()
                if process.returncode is None:
                    return process
                places.running.discard(process)  # it was ended by somebody else
        return await self._start(places)

    async def _start(self, places: _Places) -> Process:
        """Start a process; its environment is empty: it needs no secret."""
        process = await asyncio.create_subprocess_exec(
            *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={}
        )
        places.running.add(process)
        try:
            assert process.stdout
            async with asyncio.timeout(self._settings.seconds):
                if await process.stdout.readline() != READY:
                    raise _NotReady(f"exit code {await process.wait()}")
        except BaseException:
            _kill(process)
            places.running.discard(process)
            raise
        return process


def _refuse(reason: UploadRefusal) -> Busy:
    upload_refusals.labels(reason).inc()
    return Busy(reason)


async def _take(places: asyncio.Semaphore, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await places.acquire()
    except TimeoutError:
        raise _refuse(UploadRefusal.WAITED) from None


async def _exchange(process: Process, data: bytes, told: bytearray) -> None:
    """Send a file and put what is told into `told`, until the process ends."""
    assert process.stdin
    assert process.stdout
    with contextlib.suppress(ConnectionError):  # it ended before it had the whole file
        process.stdin.write(data)
        await process.stdin.drain()
    process.stdin.close()
    while len(told) < MAX_TOLD_BYTES and (some := await process.stdout.read(MAX_TOLD_BYTES)):
        told += some
    if len(told) < MAX_TOLD_BYTES:
        await process.wait()


def _kill(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
