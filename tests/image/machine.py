"""What this machine has to build and run images with, and a podman of the test's own: its storage, and no cgroups.

Debian's podman and buildah need no daemon. Where cgroups of both versions are mounted crun refuses to start, so that
the whole runs in a mount namespace of its own with version 2 alone; no limits of memory and processors are tried here.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

NEEDED = {
    "mmdebstrap": "mmdebstrap",
    "podman": "podman",
    "crun": "crun",
    "aardvark-dns": "aardvark-dns",
    "netavark": "netavark",
    "iptables": "iptables",
    "unshare": "util-linux",
}
"""Programs, and the packages of Debian that they are in."""
PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/podman"))
INSIDE = "LIXIAO_IMAGE_NAMESPACE"
CGROUPS = Path("/sys/fs/cgroup")
MINUTES = 60


class MachineLacks(RuntimeError):
    """The images cannot be built here; the message says what is missing."""


def require_programs() -> None:
    """Raise MachineLacks unless all programs are here and this is root."""
    missing = sorted({package for name, package in NEEDED.items() if shutil.which(name, path=PLACES) is None})
    if missing:
        raise MachineLacks(f"packages are missing: apt-get install {' '.join(missing)}")
    if os.geteuid() != 0:
        raise MachineLacks("root is needed, to make a base image and networks of containers")


def enter_namespace() -> None:
    """Begin this program anew in a mount namespace of its own, if that was not done yet."""
    if INSIDE not in os.environ:
        words = ["unshare", "--mount", sys.executable, *sys.orig_argv[1:]]
        os.execvpe("unshare", words, {**os.environ, INSIDE: "1"})
    if (CGROUPS / "unified").is_dir():
        subprocess.run(["umount", "--recursive", str(CGROUPS)], check=True)
        subprocess.run(["mount", "-t", "cgroup2", "none", str(CGROUPS)], check=True)


def name_hosts(addresses: Mapping[str, str], folder: Path) -> None:
    """Let these names mean these addresses, in this namespace alone."""
    hosts = folder / "hosts"
    lines = [f"{address} {name}" for name, address in addresses.items()]
    hosts.write_text("\n".join(("127.0.0.1 localhost", *lines, "")))
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


@dataclass(frozen=True)
class Podman:
    """Podman with its storage below `folder`."""

    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        """That of every call, made with the files that it names."""
        storage, containers = self.folder / "storage.conf", self.folder / "containers.conf"
        if not storage.exists():
            storage.write_text(
                f'[storage]\ndriver = "overlay"\ngraphroot = "{self.folder}/graph"\nrunroot = "{self.folder}/run"\n'
            )
            containers.write_text(
                '[containers]\ncgroups = "disabled"\ndefault_ulimits = ["nofile=8192:8192", "nproc=4096:4096"]\n'
            )
        return {**os.environ, "CONTAINERS_STORAGE_CONF": str(storage), "CONTAINERS_CONF": str(containers)}

    def run(self, *words: str, shown: bool = False, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command of podman's; `shown`: its output goes to the screen. Raises RuntimeError when it fails."""
        return run(["podman", *words], self.environment, shown=shown, check=check)

    def inspect(self, name: str, form: str) -> str:
        """A value of a container, by a template of Go's."""
        return self.run("inspect", "--format", form, name).stdout.strip()

    def make_base(self, name: str, packages: Sequence[str]) -> None:
        """An image of Debian's essential packages and these, for this machine's release, unless it is there."""
        if self.run("image", "exists", name, check=False).returncode == 0:
            return
        archive = self.folder / "base.tar"
        release = _read_release()
        words = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            "--dpkgopt=force-unsafe-io",
            f"--include={','.join(packages)}",
        ]
        run([*words, release, str(archive)], dict(os.environ))
        self.run("import", str(archive), name)
        archive.unlink()

    def list_addresses(self, container: str) -> list[str]:
        """Of a container in its networks."""
        networks = json.loads(self.inspect(container, "{{json .NetworkSettings.Networks}}"))
        return [network["IPAddress"] for network in networks.values()]

    def clear(self) -> None:
        """Remove what was made: containers, volumes, networks, images."""
        for words in (
            ("rm", "--all", "--force"),
            ("volume", "prune", "--force"),
            ("rmi", "--all", "--force"),
        ):
            self.run(*words, check=False)
        self.run("network", "prune", "--force", check=False)
        subprocess.run(["umount", str(self.folder / "graph" / "overlay")], check=False, capture_output=True)


def run(
    words: Sequence[str], environment: Mapping[str, str], *, shown: bool = False, check: bool = True
) -> subprocess.CompletedProcess[str]:
    """A program with a time limit. Raises RuntimeError, with what it said, when it fails."""
    pipe = None if shown else subprocess.PIPE
    done = subprocess.run(
        words, env=environment, stdout=pipe, stderr=pipe, text=True, check=False, timeout=30 * MINUTES
    )
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(words[:6])} ended with {done.returncode}\n{done.stdout}{done.stderr}")
    return done


def _read_release() -> str:
    for line in Path("/etc/os-release").read_text().splitlines():
        if line.startswith("VERSION_CODENAME="):
            return line.partition("=")[2].strip('"')
    raise MachineLacks("this is no Debian: its release is not known")
