"""The staff of the demo: who may do what where departments work on pages of this service (`config/demo_staff.toml`).

Everybody's grants are given once, by the command that an operator has. What is ended or given at the service itself stays as
it is at the next start.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.campus.client import PROJECT

METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""Of the server alone."""
STAFF_FILE = "demo_staff.toml"
STAFF_DOOR = "/sign-in?next=/staff"
APP = "graduate-departure"
ADMINISTRATOR, GRADUATE_SCHOOL = "00420022", "00420014"


@dataclass(frozen=True)
class DemoGrant:
    """What somebody of the demo may do, with its scope as the command takes it, and in words."""

    number: str
    role: str
    words: str
    scope: tuple[str, ...] = ()

    @property
    def command(self) -> str:
        """The words of `flask staff grant`. The first administrator is named by somebody else."""
        by = GRADUATE_SCHOOL if self.number == ADMINISTRATOR else ADMINISTRATOR
        options = ("--by", by, "--reason", "演示账号 首次授权")
        return shlex.join(("staff", "grant", self.number, self.role, *self.scope, *options))


GRANTS = (
    DemoGrant(ADMINISTRATOR, "admin", "管理员，授权和结束授权"),
    DemoGrant(GRADUATE_SCHOOL, "school", "研究生院，豁免、撤销和复核"),
    DemoGrant("00420015", "school", "研究生院，豁免、撤销和复核"),
    DemoGrant("00420017", "desk", "环节办理人，档案馆", ("--app", APP, "--step", "archive")),
    DemoGrant("00420018", "desk", "环节办理人，宿舍", ("--app", APP, "--step", "dormitory")),
    DemoGrant("00420019", "head", "部门负责人，宿舍", ("--app", APP, "--step", "dormitory")),
    DemoGrant("00420020", "college", "学院，矿业工程学院的学生", ("--college", "矿业工程学院")),
    DemoGrant("00420021", "auditor", "审计，查看记录和验证审计链"),
)


def is_staff_demo(configs: Sequence[Path]) -> bool:
    """Whether one of these files lets departments work on pages of this service."""
    return any(path.name == STAFF_FILE for path in configs)


def grant_all(environment: Mapping[str, str]) -> dict[str, str]:
    """Give everybody of the demo their grants who never had any, in the database of this environment; returns what each may,
    by number. Raises RuntimeError where a grant is refused.
    """
    command = [sys.executable, "-m", "tests.campus.staff_grants"]
    own = {name: value for name, value in environment.items() if name != METRICS_FOLDER}
    done = subprocess.run(command, cwd=PROJECT, env=own, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"the staff of the demo cannot be granted:\n{done.stdout}{done.stderr}")
    return {each.number: each.words for each in GRANTS}
