"""What a page costs in CPU: requests one after another inside one process, which asks the pretend campus's departments
over HTTP; beside a bare Flask route's page. Granian and the line are left out: they cost every page alike.

With BASE=/path/to/another/checkout each page is measured there by this file, too, in turn with this checkout, and told as the ratio.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from tests.campus.client import PROJECT, running_campus
from tests.campus.run import METRICS_FOLDER, make_environment, prepare

APP = "/graduate-departure"
ROUNDS = 12
REQUESTS = {
    "bare": 400,
    "guide": 100,
    "first page": 40,
    "clearance": 20,
    "submission": 10,
    "slip": 40,
    "verification": 100,
}
"""How many requests of each page are one measurement."""
ASKED = {"guide": 0.4, "first page": 0.6, "clearance": 0.65, "submission": 0.75}
"""Of what the page cost at 4dcc3b7."""
WHAT = {
    "first page": "first page (what is known)",
    "clearance": "clearance, five departments by HTTP",
    "submission": "submission, five departments by HTTP",
}
STUDENTS = 2 + REQUESTS["submission"] * (ROUNDS + 1)
CHANGES = {
    "LIXIAO_ROUND__FRESH_SECONDS": "3600",
    **{
        f"LIXIAO_RATE_LIMIT__{name}": "100000000 per minute"
        for name in ("REFRESH", "VERIFICATION", "UNPROVEN")
    },
}

Row = tuple[str, str, str]
Measure = Callable[[str], float]
Answer = tuple[str, list[tuple[str, str]], bytes]
"""Status, headers and body."""


def run() -> list[Row]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    base = os.environ.get("BASE", "")
    with running_campus() as campus, ExitStack() as stack:
        checkouts = [PROJECT, *([Path(base).resolve()] if base else [])]
        measures = [stack.enter_context(_running(checkout, campus.url)) for checkout in checkouts]
        figures = {name: [_measure(measures, name, turn) for turn in range(ROUNDS)] for name in REQUESTS}
    bare = median(own for own, *_ in figures.pop("bare"))
    rows = [("a page of a bare Flask route", f"{bare:.0f} µs", "-")]
    for name, found in figures.items():
        cost = median(own for own, *_ in found)
        rows.append((WHAT.get(name, name), f"{cost:.0f} µs = {cost / bare:.1f} bare", "-"))
    for name, found in figures.items() if base else ():
        ratio = median(own / others[0] for own, *others in found)
        rows.append((f"{WHAT.get(name, name)}, of BASE's", f"{ratio:.2f}", str(ASKED.get(name, "-"))))
    return rows


def _measure(measures: list[Measure], name: str, turn: int) -> list[float]:
    """Microseconds a page in each checkout; every other time in the other order."""
    if not turn:
        for measure in measures:
            measure(name)  # to fill what is kept
    if turn % 2:
        return [measure(name) for measure in reversed(measures)][::-1]
    return [measure(name) for measure in measures]


@contextmanager
def _running(checkout: Path, campus_url: str) -> Iterator[Measure]:
    """A process with the service of this checkout, which measures a page when it is named."""
    python = checkout / ".venv" / "bin" / "python"
    with tempfile.TemporaryDirectory() as folder:
        command = [str(python) if python.exists() else sys.executable, "-P", __file__, folder, campus_url]
        environment = os.environ | {"PYTHONPATH": str(checkout)}
        process = subprocess.Popen(
            command, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert process.stdin
        assert process.stdout
        questions, answers = process.stdin, process.stdout

        def measure(name: str) -> float:
            questions.write(f"{name}\n")
            questions.flush()
            return float(answers.readline())

        try:
            yield measure
        finally:
            questions.close()
            process.wait(timeout=60)


def _serve(folder: Path, campus_url: str) -> None:
    """Answer each name of a page on standard input with the microseconds of CPU that one request took."""
    environment = make_environment(folder, 8000, campus_url) | CHANGES
    Path(environment[METRICS_FOLDER]).mkdir()
    prepare(environment)
    os.environ.update(environment)
    from tests.bench._bare import app as bare
    from tests.fixtures.signed_in import sign_in_all

    students = sign_in_all(environment, (f"TS9{place:07d}" for place in range(STUDENTS)))
    from wsgi import app

    holder = {"HTTP_COOKIE": students[0].cookie}
    looker = {"HTTP_COOKIE": students[1].cookie}
    for student in students:  # nobody submits without having looked first
        ask(app, f"{APP}/clearance", {"HTTP_COOKIE": student.cookie})
    submitting = iter(students[2:])

    def submit(student: Any) -> tuple[str, list[tuple[str, str]], bytes]:
        form = urlencode({"csrf_token": student.token}).encode()
        return ask(app, f"{APP}/submission", {"HTTP_COOKIE": student.cookie}, form)

    slip = dict(submit(students[0])[1])["Location"]
    found = re.search(rb"/v/[0-9]+", ask(app, slip, holder)[2])
    assert found
    pages: Mapping[str, Callable[[], object]] = {
        "bare": lambda: ask(bare, "/v/1"),
        "guide": lambda: ask(app, f"{APP}/"),
        "first page": lambda: ask(app, f"{APP}/clearance", looker),
        "clearance": lambda: ask(app, f"{APP}/clearance?wait=1", looker),
        "submission": lambda: submit(next(submitting)),
        "slip": lambda: ask(app, slip, holder),
        "verification": lambda: ask(app, found[0].decode()),
    }
    pages["clearance"]()
    for line in sys.stdin:
        name = line.strip()
        begun = time.process_time()
        for _ in range(REQUESTS[name]):
            pages[name]()
        print((time.process_time() - begun) * 1e6 / REQUESTS[name], flush=True)
    os._exit(0)  # some libraries have much to say when Python ends


def ask(app: Any, path: str, headers: Mapping[str, str] | None = None, form: bytes | None = None) -> Answer:
    """What the application answers. Fails for anything but a page, or the way on after a form."""
    path, _, query = path.partition("?")
    environ = {
        "REQUEST_METHOD": "GET" if form is None else "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "127.0.0.1:8000",
        "HTTP_ACCEPT": "text/html",
        "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(form or b""),
        "wsgi.errors": sys.stderr,
        **(headers or {}),
    }
    if form is not None:
        environ |= {"CONTENT_TYPE": "application/x-www-form-urlencoded", "CONTENT_LENGTH": str(len(form))}
    answers: list[tuple[str, list[tuple[str, str]]]] = []
    chunks = app(environ, lambda status, fields, *_: answers.append((status, fields)))
    body = b"".join(chunks)
    getattr(chunks, "close", bool)()
    status, fields = answers[0]
    assert status[:3] == ("200" if form is None else "303"), (path, status)
    return status, fields, body


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2])
