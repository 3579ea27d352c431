"""The processes that read files: few, bounded, of one file each, and none left behind."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import resource
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from app import event_loop
from app.metrics import UploadRefusal
from app.services.verification import reader_pool
from app.services.verification.reader import NICENESS
from app.services.verification.reader_pool import MEMORY_BYTES, Busy, ReaderPool
from app.services.verification.reading import Found, Outcome, Reading, parse_reading, tell_look
from app.settings import UploadSettings
from tests.campus.client import PROJECT
from tests.fixtures.photos import draw_qr, save
from tests.fixtures.worst_files import make_page
from tests.vectors.slip_code_forge import forge

BASE_URL = "https://lixiao.example.edu"
PATIENT = UploadSettings(wait_seconds=30, seconds=60)
ENDLESS = make_page(forms=9, uses=20)
BLANK = Reading(Found(), 2, Outcome.WHOLE)


def list_children(pid: int | str = "self") -> set[int]:
    """The processes that this one started."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return {int(child) for task in tasks for child in task.read_text().split()}


def wait_until(is_so: Callable[[], bool]) -> None:
    for _ in range(600):
        if is_so():
            return
        time.sleep(0.05)
    pytest.fail("it did not come about")


@pytest.fixture
def pools() -> Iterator[list[ReaderPool]]:
    """Pools that are closed behind the test."""
    used: list[ReaderPool] = []
    yield used
    for pool in used:
        event_loop.run(pool.close(), 10)
        event_loop.forget_at_exit(pool)


MakePool = Callable[..., ReaderPool]


@pytest.fixture
def make_pool(pools: list[ReaderPool]) -> MakePool:
    """Make a pool with these settings; `memory_bytes` and `cpu_seconds` as it takes them."""

    def make(memory_bytes: int = MEMORY_BYTES, cpu_seconds: int = 6, **settings: float) -> ReaderPool:
        chosen = UploadSettings.model_validate(PATIENT.model_dump() | settings)
        pools.append(ReaderPool(BASE_URL, chosen, memory_bytes, cpu_seconds))
        return pools[-1]

    return make


@pytest.fixture(scope="module")
def blank() -> bytes:
    """A small picture without a QR."""
    out = BytesIO()
    Image.new("RGB", (300, 200), "white").save(out, "PNG")
    return out.getvalue()


def test_a_code_comes_back_from_the_process(make_pool: MakePool) -> None:
    digits = forge()
    own = save(draw_qr(f"{BASE_URL}/v/{digits}"), "PNG")
    assert make_pool().read(own) == Reading(Found(frozenset({digits})), 1, Outcome.WHOLE)
    foreign = save(draw_qr("https://evil.example/v/1"), "PNG")
    assert make_pool().read(foreign).found == Found(has_foreign=True)


def test_each_file_gets_a_process_of_its_own_and_the_next_one_waits(
    make_pool: MakePool, blank: bytes
) -> None:
    pool, before, used = make_pool(), list_children(), set[int]()
    for _ in range(3):
        assert pool.read(blank) == BLANK
        wait_until(lambda: len(list_children() - before) == 1)
        (waiting,) = list_children() - before
        assert waiting not in used
        used.add(waiting)


def test_a_process_has_bounds_and_low_priority_and_no_secrets(
    make_pool: MakePool, blank: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIXIAO_SERVICE__SECRET_KEY", "secret")
    before = list_children()
    make_pool().read(blank)
    wait_until(lambda: len(list_children() - before) == 1)
    (waiting,) = list_children() - before
    wait_until(
        lambda: os.getpriority(os.PRIO_PROCESS, waiting) == os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
    )
    wait_until(lambda: resource.prlimit(waiting, resource.RLIMIT_CORE) == (0, 0))
    assert resource.prlimit(waiting, resource.RLIMIT_AS) == (MEMORY_BYTES, MEMORY_BYTES)
    assert resource.prlimit(waiting, resource.RLIMIT_CPU) == (6, 6)
    assert b"secret" not in Path(f"/proc/{waiting}/environ").read_bytes()


def refuse(pool: ReaderPool, data: bytes) -> str:
    """Why a file is refused."""
    with pytest.raises(Busy) as refused:
        pool.read(data)
    return str(refused.value)


def test_more_than_wait_are_refused_at_once_and_never_more_processes_run(
    make_pool: MakePool, blank: bytes
) -> None:
    pool, before = make_pool(processes=2, waiting=3), list_children()
    most, is_over = [0], threading.Event()

    def watch() -> None:
        while not is_over.wait(0.01):
            most[0] = max(most[0], len(list_children() - before))

    def read(_place: int) -> str:
        try:
            return str(pool.read(blank).outcome)
        except Busy as error:
            return str(error)

    with ThreadPoolExecutor(13) as threads:
        watching = threads.submit(watch)
        told = list(threads.map(read, range(12)))
        is_over.set()
        watching.result()
    assert told.count(Outcome.WHOLE) == 2 + 3
    assert told.count(UploadRefusal.FULL) == 12 - 5
    assert most[0] == 2
    assert pool.read(blank) == BLANK


def test_with_a_longer_line_the_same_files_are_all_read(make_pool: MakePool, blank: bytes) -> None:
    pool = make_pool(processes=2, waiting=10)
    with ThreadPoolExecutor(12) as threads:
        assert list(threads.map(pool.read, [blank] * 12)) == [BLANK] * 12


def test_who_waits_for_too_long_is_refused_and_the_place_is_free_again(
    make_pool: MakePool, blank: bytes
) -> None:
    pool = make_pool(waiting=1, wait_seconds=0.1, cpu_seconds=2)
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(pool.read, ENDLESS)
        wait_until(lambda: pool._held == 1)
        assert refuse(pool, blank) == UploadRefusal.WAITED
        assert first.result() == Reading(Found(), 0, None)
    assert pool.read(blank) == BLANK


def test_a_file_that_takes_too_long_ends_with_its_process_and_another_takes_its_place(
    make_pool: MakePool, blank: bytes
) -> None:
    pool, before = make_pool(seconds=1, cpu_seconds=60), list_children()
    assert refuse(pool, ENDLESS) == UploadRefusal.LATE
    wait_until(lambda: len(list_children() - before) == 1)  # which waits for the next file
    (waiting,) = list_children() - before
    wait_until(lambda: b"reader" in Path(f"/proc/{waiting}/cmdline").read_bytes())
    assert make_pool().read(blank) == BLANK


def test_what_was_read_before_a_process_was_ended_counts(make_pool: MakePool) -> None:
    """A page with a slip, and behind it one that is never drawn."""
    digits, out = forge(), BytesIO()
    draw_qr(f"{BASE_URL}/v/{digits}").convert("RGB").save(out, "PDF", resolution=100)
    joined = BytesIO()
    with pikepdf.open(BytesIO(out.getvalue())) as slip, pikepdf.open(BytesIO(ENDLESS)) as endless:
        slip.pages.extend(endless.pages)
        slip.save(joined)
    assert make_pool(cpu_seconds=3).read(joined.getvalue()) == Reading(Found(frozenset({digits})), 1, None)


def test_a_file_that_takes_too_much_memory_is_given_up_and_the_next_one_is_read(
    make_pool: MakePool, blank: bytes
) -> None:
    out = BytesIO()
    Image.new("RGB", (6000, 4000), "white").save(out, "TIFF", compression="tiff_lzw")
    assert make_pool().read(out.getvalue()).outcome is Outcome.WHOLE
    small = make_pool(memory_bytes=160 * 1024**2)
    for _ in range(2):
        given_up = small.read(out.getvalue())
        assert (given_up.looks, given_up.outcome) in ((0, None), (0, Outcome.NOT_DRAWN))
        assert small.read(blank) == BLANK


def test_where_no_process_can_start_files_are_refused_and_the_log_says_why(
    make_pool: MakePool, blank: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    pool, before = make_pool(memory_bytes=8 * 1024**2), list_children()
    assert refuse(pool, blank) == UploadRefusal.BROKEN
    assert refuse(pool, blank) == UploadRefusal.BROKEN
    assert caplog.records[-1].getMessage() == "a reader of files does not start"
    assert vars(caplog.records[-1])["error"].startswith("exit code ")
    wait_until(lambda: list_children() <= before)


def test_a_waiting_process_that_was_ended_is_replaced(make_pool: MakePool, blank: bytes) -> None:
    pool, before = make_pool(), list_children()
    pool.read(blank)
    wait_until(lambda: len(list_children() - before) == 1)
    (waiting,) = list_children() - before
    os.kill(waiting, signal.SIGKILL)
    wait_until(lambda: waiting not in list_children())
    assert pool.read(blank) == BLANK


class Bomb:
    """What runs a program where it is unpickled."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.system, ("false",)


@pytest.mark.parametrize(
    "told",
    [
        b"",
        b"code 1",
        b"code \xd9\xa1\n",
        b"code " + b"1" * 401 + b"\n",
        b"code -1\ncode 1 2\nCODE 1\n",
        b"wholly\n",
        pickle.dumps(Bomb()),
        os.urandom(1000).replace(b"code", b""),
    ],
    ids=range(8),
)
def test_what_is_no_reading_tells_nothing(told: bytes) -> None:
    assert parse_reading(told).found.codes == frozenset()
    assert parse_reading(told).outcome is None


def test_a_process_that_says_too_much_is_not_listened_to(
    make_pool: MakePool, blank: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader_pool, "_PROGRAM", "while True: print('ready')")
    assert make_pool().read(blank) == Reading(Found(), 0, None)


def test_a_look_is_told_and_understood_with_two_codes_at_most() -> None:
    for codes in ((), ("12",), ("12", "34")):
        for has_foreign in (False, True):
            found = Found(frozenset(codes), has_foreign)
            assert parse_reading(f"{tell_look(found)}whole\n".encode()) == Reading(found, 1, Outcome.WHOLE)
    many = Found(frozenset(map(str, range(300))))
    assert len(parse_reading(tell_look(many).encode()).found.codes) == 2


PROGRAM = textwrap.dedent("""
    import sys, time
    from io import BytesIO
    from PIL import Image
    from app.services.verification.reader_pool import ReaderPool
    from app.settings import UploadSettings
    pool = ReaderPool("http://x", UploadSettings(wait_seconds=30, seconds=60))
    out = BytesIO()
    Image.new("RGB", (300, 200)).save(out, "PNG")
    pool.read(out.getvalue())
    print("read", flush=True)
    sys.stdin.read()
""")


@pytest.mark.parametrize("is_killed", [False, True])
def test_no_process_outlives_the_service(is_killed: bool) -> None:
    """Whether it ends by itself or is killed."""
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdin
        assert program.stdout
        assert program.stdout.readline() == b"read\n"
        wait_until(lambda: bool(list_children(program.pid)))
        (waiting,) = list_children(program.pid)
        if is_killed:
            program.kill()
        program.stdin.close()
        program.wait(30)
    wait_until(lambda: not Path(f"/proc/{waiting}").exists())


def test_a_forked_child_has_processes_of_its_own(make_pool: MakePool, blank: bytes) -> None:
    pool, before = make_pool(), list_children()
    pool.read(blank)
    wait_until(lambda: len(list_children() - before) == 1)
    child = multiprocessing.get_context("fork").Process(target=_read_in_child, args=(pool, blank))
    child.start()
    child.join(60)
    assert child.exitcode == 0
    assert pool.read(blank) == BLANK


def _read_in_child(pool: ReaderPool, blank: bytes) -> None:
    reading = pool.read(blank)
    event_loop.run(pool.close(), 10)
    os._exit(0 if reading == BLANK else 1)
