"""`make image`: builds the image on a base of Debian's packages, starts compose.yaml with it, and does the main job.

In place of the official images of PostgreSQL, Redis and nginx stand images of Debian's packages. What is shown: the
build; a read-only root, a user without capabilities, no build tools; health; the whole journey through nginx,
PostgreSQL and Redis; a restart that keeps all; an end by SIGTERM. No docker is here, and no cgroups are tried.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from tests.campus.client import PROJECT
from tests.image.deployment import CAMPUS_PORT, HOST, get_environment, make_deployment
from tests.image.machine import MachineLacks, Podman, enter_namespace, name_hosts, require_programs, run

BASE = "localhost/lixiao-base"
BUILDER = "localhost/lixiao-builder"
IMAGE = "localhost/lixiao"
STAND_INS = {
    "docker.io/library/postgres:17": "postgres-entry",
    "docker.io/library/redis:7": "redis-server",
    "docker.io/library/nginx:1.28": "nginx",
}
"""What compose.yaml names, and what starts there where it names no command."""
NAME = "lixiao"
WAIT_SECONDS = 120
FIRST, SECOND = "TS23000002", "TS23000009"
TOOLS = ("pip", "pip3", "gcc", "cc", "make", "git")

PROBE = """
import os, shutil, sys
status = dict(line.split(":\\t", 1) for line in open("/proc/1/status").read().splitlines() if ":\\t" in line)
found = [f"user {os.getuid()}"] if os.getuid() == 0 else []
found += [f"capabilities {status['CapEff']}"] if int(status["CapEff"], 16) else []
found += ["new privileges"] if status["NoNewPrivs"] != "1" else []
found += [tool for tool in sys.argv[1:] if shutil.which(tool)]
for place in ("/opt/lixiao/app/x", "/etc/x", "/x"):
    try:
        open(place, "w")
        found.append(f"wrote {place}")
    except OSError as error:
        found += [] if error.errno == 30 else [f"{place}: {error}"]
print(", ".join(found))
"""


def build(podman: Podman) -> None:
    """Make the base images, the image itself, and the stand-ins."""
    podman.make_base(BASE, ["python3", "ca-certificates", "tzdata"])
    podman.make_base(BUILDER, ["python3", "python3-venv", "ca-certificates", "tzdata"])
    commit = run(["git", "-C", str(PROJECT), "rev-parse", "HEAD"], dict(os.environ)).stdout.strip()
    # RUN without a container of its own needs no daemon and works in a container; the registries' certificates are the
    # machine's own.
    words = [
        "build",
        "--isolation",
        "chroot",
        "--network",
        "host",
        "--volume",
        "/etc/ssl/certs:/etc/ssl/certs:ro",
    ]
    words += [
        "--build-arg",
        f"BASE={BASE}",
        "--build-arg",
        f"BUILDER={BUILDER}",
        "--build-arg",
        f"COMMIT={commit}",
    ]
    podman.run(*words, "--format", "docker", "--tag", IMAGE, str(PROJECT))
    podman.make_base(f"{BASE}-stand-in", ["postgresql", "redis-server", "nginx-light"])
    folder = str(PROJECT / "tests" / "image" / "stand_ins")
    for name, start in STAND_INS.items():
        words = [
            "build",
            "--isolation",
            "chroot",
            "--format",
            "docker",
            "--build-arg",
            f"BASE={BASE}-stand-in",
        ]
        podman.run(*words, "--build-arg", f"START={start}", "--tag", name, folder)
    size = int(podman.run("image", "inspect", "--format", "{{.Size}}", IMAGE).stdout) / 2**20
    base = int(podman.run("image", "inspect", "--format", "{{.Size}}", BASE).stdout) / 2**20
    print(f"built: {size:.0f} MiB, of which {base:.0f} are the base image's")


class Deployment:
    """compose.yaml at work."""

    def __init__(self, podman: Podman, folder: Path, program: Path) -> None:
        """`folder` is made ready, `program` is podman-compose."""
        self._podman = podman
        self._program = program
        self._environment = {**podman.environment, **get_environment(folder)}
        self.folder = folder

    def compose(self, *words: str) -> str:
        """A command of podman-compose; returns its output. Raises RuntimeError when it fails."""
        whole = [str(self._program), "--project-name", NAME, "--file", str(PROJECT / "compose.yaml"), *words]
        return run(whole, self._environment).stdout

    def clear(self) -> None:
        """Take away what an earlier run has left."""
        for service in ("nginx", "service", "migrate", "redis", "postgres"):
            self._podman.run("rm", "--force", "--volumes", get_container(service), check=False)
        self._podman.run("volume", "prune", "--force", check=False)
        self._podman.run("network", "prune", "--force", check=False)

    def start(self) -> None:
        """In the order that compose.yaml tells; this podman has no timer that runs health checks by itself."""
        self.compose("up", "--detach", "--no-deps", "postgres", "redis")
        self.wait_until_healthy("postgres")
        self.compose("run", "--rm", "--no-deps", "migrate")
        self.compose("run", "--rm", "--no-deps", "migrate", "flask", "--app", "wsgi", "slip-keys", "new")
        self.compose("up", "--detach", "--no-deps", "service")
        self.wait_until_healthy("service")
        self.compose("up", "--detach", "--no-deps", "nginx")
        self._wait("nginx", "exec", get_container("nginx"), "test", "-s", "/run/nginx.pid")
        (address,) = self._podman.list_addresses(get_container("nginx"))
        name_hosts({HOST: address}, self.folder)

    def wait_until_healthy(self, service: str) -> None:
        """Raises RuntimeError, with its log, for one that does not become healthy."""
        self._wait(service, "healthcheck", "run", get_container(service))

    def _wait(self, service: str, *words: str) -> None:
        for _ in range(WAIT_SECONDS):
            if self._podman.run(*words, check=False).returncode == 0:
                return
            time.sleep(1)
        raise RuntimeError(f"{service} is not there:\n{self.read_log(service)}")

    def read_log(self, service: str) -> str:
        """What a container has written."""
        done = self._podman.run("logs", get_container(service), check=False)
        return done.stdout + done.stderr

    def enter_network(self, service: str) -> list[str]:
        """The words that let a program of this machine run in a container's network."""
        pid = self._podman.inspect(get_container(service), "{{.State.Pid}}")
        return ["nsenter", f"--net=/proc/{pid}/ns/net"]

    @contextmanager
    def campus(self) -> Iterator[None]:
        """The pretend campus beside the service, on its loopback."""
        words = [
            *self.enter_network("service"),
            sys.executable,
            "-m",
            "tests.campus",
            "--port",
            str(CAMPUS_PORT),
        ]
        words += ["--redirect-uri", f"https://{HOST}/sign-in/campus/callback"]
        process = subprocess.Popen(words, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout is not None
            assert "ready" in process.stdout.readline(), "the campus did not start"
            yield
        finally:
            process.terminate()
            process.wait(30)

    def get_status(self, path: str) -> int:
        """What a stranger gets through the proxy."""
        certificate = str(self.folder / "tls" / "fullchain.pem")
        return requests.get(f"https://{HOST}{path}", verify=certificate, timeout=30).status_code

    def travel(self, number: str) -> str:
        """The journey of a student; the slip's address and the verdict on it."""
        certificate = str(self.folder / "tls" / "fullchain.pem")
        words = [*self.enter_network("service"), sys.executable, "-m", "tests.image.journey"]
        environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
        return run([*words, f"https://{HOST}", certificate, number], environment).stdout.strip()


def get_container(service: str) -> str:
    """The name that podman-compose gives."""
    return f"{NAME}_{service}_1"


def show(podman: Podman, deployment: Deployment) -> None:
    """Do the main job, and look at what the container may do. Raises AssertionError or RuntimeError."""
    deployment.start()
    print("started: PostgreSQL, Redis, the migration, the service, nginx")
    container = get_container("service")
    found = podman.run("exec", container, "python", "-c", PROBE, *TOOLS).stdout.strip()
    assert not found, found
    print("held: user 10001, no capabilities, no new privileges, a root that is read-only, no build tools")
    with deployment.campus():
        first = deployment.travel(FIRST)
        print(f"submitted and scanned: {first}")
    deployment.compose("restart", "service")
    deployment.wait_until_healthy("service")
    with deployment.campus():
        assert deployment.travel(FIRST) == first, "another slip after a restart"
        print(f"after a restart the same slip, and another student's: {deployment.travel(SECOND)}")
    flag = deployment.folder / "maintenance" / "on"
    flag.touch()
    assert deployment.get_status("/") == 503, "no maintenance page"
    flag.unlink()
    assert deployment.get_status("/") == 200, "the maintenance page stays"
    print("shown and taken away: the maintenance page")
    podman.run("stop", "--time", "30", container)
    code = podman.inspect(container, "{{.State.ExitCode}}")
    assert code == "0", f"ended with {code}:\n{deployment.read_log('service')}"
    print("ended by SIGTERM")


def main() -> int:
    """Returns the exit code: 1 when something failed, 2 when this machine lacks something."""
    parser = argparse.ArgumentParser(
        prog="make image", description="Build the image, and do the main job with it."
    )
    parser.add_argument("--compose", type=Path, required=True, help="where podman-compose is")
    parser.add_argument(
        "--keep", type=Path, help="a folder in which base images and layers are left, for the next run"
    )
    options = parser.parse_args()
    try:
        require_programs()
    except MachineLacks as error:
        print(f"make image: {error}", file=sys.stderr)
        return 2
    enter_namespace()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="lixiao-image-"))
    podman = Podman(folder / "podman")
    (folder / "podman").mkdir(parents=True, exist_ok=True)
    try:
        build(podman)
        shutil.rmtree(folder / "deploy", ignore_errors=True)
        make_deployment(folder / "deploy")
        deployment = Deployment(podman, folder / "deploy", options.compose)
        deployment.clear()
        show(podman, deployment)
        print("the image does the main job")
        return 0
    except (RuntimeError, AssertionError) as error:
        print(f"make image: {error}", file=sys.stderr)
        return 1
    finally:
        if options.keep is None:
            podman.clear()
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
