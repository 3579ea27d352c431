"""The container image and compose.yaml say what the rest of the house says; `make image` builds and runs them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.settings import read_environment, read_settings

ROOT = Path(__file__).resolve().parents[2]
CONTAINERFILE = (ROOT / "Containerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
FINAL = CONTAINERFILE.rpartition("\nFROM ")[2]
OWN = ("migrate", "service")
BUILD_TOOLS = re.compile(r"\b(apt-get|gcc|build-essential|pip install)\b")


def join_lines(text: str) -> list[str]:
    """The instructions of a Containerfile, each in one line."""
    return re.sub(r"\\\n\s*", "", text).splitlines()


def list_unknown_variables(names: list[str]) -> list[str]:
    """Those that name no key of the configuration."""
    faults: list[str] = []
    read_settings(read_environment(dict.fromkeys(names, "1"), faults), faults)
    return [fault for fault in faults if "known key" in fault or "no variable" in fault]


def test_the_base_image_can_be_chosen_and_nobody_runs_it_as_root() -> None:
    assert join_lines(CONTAINERFILE.partition("\nFROM")[0])[-2:] == [
        "ARG BASE=docker.io/library/python:3.13-slim-trixie",
        "ARG BUILDER=${BASE}",
    ]
    assert re.findall(r"^USER (\S+)$", FINAL, re.MULTILINE) == ["10001:10001"]
    assert "HEALTHCHECK" in FINAL


def test_the_final_stage_installs_nothing() -> None:
    assert BUILD_TOOLS.search(FINAL) is None
    assert BUILD_TOOLS.search(CONTAINERFILE) is not None


def test_the_image_holds_the_program_alone() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8")  # podman reads it too
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", CONTAINERFILE, re.MULTILINE)
    kept = {line.removeprefix("!") for line in ignored.splitlines() if line.startswith("!")}
    assert {name for names in copied for name in names.split()} == kept
    assert all((ROOT / name).exists() for name in kept)


def test_it_serves_with_the_options_of_the_systemd_unit_but_the_address() -> None:
    unit = (ROOT / "config" / "lixiao.service.example").read_text(encoding="utf-8")
    start = re.search(r"^ExecStart=\S+/granian (.+)$", unit, re.MULTILINE)
    command = next(line for line in join_lines(FINAL) if line.startswith("CMD "))
    assert start is not None
    program, *options = json.loads(command.removeprefix("CMD "))
    assert program == "granian"
    assert " ".join(options).replace("--host 0.0.0.0", "--host 127.0.0.1") == start[1]


def test_every_variable_is_a_key_of_the_configuration() -> None:
    named = set(re.findall(r"\bLIXIAO_[A-Z_]+(?==)", FINAL))
    named |= {name for service in OWN for name in SERVICES[service]["environment"]}
    named -= {"LIXIAO_CONFIG"}
    assert len(named) >= 5
    assert list_unknown_variables(sorted(named)) == []


@pytest.mark.parametrize("name", ["LIXIAO_SERVICE__WORKERS", "LIXIAO_STORAGE"])
def test_a_variable_that_is_no_key_is_found(name: str) -> None:
    assert list_unknown_variables([name]) != []


@pytest.mark.parametrize("service", OWN)
def test_the_service_may_do_nothing_and_write_nowhere_but_in_its_folders(service: str) -> None:
    declared = SERVICES[service]
    assert declared["read_only"] is True
    assert declared["cap_drop"] == ["ALL"]
    assert declared["security_opt"] == ["no-new-privileges:true"]
    writable = [place.split(":")[0] for place in declared["tmpfs"]]
    writable += [volume.split(":")[1] for volume in declared["volumes"] if not volume.endswith(":ro")]
    assert writable == ["/tmp", "/run/lixiao/metrics", "/var/lib/lixiao"]


def test_the_proxy_alone_is_published_and_reaches_no_database() -> None:
    assert [name for name, declared in SERVICES.items() if "ports" in declared] == ["nginx"]
    assert "inside" not in SERVICES["nginx"]["networks"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}


def test_the_service_starts_behind_the_migration_and_a_healthy_database() -> None:
    waits_for = {name: declared["condition"] for name, declared in SERVICES["service"]["depends_on"].items()}
    assert waits_for["migrate"] == "service_completed_successfully"
    assert waits_for["postgres"] == "service_healthy"
    assert "restart" not in SERVICES["migrate"]
