"""`flask backup` copies while students submit, and a service started on the copy knows all that it holds."""

from __future__ import annotations

import shutil
import sqlite3
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
import requests

from tests.campus.client import CampusClient
from tests.campus.run import make_environment
from tests.conftest import Service
from tests.integration.operation.commands import run_flask
from tests.postgres import Postgres
from tests.running import running_service

STUDENTS_AT_ONCE = 3
MOST_STUDENTS = 200


def submit_until(service: Service, is_over: threading.Event, first: int) -> int:
    """Students submit one after the other; returns how many did."""
    for count in range(MOST_STUDENTS):
        if is_over.is_set():
            return count
        visitor = service.visit()
        visitor.sign_in(f"TS96{first + count:06d}")
        assert visitor.submit().status_code == 303
    return MOST_STUDENTS


def list_digits(database: Path) -> list[str]:
    """The codes of all slips that a database holds."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        return [row[0] for row in connection.execute("SELECT digits FROM issued_codes ORDER BY id")]


def get_verdict(service: Service, digits: str) -> str:
    """What a stranger is told of a code."""
    answer = requests.get(f"{service.url}/v/{digits}", headers={"Accept": "application/json"}, timeout=60)
    verdict: str = answer.json()["verdict"]
    return verdict


@pytest.fixture
def backed_up(service: Service, tmp_path: Path) -> tuple[Service, Path, list[str]]:
    """A service, a backup made while students submitted, and the codes issued in the end."""
    copy, is_over = tmp_path / "copy.sqlite3", threading.Event()
    with ThreadPoolExecutor(STUDENTS_AT_ONCE) as pool:
        submitting = [
            pool.submit(submit_until, service, is_over, place * 10_000) for place in range(STUDENTS_AT_ONCE)
        ]
        try:
            done = run_flask(service.environment, "backup", str(copy))
        finally:
            is_over.set()
        assert all(one.result() for one in submitting)
    assert (done.code, done.err) == (0, "")
    late = service.visit()
    late.sign_in("TS96999999")
    assert late.submit().status_code == 303
    return service, copy, list_digits(service.data_dir / "lixiao.sqlite3")


def test_a_service_restored_from_a_backup_verifies_every_slip_of_it(
    backed_up: tuple[Service, Path, list[str]], tmp_path: Path
) -> None:
    service, copy, all_digits = backed_up
    held = list_digits(copy)
    assert 0 < len(held) < len(all_digits)
    assert all_digits[: len(held)] == held

    new = tmp_path / "new"
    new.mkdir(mode=0o700)
    shutil.copy2(copy, new / "lixiao.sqlite3")
    shutil.copytree(service.data_dir / "slip-keys", new / "slip-keys")
    # The codes name the host that signed them.
    same_host = {"LIXIAO_SERVICE__BASE_URL": service.url}
    (new / "slip-keys" / "checkpoints.jsonl").unlink()  # without it nothing is known to be missing
    environment = {**make_environment(new, 8000, service.campus.url), "LIXIAO_SERVICE__BASE_URL": service.url}
    done = run_flask(environment, "restore", "declare", "--reason", "换了一台机器", "--by", "00420014")
    assert done.code == 0, done.err
    with running_service(service.campus, new, same_host) as restored:
        verdicts = {digits: get_verdict(restored, digits) for digits in held}
        # Other tests may have revoked some of them.
        assert verdicts == {digits: get_verdict(service, digits) for digits in held}
        assert "valid" in verdicts.values()
        assert get_verdict(restored, all_digits[-1]) == "status_unknown"  # signed, and lost
        for words in (("audit", "verify"), ("slips", "log", "verify"), ("doctor",)):
            done = run_flask(restored.environment, *words)
            assert done.code == 0, done.out


def test_without_the_keys_a_restored_service_does_not_start(
    backed_up: tuple[Service, Path, list[str]], tmp_path: Path
) -> None:
    service, _, _ = backed_up
    done = run_flask(service.environment, "check-config", LIXIAO_SLIP__KEYS=str(tmp_path / "lost"))
    assert (done.code, "cannot be used" in done.err) == (1, True)
    assert "make one with `flask slip-keys new`" in done.err


def test_a_backup_is_its_owners_alone_and_overwrites_nothing(service: Service, tmp_path: Path) -> None:
    copy = tmp_path / "copy.sqlite3"
    assert run_flask(service.environment, "backup", str(copy)).code == 0
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    before = copy.read_bytes()
    again = run_flask(service.environment, "backup", str(copy))
    assert (again.code, "is there already" in again.err) == (1, True)
    assert copy.read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy.sqlite3"]


def test_a_backup_that_cannot_be_written_leaves_nothing(service: Service, tmp_path: Path) -> None:
    done = run_flask(service.environment, "backup", str(tmp_path / "no-such-folder" / "copy"))
    assert (done.code, "cannot be written" in done.err) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_database_gives_no_backup(service: Service, tmp_path: Path) -> None:
    """The check of the copy is what tells: without it this copy would pass for good."""
    damaged = tmp_path / "damaged.sqlite3"
    assert run_flask(service.environment, "backup", str(damaged)).code == 0
    data = bytearray(damaged.read_bytes())
    with closing(sqlite3.connect(damaged)) as connection:
        root = connection.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'ix_audit_events_kind'"
        ).fetchone()[0]
    start = (root - 1) * 4096
    data[start : start + 4096] = bytes(4096)
    damaged.write_bytes(data)
    target = tmp_path / "copy.sqlite3"
    done = run_flask(service.environment, "backup", str(target), LIXIAO_DATABASE__URL=f"sqlite:///{damaged}")
    assert (done.code, "the copy is not whole" in done.err) == (1, True), done.err
    assert not target.exists()


def test_on_postgresql_the_command_to_use_is_told_without_the_password(
    service: Service, postgres: Postgres, tmp_path: Path
) -> None:
    url = postgres.get_url(postgres.create_database()).replace("postgres@", "postgres:hunter2@")
    target = tmp_path / "copy"
    done = run_flask(service.environment, "backup", str(target), LIXIAO_DATABASE__URL=url)
    assert done.code == 1
    assert f"pg_dump --file={target} --format=custom --host=" in done.err
    assert "hunter2" not in done.err + done.out
    assert not target.exists()


def test_a_dump_of_postgresql_restored_elsewhere_verifies_every_slip_of_it(
    campus: CampusClient, postgres: Postgres, tmp_path: Path
) -> None:
    """By the command that `flask backup` names, and pg_restore."""
    names = [postgres.create_database() for _ in range(2)]
    old, new = ({"LIXIAO_DATABASE__URL": postgres.get_url(name)} for name in names)
    dump = tmp_path / "dump"
    with running_service(campus, tmp_path / "data", old) as service:
        for place in range(3):
            visitor = service.visit()
            visitor.sign_in(f"TS9690000{place}")
            assert visitor.submit().status_code == 303
        told = run_flask(service.environment, "backup", str(dump)).err
        command = next(line for line in told.splitlines() if "pg_dump " in line)
        assert postgres.run_shell(f"umask 022; {command}") == 0
        assert stat.S_IMODE(dump.stat().st_mode) == 0o600
        digits = list_postgres_digits(postgres, names[0])
        environment = {**service.environment, **new}
        target = new["LIXIAO_DATABASE__URL"].replace("+psycopg", "")
        postgres.run("pg_restore", "--no-owner", "--exit-on-error", f"--dbname={target}", str(dump))
        assert (len(digits), list_postgres_digits(postgres, names[1])) == (3, digits)
        for words in (("audit", "verify"), ("slips", "log", "verify"), ("slips", "verify", digits[-1])):
            done = run_flask(environment, *words)
            assert done.code == 0, done.out + done.err


def test_a_dump_that_was_cut_off_is_found_by_the_command_and_not_by_its_list(
    service: Service, postgres: Postgres, tmp_path: Path
) -> None:
    url, dump = postgres.get_url(postgres.create_database()), tmp_path / "dump"
    changes = {"LIXIAO_DATABASE__URL": url}
    assert run_flask(service.environment, "db", "upgrade", **changes).code == 0
    told = run_flask(service.environment, "backup", str(dump), **changes).err
    command = next(line for line in told.splitlines() if "pg_dump " in line)
    assert postgres.run_shell(command) == 0
    dump.write_bytes(dump.read_bytes()[:-200])
    assert postgres.run_shell(f"pg_restore --list {dump}") == 0
    assert postgres.run_shell(command.rpartition(" && ")[2]) != 0


def list_postgres_digits(postgres: Postgres, database: str) -> list[str]:
    with postgres.connect(database) as connection:
        return [row[0] for row in connection.execute("SELECT digits FROM issued_codes ORDER BY id")]
