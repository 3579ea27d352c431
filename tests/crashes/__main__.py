"""The service in a process that kills itself at a named point, and comes back at once.

`python -m tests.crashes PORT` prepares the service, forks a server, and forks another whenever one has died. A
server that reaches the point whose name stands in the file `CRASH_FILE` removes the file and ends by SIGKILL:

    <use> before commit <n>, <use> after commit <n>   around the use's n-th commit in one request
    cancel before call, cancel after call             around the call to the library
    <use> before answer                               when all is done and nothing is sent

Two broken builds, which the checks must find out: with `SPLIT_COMMIT` set a submission is stored in two transactions,
with `CANCEL_BLINDLY` a card is cancelled whatever its status is and whoever meant to cancel it already.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask import Flask, g, has_request_context, request
from sqlalchemy import Connection
from werkzeug.serving import make_server

from app.domain.clearance import RuleResult, Status, StepState
from app.extensions import csrf, db
from app.factory import create_app, warm_up
from app.services.clearance import actions, submissions
from app.services.slips.issuing import reissue_slip
from app.settings import load_settings
from tests.crashes.points import REISSUE, name_use

BY = "00420014"


def reach(point: str) -> None:
    """End here if this is the point."""
    armed = Path(os.environ["CRASH_FILE"])
    try:
        if armed.read_text() != point:
            return
        armed.unlink()
    except FileNotFoundError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def add_points(app: Flask) -> None:
    """Watch the commits of each request, the call of an action, and the answer."""
    with app.app_context():
        dialect = db.engine.dialect
    dialect.do_commit = _watch_commit(dialect.do_commit)  # type: ignore[method-assign]
    actions.perform_action = _between(actions.perform_action, "cancel before call", "cancel after call")
    inner = app.wsgi_app

    def answer(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = inner(environ, start_response)
        reach(f"{name_use(environ['PATH_INFO'])} before answer")
        return body

    app.wsgi_app = answer  # type: ignore[method-assign]


def _watch_commit(commit: Callable[..., None]) -> Callable[..., None]:
    def watched(connection: Any) -> None:
        if not has_request_context():
            commit(connection)
            return
        g.commits = g.get("commits", 0) + 1
        use = name_use(request.path)
        reach(f"{use} before commit {g.commits}")
        commit(connection)
        reach(f"{use} after commit {g.commits}")

    return watched


def _between(call: Callable[..., Any], before: str, after: str) -> Callable[..., Any]:
    def watched(*arguments: Any) -> Any:
        reach(before)
        found = call(*arguments)
        reach(after)
        return found

    return watched


def add_reissue(app: Flask) -> None:
    """An address for what the service offers as a command."""

    @app.post(f"{REISSUE}<number>")
    @csrf.exempt
    def reissue(number: str) -> tuple[str, int]:
        reissue_slip(app.extensions["installation"], number, reason="试", by=BY)
        return "", 303


def split_commit() -> None:
    """Commit the submission before its slip is made."""
    insert_once = submissions.insert_once

    def insert_and_commit(connection: Connection, *arguments: Any) -> int | None:
        found = insert_once(connection, *arguments)
        connection.get_transaction().commit()
        connection.begin()
        return found

    submissions.insert_once = insert_and_commit


def cancel_blindly() -> None:
    """Take every card for an active one that nobody has begun to cancel."""
    ask = actions.get_live_step

    def ask_in_vain(*arguments: Any) -> StepState:
        return replace(ask(*arguments), finding=RuleResult(Status.OUTSTANDING))

    actions.get_live_step = ask_in_vain
    actions._find_rival = lambda *_: None


def serve(app: Flask, port: int) -> None:
    """Fork a server on this port, and another one each time, until SIGTERM."""
    with socket.create_server(("127.0.0.1", port), backlog=128) as listener:
        child = 0

        def end(_number: int, _frame: object) -> None:
            os.kill(child, signal.SIGKILL)
            os._exit(0)

        signal.signal(signal.SIGTERM, end)
        while child := os.fork():
            os.waitpid(child, 0)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        make_server("127.0.0.1", port, app, threaded=True, fd=listener.fileno()).serve_forever()


if __name__ == "__main__":
    crashing = create_app(load_settings())
    add_points(crashing)
    add_reissue(crashing)
    if "SPLIT_COMMIT" in os.environ:
        split_commit()
    if "CANCEL_BLINDLY" in os.environ:
        cancel_blindly()
    warm_up(crashing)
    serve(crashing, int(sys.argv[1]))
