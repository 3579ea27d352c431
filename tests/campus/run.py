"""Starts the product against the pretend campus: `make run` and `make flask`, and the same pieces for tests and benchmarks.

Everything that an installation needs is made in one data folder at the first start and kept afterwards:
the secret key, the slip's signing key and the SQLite database.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from typing import Protocol

from tests.campus.accounts import DEMO_ACCOUNTS
from tests.campus.client import PROJECT, start_campus
from tests.campus.credentials import DEMO, PASSWORD
from tests.campus.described import DescriptionError, read_departments, split_places
from tests.campus.staff import METRICS_FOLDER, STAFF_DOOR, grant_all, is_staff_demo
from tests.log_watch import keep_log

START_SECONDS = 60
STOP_SECONDS = 15
OF_ANOTHER_PORT = "another base_url"
BLOCKING_THREADS = 256
"""A page that waits for departments holds a thread: so many must not keep verification waiting."""
KEY_DAYS = 3650
DATABASE = "lixiao.sqlite3"
DEMO_FILE = PROJECT / "config" / "demo.toml"


class ServiceNotReadyError(RuntimeError):
    """The service ended or stayed silent instead of becoming ready."""


def make_environment(
    data_dir: Path,
    port: int,
    campus_url: str,
    configs: Sequence[Path] = (),
    departments: Sequence[Path] = (),
) -> dict[str, str]:
    """The environment of a demo installation that keeps its data in `data_dir`; `configs` are read after
    the demo's own file, and `departments` describe further systems of the pretend campus.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = {
        "SERVICE__BASE_URL": f"http://127.0.0.1:{port}",
        "SERVICE__TRUSTED_HOSTS": "127.0.0.1,localhost",
        "SERVICE__SECRET_KEY_FILE": str(_make_secret(data_dir / "secret_key")),
        "DATABASE__URL": f"sqlite:///{data_dir.resolve()}/{DATABASE}",
        "SLIP__KEYS": str(data_dir.resolve() / "slip-keys"),
        "SIGN_IN__CAMPUS__ISSUER": f"{campus_url.rstrip('/')}/oidc",
        "SIGN_IN__CAMPUS__CLIENT_SECRET": DEMO.client_secret,
    }
    files = [DEMO_FILE, *(path.resolve() for path in configs)]
    if "cas" in _list_named(files, "sign_in"):
        settings["SIGN_IN__CAS__URL"] = f"{campus_url.rstrip('/')}/cas"
    credentials = DEMO.of_systems | DEMO.of_other_forms
    credentials |= {name: each.credential for name, each in read_departments(departments).items()}
    for system in credentials.keys() & _list_named(files, "connectors"):
        settings[f"CONNECTORS__{system.upper()}__BASE_URL"] = campus_url.rstrip("/")
        if credentials[system]:
            settings[f"CONNECTORS__{system.upper()}__CREDENTIAL"] = credentials[system]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("LIXIAO_")}
    environment |= {f"LIXIAO_{key}": value for key, value in settings.items()}
    environment[METRICS_FOLDER] = str(data_dir.resolve() / "metrics")
    return {"LIXIAO_CONFIG": os.pathsep.join(map(str, files)), **environment}


def _list_named(files: Sequence[Path], section: str) -> set[str]:
    """The names of the tables in a section of these files."""
    named: set[str] = set()
    for path in files:
        try:
            named |= tomllib.loads(path.read_text(encoding="utf-8")).get(section, {}).keys()
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ServiceNotReadyError(f"{path.name} cannot be read: {error}") from error
    return named


def _make_secret(path: Path) -> Path:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    return path.resolve()


def prepare(environment: Mapping[str, str]) -> None:
    """Make the signing key and the row key if there is none, and bring the database to the newest migration."""
    flask = [sys.executable, "-m", "flask", "--app", "wsgi"]
    keys = Path(environment["LIXIAO_SLIP__KEYS"])
    if not (keys / "keys.json").exists():
        _run([*flask, "slip-keys", "new", "--days", str(KEY_DAYS)], environment)
    if not list(keys.glob("rows-*.key")):  # a data folder of before there were row keys
        _run([*flask, "row-keys", "new"], environment)
    _run([*flask, "db", "upgrade"], environment)


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ServiceNotReadyError(f"{' '.join(command[3:])} failed:\n{done.stderr}")


class Process(Protocol):
    """What is needed of a started program: see subprocess.Popen."""

    @property
    def returncode(self) -> int | None: ...
    @property
    def pid(self) -> int: ...
    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def terminate(self) -> None: ...
    def kill(self) -> None: ...


Launch = Callable[[Sequence[str], Mapping[str, str], int | None], Process]
"""Starts `python -m <words>` in an environment, with its output going to an open file or to that of this program."""


def launch_interpreter(
    words: Sequence[str], environment: Mapping[str, str], log: int | None, under: Sequence[str] = ()
) -> Process:
    """A new interpreter; `under`, a program with its options, becomes it."""
    command = [*under, sys.executable, "-m", *words]
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdout=log, stderr=log)


def start_service(
    environment: Mapping[str, str],
    port: int,
    workers: int = 1,
    log: int | None = None,
    target: str = "wsgi:app",
    launch: Launch = launch_interpreter,
) -> Process:
    """Start the service, or another `target`, on the production server. Raises ServiceNotReadyError."""
    if METRICS_FOLDER in environment:
        _empty(Path(environment[METRICS_FOLDER]))
    words = ["granian", "--interface", "wsgi", "--host", "127.0.0.1", "--port", str(port)]
    words += ["--workers", str(workers), "--blocking-threads", str(BLOCKING_THREADS)]
    words += ["--respawn-failed-workers", "--no-ws", "--log-level", "error", target]
    process = launch(words, environment, keep_log(log))
    try:
        _wait_until_ready(process, f"http://127.0.0.1:{port}/readyz")
    except BaseException:
        stop(process)
        raise
    return process


def _empty(folder: Path) -> None:
    """The workers' numbers are counted anew from each start on."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)


def _wait_until_ready(process: Process, address: str) -> None:
    for _ in range(START_SECONDS * 10):
        if process.poll() is not None:
            raise ServiceNotReadyError(f"the service ended with {process.returncode} before it was ready")
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except urllib.error.HTTPError as error:
            if OF_ANOTHER_PORT in error.read().decode():
                return  # slips of a demo at another port are not proven here, and stop nobody
            time.sleep(0.1)
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise ServiceNotReadyError(f"the service is not ready after {START_SECONDS} seconds: see {address}")


def stop(process: Process) -> None:
    """End a program and wait until it has."""
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _require_free(port: int) -> None:
    """The server would share a port with another one in silence."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise ServiceNotReadyError(f"cannot listen on port {port}: {error.strerror}") from error


def _print_accounts(rights: Mapping[str, str]) -> None:
    print(f"\n演示账号（密码都是 {PASSWORD}）:")
    for account in DEMO_ACCOUNTS:
        may = f"；工作台：{rights[account.number]}" if account.number in rights else ""
        print(f"  {account.number:<12}{account.case}{may}")
    if rights:
        print(f"工作台在 /staff，也可以直接打开 {STAFF_DOOR}")


def _run_flask(options: argparse.Namespace) -> int:
    """A command in the environment that `make run` has with the same options; returns its exit code."""
    try:
        campus = f"http://127.0.0.1:{options.campus_port}"
        environment = make_environment(
            options.data_dir, options.port, campus, options.config, options.departments
        )
        if not (options.data_dir / DATABASE).exists():
            prepare(environment)
    except (RuntimeError, DescriptionError) as error:
        print(f"make flask: {error}", file=sys.stderr)
        return 1
    environment.pop(METRICS_FOLDER)  # those of the server alone
    command = [sys.executable, "-m", "flask", "--app", "wsgi", *shlex.split(options.flask)]
    return subprocess.run(command, cwd=PROJECT, env=environment, check=False).returncode


def main() -> int:
    """Run both in the foreground until told to stop; returns the exit code."""
    parser = argparse.ArgumentParser(prog="make run", description="The service and its pretend campus.")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--campus-port", type=int, default=8001)
    parser.add_argument("--data-dir", type=Path, default=Path("var"))
    parser.add_argument(
        "--config",
        type=split_places,
        default=[],
        metavar="FILES",
        help=f"files to read after config/demo.toml, joined by {os.pathsep}",
    )
    parser.add_argument(
        "--departments",
        type=split_places,
        default=[],
        metavar="PLACES",
        help="files that describe further departments of the pretend campus, and folders of them",
    )
    parser.add_argument(
        "--flask",
        metavar="ARGS",
        help="a command of the demo, instead of starting it: its arguments as one text",
    )
    options = parser.parse_args()
    if options.flask is not None:
        return _run_flask(options)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, _leave)
    running: list[Process] = []
    try:
        _require_free(options.port)
        places = os.pathsep.join(map(str, options.departments))
        campus_process, campus = start_campus(options.campus_port, "--departments", places)
        running.append(campus_process)
        environment = make_environment(
            options.data_dir, options.port, campus.url, options.config, options.departments
        )
        prepare(environment)
        _run([sys.executable, "-m", "flask", "--app", "wsgi", "check-config"], environment)
        beside = {name: value for name, value in environment.items() if name != METRICS_FOLDER}
        rights = grant_all(beside) if is_staff_demo(options.config) else {}
        service = start_service(environment, options.port)
        running.append(service)
        print(f"service       http://127.0.0.1:{options.port}/")
        print(f"pretend campus {campus.url}/")
        _print_accounts(rights)
        print(f"\nready http://127.0.0.1:{options.port}/", flush=True)
        return service.wait()
    except KeyboardInterrupt:
        return 0
    except (RuntimeError, DescriptionError) as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    finally:
        for process in reversed(running):
            stop(process)


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
