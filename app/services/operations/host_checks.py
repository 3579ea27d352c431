"""Whether the host is fit to serve from: disk, clock, files that are its owner's alone, and where limits are counted."""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from limits.storage import storage_from_string

from app.identity.base import CheckResult
from app.metrics import FOLDER
from app.private_files import describe_openness
from app.services.clock import get_now
from app.services.installation import Installation
from app.services.operations.database_checks import MOST_SKEW, get_database_file
from app.services.operations.findings import fault, good, note

LEAST_FREE = 512 * 2**20
LITTLE_FREE = 2 * 2**30
ANSWER_SECONDS = 0.2
"""How long a request waits for the counts; later it counts by itself."""
SLOW_SECONDS = 0.05
_TIMEX_BYTES = 512
"""More than the `struct timex` of any platform (adjtimex(2))."""
_TIME_ERROR = 5


def list_places(installation: Installation) -> dict[str, Path]:
    """The folders that the service writes to, by what they hold."""
    database, metrics = get_database_file(), os.environ.get(FOLDER)
    places = {"slip keys": installation.settings.slip.keys, "temporary files": Path(tempfile.gettempdir())}
    places |= {"database": database.parent} if database else {}
    return places | ({"metrics": Path(metrics)} if metrics else {})


def check_disk(installation: Installation) -> Iterator[CheckResult]:
    """Whether there is room in each folder that is written to. One that is not there is told by who needs it."""
    for name, folder in sorted(list_places(installation).items()):
        if not folder.is_dir():
            continue
        free = shutil.disk_usage(folder).free
        words = f"{free / 2**30:.1f} GiB free for {name}"
        if free < LEAST_FREE:
            yield fault(f"{words}: make room now, without any nobody can submit")
        elif free < LITTLE_FREE:
            yield note(f"{words}: make room soon, of old backups and logs first")
        else:
            yield good(words)


def check_files() -> Iterator[CheckResult]:
    """Files that hold personal data. Those of secrets and keys are looked at at every start."""
    database = get_database_file()
    for path in sorted(database.parent.glob(f"{database.name}*")) if database else ():
        if describe_openness(path) and describe_openness(path.parent):
            yield fault(f"{path.name} can be reached by other users: chmod 700 its folder")
        else:
            yield good(f"{path.name} is its owner's alone")


def check_clock() -> Iterator[CheckResult]:
    """Whether something keeps the clock in step, as the kernel knows it (adjtimex(2), which only reads here)."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
    except (AttributeError, OSError):
        state = -1
    if state == _TIME_ERROR:
        yield note(
            "nothing keeps this clock in step, by which slips are dated: install chrony, or `timedatectl set-ntp true`"
        )
    elif state < 0:
        yield note(
            "whether something keeps the clock in step cannot be seen from here: `timedatectl` tells it"
        )
    else:
        yield good("the clock is kept in step")


def check_limits(installation: Installation) -> Iterator[CheckResult]:
    """Whether the storage that counts for several workers answers, in time."""
    url = installation.settings.rate_limit.storage_url
    kind = url.partition(":")[0]
    if kind in ("", "memory"):
        yield good("counted in memory, by each worker for itself: several need Redis to count together")
    elif kind in ("redis", "rediss"):
        yield from _check_redis(url)
    elif storage_from_string(url).check():
        yield good(f"{kind} answers")
    else:
        yield fault(f"{kind} does not answer, and each worker counts for itself: see rate_limit.storage_url")


def _check_redis(url: str) -> Iterator[CheckResult]:
    from redis import AuthenticationError, Redis, RedisError
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    waits = dict.fromkeys(("socket_timeout", "socket_connect_timeout"), ANSWER_SECONDS)
    try:
        with Redis.from_url(url, retry=Retry(NoBackoff(), 0), **waits) as client:
            client.ping()
            begun_at = time.perf_counter()
            client.ping()
            seconds = time.perf_counter() - begun_at
            seconds_there, microseconds = client.time()
            moment = datetime.fromtimestamp(seconds_there, UTC) + timedelta(microseconds=microseconds)
    except AuthenticationError:
        yield fault("Redis refuses the name or password in rate_limit.storage_url: put the right one there")
        return
    except RedisError as error:
        yield fault(
            f"Redis does not answer within {ANSWER_SECONDS} s ({type(error).__name__}), and each worker counts for "
            "itself: start it, or mend rate_limit.storage_url"
        )
        return
    words = f"Redis answers in {1000 * seconds:.1f} ms"
    yield note(f"{words}: put it nearer, every count waits for it") if seconds > SLOW_SECONDS else good(words)
    skew = abs(moment - get_now())
    apart = f"Redis's clock and ours are {skew.total_seconds():.0f} seconds apart"
    yield good(apart) if skew <= MOST_SKEW else fault(f"{apart}: have both kept in step (chrony)")
