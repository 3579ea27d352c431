"""`make walks`: what a stranger who reads the code has to walk for each thing that the service does.

For each walk two figures: in how many files of `app/` it runs, and how often a call lands in another file than its
caller's. The service runs in this process against the pretend campus, over HTTP, and each walk was taken once before
it is traced, so that what is loaded once does not count. `--files` lists the files.
"""

from __future__ import annotations

import inspect
import logging
import os
import re
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from flask import Flask
from werkzeug.serving import make_server

from tests.campus.client import running_campus
from tests.campus.run import make_environment, prepare
from tests.conftest import get_free_port
from tests.visitor import APP, Visitor, get_csrf_token

ROOT = str(Path(__file__).resolve().parent.parent / "app") + os.sep
RESUMED = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
FIRST, SECOND = "TS23000002", "TS23000009"


@dataclass
class Walk:
    """What ran: the files of `app/`, and the calls that landed in another file than their caller's."""

    files: set[str] = field(default_factory=set)
    changes: int = 0

    def note(self, frame: FrameType) -> None:
        """A call that begins; one that only goes on (a generator's) is none."""
        file = frame.f_code.co_filename
        if not _is_ours(file) or (frame.f_code.co_flags & RESUMED and frame.f_lasti > 4):
            return
        self.files.add(file.removeprefix(ROOT))
        caller = frame.f_back
        while caller is not None and not _is_ours(caller.f_code.co_filename):
            caller = caller.f_back
        if caller is not None and caller.f_code.co_filename != file:
            self.changes += 1


def _is_ours(file: str) -> bool:
    """Templates, which are compiled, do not count."""
    return file.startswith(ROOT) and file.endswith(".py")


class Tracer:
    """Notes the calls of every thread that begins after `install`, while a walk is recorded."""

    def __init__(self) -> None:
        self.walks: dict[str, Walk] = {}
        self._walk: Walk | None = None
        self._only = ""

    def install(self) -> None:
        """Before any thread of the service begins."""
        threading.setprofile(self._note)
        sys.setprofile(self._note)

    def remove(self) -> None:
        """Trace nothing more."""
        sys.setprofile(None)
        threading.setprofile(None)  # type: ignore[arg-type]

    @contextmanager
    def recording(self, name: str, only: str = "") -> Iterator[None]:
        """Record what is done meanwhile; with `only`, the requests alone whose path matches it."""
        walk = self.walks[name] = Walk()
        self._only, self._walk = only, None if only else walk
        self._wanted = walk
        try:
            yield
        finally:
            self._only, self._walk = "", None

    def wrap(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """The WSGI application, recording the requests that are wanted."""

        def traced(environ: dict[str, Any], start_response: Any) -> Any:
            is_wanted = bool(self._only) and re.match(self._only, environ["PATH_INFO"])
            if is_wanted:
                self._walk = self._wanted
            try:
                return app(environ, start_response)
            finally:
                if is_wanted:
                    self._walk = None

        return traced

    def _note(self, frame: FrameType, event: str, _argument: Any) -> None:
        walk = self._walk
        if walk is not None and event == "call":
            walk.note(frame)


@contextmanager
def serving(tracer: Tracer, data_dir: Path, campus_url: str) -> Iterator[tuple[str, Flask]]:
    """The service in threads of this process; its address and its application."""
    port = get_free_port()
    environment = make_environment(data_dir, port, campus_url)
    prepare(environment)
    del environment["PROMETHEUS_MULTIPROC_DIR"]  # one process counts in its own memory
    os.environ.update(environment)
    tracer.install()
    from app.factory import create_app, warm_up
    from app.settings import load_settings

    app = create_app(load_settings(environment))
    warm_up(app)
    server = make_server("127.0.0.1", port, tracer.wrap(app.wsgi_app), threaded=True)
    logging.disable(logging.WARNING)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{port}", app
    finally:
        server.shutdown()
        tracer.remove()


def take_all(tracer: Tracer, url: str, app: Flask, number: str) -> None:
    """A student's way from the sign-in to the slip, its scans, and its end."""
    student = Visitor(url)
    with tracer.recording("callback", "/sign-in/[^/]+/callback"):
        student.sign_in(number)
    with tracer.recording("page"):
        student.get(f"{APP}/clearance?wait=1")
    with tracer.recording("submission", f"{APP}/submission$"):
        check = student.get(f"{APP}/submission")
        tracer.walks["submission"] = tracer._wanted = Walk()
        slip = student.post(f"{APP}/submission", check).headers["Location"]
    page = student.get(slip).text
    with tracer.recording("PDF"):
        pdf = student.get(f"{slip}.pdf").content
    code = re.search(r"/v/[0-9]+", page)
    assert code
    with tracer.recording("scan"):
        assert 'data-verdict="valid"' in Visitor(url).get(code[0]).text
    with tracer.recording("scan, signed in"):
        assert 'data-verdict="valid"' in student.get(code[0]).text
    with tracer.recording("upload", "/verify$"):
        form = student.get("/verify")
        tracer.walks["upload"] = tracer._wanted = Walk()
        answer = student.http.post(
            f"{url}/verify",
            data={"csrf_token": get_csrf_token(form)},
            files={"file": ("slip.pdf", pdf)},
            timeout=60,
        )
        assert 'data-file="genuine"' in answer.text
    with tracer.recording("revoke"):
        words = [
            "slips",
            "revoke",
            slip.rpartition("/")[2],
            "--reason",
            "办理有误，重新核对",
            "--by",
            "00420014",
        ]
        done = app.test_cli_runner().invoke(args=words)
        assert done.exit_code == 0, done.output


def main() -> None:
    """Print the table."""
    tracer = Tracer()
    with (
        running_campus() as campus,
        tempfile.TemporaryDirectory() as folder,
        serving(tracer, Path(folder), campus.url) as (url, app),
    ):
        for number in (FIRST, SECOND):
            take_all(tracer, url, app, number)
    print(f"{'walk':<18}{'files':>6}{'changes':>9}")
    for name, walk in tracer.walks.items():
        print(f"{name:<18}{len(walk.files):>6}{walk.changes:>9}")
        if "--files" in sys.argv:
            print("".join(f"    {file}\n" for file in sorted(walk.files)))


if __name__ == "__main__":
    main()
