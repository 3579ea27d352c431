"""A counter at work, in CPU and statements, on SQLite and on PostgreSQL: requests of one clerk, one after another, inside one
process. Each student is noted at the counter first, then looked at, decided on and taken back.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from sqlalchemy import Engine, event

from tests.bench.pages_cpu import Answer, ask
from tests.campus.client import PROJECT, running_campus
from tests.campus.run import METRICS_FOLDER, make_environment, prepare
from tests.fixtures.signed_in import SignedIn, sign_in_all, tell_of
from tests.fixtures.staff import grant
from tests.postgres import running_postgres

CLERK, SLUG, STEP = "00420017", "graduate_departure", "archive"
COUNTER = "/staff/desk/graduate-departure/archive"
CONFIG = PROJECT / "config" / "demo_staff.toml"
STUDENTS, WARM = 60, 10
ASKED = {
    "counter": "-",
    "item page": "<= 10 ms",
    "decision": "<= 12 ms, <= 8 statements",
    "undo": "-",
}

Row = tuple[str, str, str]


def run() -> list[Row]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    with running_campus() as campus, running_postgres() as postgres:
        urls = {"SQLite": "", "PostgreSQL": postgres.get_url(postgres.create_database())}
        return [row for name, url in urls.items() for row in _measure(name, campus.url, url)]


def _measure(database: str, campus_url: str, url: str) -> list[Row]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-P", __file__, folder, campus_url, url]
        environment = os.environ | {"PYTHONPATH": str(PROJECT)}
        told = subprocess.run(
            command, cwd=PROJECT, env=environment, stdout=subprocess.PIPE, check=True, text=True
        )
    found = json.loads(told.stdout.splitlines()[-1])
    return [
        (f"{name}, {database}", f"{figures['ms']:.1f} ms, {figures['statements']} statements", ASKED[name])
        for name, figures in found.items()
    ]


class Clerk:
    """A clerk who is signed in, at the counter of this application; keeps what each kind of request took."""

    def __init__(self, app: Any, browser: SignedIn) -> None:
        self._app, self._token = app, browser.token
        self._headers = {"HTTP_COOKIE": browser.cookie}
        self._statements = 0
        self.found: dict[str, list[tuple[float, int]]] = {name: [] for name in ASKED}

    def handle(self, number: str) -> None:
        """Let the counter list a student, look at the item, decide, and take it back."""
        self._ask("counter", COUNTER)
        noted = self._ask("", f"{COUNTER}/note", number=number, confirmed="1")
        item = dict(noted[1])["Location"]
        page = self._ask("item page", item)[2].decode()
        done = _read_form(page, f"{item}/decision")
        self._ask("decision", f"{item}/decision", outcome="done", **done)
        page = self._ask("", item)[2].decode()
        self._ask("undo", f"{item}/undo", **_read_form(page, f"{item}/undo"))

    def count(self, _connection: object, _cursor: object, statement: str, *_: object) -> None:
        """A statement was sent; how SQLite is told to begin is none of ours."""
        self._statements += not statement.startswith(("BEGIN", "PRAGMA"))

    def _ask(self, name: str, path: str, **fields: str) -> Answer:
        form = urlencode({"csrf_token": self._token, **fields}).encode() if fields else None
        self._statements, begun = 0, time.process_time()
        answer = ask(self._app, path, self._headers, form)
        if name:
            self.found[name].append(((time.process_time() - begun) * 1e3, self._statements))
        return answer


def _serve(folder: Path, campus_url: str, url: str) -> None:
    """Print, as JSON, what each kind of request took."""
    environment = make_environment(folder, 8000, campus_url, [CONFIG])
    if url:
        environment["LIXIAO_DATABASE__URL"] = url
    Path(environment[METRICS_FOLDER]).mkdir()
    prepare(environment)
    (browser,) = sign_in_all(environment, [CLERK])
    tell_of(environment, CLERK, role="teacher", name="档案馆办理人")
    grant(environment, CLERK, "desk", mini_app=SLUG, step=STEP)
    os.environ.update(environment)
    from wsgi import app

    clerk = Clerk(app, browser)
    event.listen(Engine, "before_cursor_execute", clerk.count)
    for place in range(STUDENTS):
        clerk.handle(f"TS9{place:07d}")
    print(json.dumps({name: _sum_up(rows[WARM:]) for name, rows in clerk.found.items()}), flush=True)
    os._exit(0)  # some libraries have much to say when Python ends


def _read_form(page: str, action: str) -> dict[str, str]:
    """Version and nonce of a page's first form that sends there."""
    _, _, form = page.partition(f'action="{action}"')
    return {
        name: found[1]
        for name in ("version", "nonce")
        if (found := re.search(rf'name="{name}" value="([^"]*)"', form))
    }


def _sum_up(rows: list[tuple[float, int]]) -> dict[str, float]:
    return {"ms": median(ms for ms, _ in rows), "statements": round(median(count for _, count in rows))}


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
