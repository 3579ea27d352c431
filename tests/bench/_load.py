"""A bounded load on loopback: wrk where it is installed, else raw sockets in threads."""

from __future__ import annotations

import json
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice
from pathlib import Path
from urllib.parse import urlsplit

CONNECTIONS = 8
SECONDS = 4
_SCRIPT = """
local paths = {%s}
local next = 0
request = function()
  next = next %% #paths + 1
  return wrk.format("GET", paths[next])
end
"""


class LoadFailed(RuntimeError):
    """Some answers were no 200: the rate would say nothing."""


def measure_rate(url: str, paths: Sequence[str]) -> float:
    """Requests answered with 200 in a second, the paths asked in turn; takes a few seconds."""
    if urlsplit(url).hostname != "127.0.0.1":
        raise ValueError("loads go to loopback only")
    return _measure_by_wrk(url, paths) if shutil.which("wrk") else _measure_by_threads(url, paths)


def _measure_by_wrk(url: str, paths: Sequence[str]) -> float:
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "paths.lua"
        script.write_text(_SCRIPT % ",".join(json.dumps(path) for path in paths), encoding="ascii")
        command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "-s", str(script), url]
        out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"Requests/sec:\s+([0-9.]+)", out)
    if found is None or "Non-2xx" in out:
        raise LoadFailed(out)
    return float(found[1])


def _measure_by_threads(url: str, paths: Sequence[str]) -> float:
    ends_at = time.monotonic() + SECONDS
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        counts = pool.map(lambda start: _ask_until(url, paths, start, ends_at), range(CONNECTIONS))
        return sum(counts) / SECONDS


def _ask_until(url: str, paths: Sequence[str], start: int, ends_at: float) -> int:
    address = urlsplit(url)
    done = 0
    with socket.create_connection((address.hostname or "", address.port or 80), timeout=30) as connection:
        file = connection.makefile("rb")
        for path in islice(cycle(paths), start * len(paths) // CONNECTIONS, None):
            connection.sendall(f"GET {path} HTTP/1.1\r\nHost: {address.netloc}\r\n\r\n".encode())
            if b" 200 " not in file.readline():
                raise LoadFailed(path)
            headers = dict(line.split(b": ", 1) for line in iter(file.readline, b"\r\n"))
            file.read(int(headers[b"content-length"]))
            done += 1
            if time.monotonic() >= ends_at:
                return done
    return done
