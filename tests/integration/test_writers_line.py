"""Writers of a SQLite file in line, over threads and processes; and the one host that serves from it."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from multiprocessing import get_context
from multiprocessing.synchronize import Event
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from app.models.engine import DatabaseRefused, claim_for_host
from app.models.sqlite_write_queue import FairLock, get_line

SECONDS = 60
THREADS, TIMES = 4, 25
FORK = get_context("fork")


def wait(database: str, seconds: float = SECONDS) -> AbstractContextManager[None]:
    """Stand in line for so long."""
    return get_line(database).wait(time.monotonic() + seconds)


def hold(database: str, has_turn: Event) -> None:
    """Have the turn and keep it."""
    with wait(database):
        has_turn.set()
        time.sleep(SECONDS)


def test_the_line_is_free_again_when_its_holder_is_killed(tmp_path: Path) -> None:
    database, has_turn = str(tmp_path / "database"), FORK.Event()
    holder = FORK.Process(target=hold, args=(database, has_turn))
    holder.start()
    assert has_turn.wait(SECONDS)
    with pytest.raises(OperationalError), wait(database, 0.2):
        pass
    holder.kill()
    holder.join()
    with wait(database):
        pass


def count_up(database: str, is_in_line: bool) -> None:
    """Read a number and write the next one, often and in several threads."""
    file = Path(database)

    def count(_: int) -> None:
        for _ in range(TIMES):
            with wait(database) if is_in_line else nullcontext():
                number = int(file.read_text() or 0)
                time.sleep(0.001)
                file.write_text(f"{number + 1}")

    with ThreadPoolExecutor(THREADS) as threads:
        list(threads.map(count, range(THREADS)))


@pytest.mark.parametrize("how", ["in line", "all at once"])
def test_two_processes_with_several_threads_write_one_after_the_other(tmp_path: Path, how: str) -> None:
    file = tmp_path / "number"
    file.write_text("0")
    processes = [FORK.Process(target=count_up, args=(str(file), how == "in line")) for _ in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    is_right = file.read_text() == f"{2 * THREADS * TIMES}"
    assert is_right == (how == "in line")


def test_a_forked_child_stands_in_line_behind_its_parent(tmp_path: Path) -> None:
    database = str(tmp_path / "database")
    with wait(database):
        child = os.fork()
        if child == 0:  # pragma: no cover - the child tells by its exit code
            try:
                with wait(database, 0.2):
                    os._exit(1)
            except OperationalError:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    with wait(database):
        pass


def test_threads_get_their_turn_in_the_order_in_which_they_came() -> None:
    lock, order = FairLock(), []
    assert lock.acquire(time.monotonic() + SECONDS)

    def come(place: int) -> None:
        assert lock.acquire(time.monotonic() + SECONDS)
        order.append(place)
        lock.release()

    threads = [threading.Thread(target=come, args=(place,)) for place in range(20)]
    for count, thread in enumerate(threads, start=1):
        thread.start()
        while len(lock._waiting) < count:
            time.sleep(0.001)
    assert not lock.acquire(time.monotonic())
    lock.release()
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_a_second_host_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    database = str(tmp_path / "database")
    ours, ours_too = (claim_for_host(database, "boot-1 alpha") for _ in range(2))
    with pytest.raises(DatabaseRefused, match="alpha"):
        claim_for_host(database, "boot-2 beta")
    os.close(ours)
    with pytest.raises(DatabaseRefused):
        claim_for_host(database, "boot-2 beta")
    os.close(ours_too)
    os.close(claim_for_host(database, "boot-2 beta"))
