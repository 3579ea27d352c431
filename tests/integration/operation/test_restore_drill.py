"""The restore drill 恢复演练, as `config/OPERATIONS.md` has it: what was revoked stays revoked, and nothing vanishes unseen."""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import requests

from tests.campus.client import CampusClient
from tests.campus.run import make_environment, start_service, stop
from tests.conftest import Service, get_free_port
from tests.fixtures.issued_slips import CLERK, IssuedSlip, issue_slip
from tests.fixtures.templates import prepare
from tests.integration.operation.commands import load_as_server, run_flask
from tests.postgres import Postgres
from tests.programs import Program

JOURNAL = "checkpoints.jsonl"
SECONDS = 30
WORDS = ("--reason", "磁盘损坏", "--by", CLERK)


@dataclass
class Drill:
    """An installation, how it is backed up and restored, and the slips that it issued."""

    campus: CampusClient
    folder: Path
    changes: dict[str, str]
    back_up: Callable[[Service], None]
    restore: Callable[[], None]
    port: int = field(default_factory=get_free_port)
    slips: dict[str, IssuedSlip] = field(default_factory=dict)
    service: Service | None = None

    @property
    def journal(self) -> Path:
        return self.folder / "slip-keys" / JOURNAL

    @contextmanager
    def running(self) -> Iterator[Service]:
        """The service at the same address each time: the codes name their host."""
        self.campus.reset()
        environment = make_environment(self.folder, self.port, self.campus.url) | self.changes
        prepare(environment)
        log = self.folder / "service.log"
        with log.open("ab") as file:
            process = start_service(environment, self.port, 1, file.fileno(), launch=Program)
        try:
            url = f"http://127.0.0.1:{self.port}"
            self.service = Service(url, self.campus, self.folder, environment, log)
            yield self.service
        finally:
            stop(process)

    def run(self, *words: str) -> tuple[int, str]:
        """A command of the operator's."""
        assert self.service is not None
        done = run_flask(self.service.environment, *words)
        return done.code, done.out + done.err

    def start(self) -> tuple[int, str]:
        """Load the service as a server does; its exit code and what it says."""
        assert self.service is not None
        done = load_as_server(self.service.environment)
        return done.code, done.err


def get_verdict(url: str, slip: IssuedSlip) -> str:
    answer = requests.get(f"{url}/v/{slip.digits}", headers={"Accept": "application/json"}, timeout=60)
    return str(answer.json()["verdict"])


def get_list(url: str) -> dict[str, object]:
    found: dict[str, object] = requests.get(f"{url}/.well-known/slip-status", timeout=60).json()
    return found


def wait_for(is_so: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + SECONDS
    while not is_so():
        assert time.monotonic() < ends_at
        time.sleep(0.05)


def live_and_restore(drill: Drill) -> dict[str, object]:
    """Slips, a backup, more slips and revocations, a disaster, and the backup brought back; the last list of a gate."""
    with drill.running() as service:
        for name in ("stands", "revoked", "reissued"):
            drill.slips[name] = issue_slip(service, f"TS9710000{len(drill.slips)}")
        drill.back_up(service)
        for name in ("lost", "lost and revoked"):
            drill.slips[name] = issue_slip(service, f"TS9710000{len(drill.slips)}")
        for name, word in (("revoked", "revoke"), ("lost and revoked", "revoke"), ("reissued", "reissue")):
            number = drill.slips[name].number
            assert drill.run("slips", word, number, "--reason", "材料不实", "--by", CLERK)[0] == 0
        seen = get_list(service.url)
        assert get_verdict(service.url, drill.slips["revoked"]) == "revoked"
    drill.restore()
    return seen


@pytest.fixture
def sqlite_drill(campus: CampusClient, tmp_path: Path) -> Drill:
    copy, data = tmp_path / "backup", tmp_path / "data"
    data.mkdir(mode=0o700)

    def back_up(service: Service) -> None:
        assert run_flask(service.environment, "backup", str(copy)).code == 0

    def restore() -> None:
        for path in data.glob("lixiao.sqlite3*"):
            path.unlink()
        shutil.copy2(copy, data / "lixiao.sqlite3")

    return Drill(campus, data, {}, back_up, restore)


@pytest.fixture
def postgres_drill(campus: CampusClient, postgres: Postgres, tmp_path: Path) -> Drill:
    dump, name = tmp_path / "backup", postgres.create_database()
    changes = {"LIXIAO_DATABASE__URL": postgres.get_url(name)}

    def back_up(service: Service) -> None:
        told = run_flask(service.environment, "backup", str(dump)).err
        assert postgres.run_shell(next(line for line in told.splitlines() if "pg_dump " in line)) == 0

    def restore() -> None:
        with postgres.connect() as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        target = changes["LIXIAO_DATABASE__URL"].replace("+psycopg", "")
        postgres.run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", str(dump))

    (tmp_path / "data").mkdir(mode=0o700)
    return Drill(campus, tmp_path / "data", changes, back_up, restore)


@pytest.fixture(params=["sqlite", "postgresql"])
def drill(request: pytest.FixtureRequest) -> Drill:
    name = "sqlite_drill" if request.param == "sqlite" else "postgres_drill"
    found: Drill = request.getfixturevalue(name)
    return found


def test_what_was_revoked_is_revoked_after_a_restore_and_the_list_never_goes_back(drill: Drill) -> None:
    seen = live_and_restore(drill)
    slips = drill.slips

    code, told = drill.start()
    assert (code, "the issued log stands at 3" in told, "flask restore declare" in told) == (3, True, True), (
        told
    )
    assert drill.run("slips", "revoke", slips["stands"].number, *WORDS)[0] == 1
    assert drill.run("audit", "verify")[0] == 1
    code, told = drill.run("restore", "check")
    assert (code, "the issued log stands at 3" in told) == (1, True), told

    code, told = drill.run("restore", "status")
    assert code == 1
    revoked, reissued, gone = (
        told.index(word) for word in ("revoked since", "reissued since", "issued since and lost")
    )
    assert (
        revoked < told.index(slips["revoked"].number) < reissued < told.index(slips["reissued"].number) < gone
    )
    assert gone < told.index(slips["lost"].number)
    assert slips["stands"].number not in told
    assert slips["lost"].student_number not in told

    code, told = drill.run("restore", "declare", "--revoke-missing", *WORDS)
    assert (code, "declared: the issued log goes on at 10" in told) == (0, True), told
    assert drill.run("restore", "status") == (0, "nothing is missing\n")

    with drill.running() as service:
        verdicts = {name: get_verdict(service.url, slip) for name, slip in slips.items()}
        assert verdicts == {
            "stands": "valid",
            "revoked": "revoked",
            "reissued": "superseded",
            "lost": "status_unknown",
            "lost and revoked": "revoked",
        }
        page = requests.get(f"{service.url}/v/{slips['lost'].digits}", timeout=60)
        assert (page.status_code, "不是伪造" in page.text) == (200, True)
        now = get_list(service.url)
        assert isinstance(seen["counter"], int)
        assert isinstance(now["counter"], int)
        assert now["counter"] > seen["counter"] == 9
        # What the holder of a lost slip is told to do.
        again = issue_slip(service, slips["lost"].student_number)
        assert get_verdict(service.url, again) == "valid"
    for words in (("audit", "verify"), ("slips", "log", "verify")):
        code, told = drill.run(*words)
        assert code == 0, told


def test_without_the_checkpoints_a_restored_backup_makes_a_revoked_slip_valid(sqlite_drill: Drill) -> None:
    """The control."""
    live_and_restore(sqlite_drill)
    sqlite_drill.journal.unlink()
    with closing(sqlite3.connect(sqlite_drill.folder / "lixiao.sqlite3")) as database, database:
        database.execute("DELETE FROM journal_marks")
    with sqlite_drill.running() as service:
        assert get_verdict(service.url, sqlite_drill.slips["revoked"]) == "valid"
        assert get_verdict(service.url, sqlite_drill.slips["lost"]) == "never_issued"
