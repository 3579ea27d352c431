"""The whole product with a step that reads a flag and a day by a rule made of two: the page, the reasons, the slip."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.client import CampusClient
from tests.campus.run import PROJECT
from tests.running import running_service
from tests.visitor import APP, Visitor, list_statuses

SLUG = "graduate_departure"
PARTS = '{ rule = "is_yes", fact = "state" }, { rule = "day_is", fact = "reviewed_on", not_before = "2026-01-01" }'
LABEL = 'label = "论文提交状态"\ntype = '
CHANGES = (
    (
        'rule = "value_is"\nparameters = { fact = "state", passes = ["已审核"], pending = ["已提交"] }\n',
        f'rule = "all_of"\nparameters = {{ rules = [{PARTS}] }}\n',
    ),
    (f'{LABEL}"text"\n', f'{LABEL}"flag"\nwords = {{ true = "已审核", false = "尚未审核" }}\n'),
    (
        "[steps.reasons.state]",
        '[steps.reasons.reviewed_on]\nsays = "审核日期为{value}，早于今年"\n\n[steps.reasons.state]',
    ),
)
FLAG = """
[connectors.archive.fields.state]
path = "lwzt"
type = "flag"
values = { "已审核" = true, "已提交" = false }
empty = true
"""


def write_mini_app(folder: Path) -> Path:
    """A copy of the graduates' departure whose archive is judged by a flag and a day."""
    copy = shutil.copytree(PROJECT / "miniapp_templates" / SLUG, folder / SLUG)
    (copy / "en.toml").unlink()
    manifest = copy / "manifest.toml"
    before, step, after = manifest.read_text(encoding="utf-8").partition('key = "archive"\n')
    archive, following, rest = after.partition("[[steps]]\n")
    for old, new in CHANGES:
        assert old in archive
        archive = archive.replace(old, new, 1)
    kept = "".join(f"{line}\n" for line in archive.splitlines() if "pending" not in line)
    manifest.write_text(before + step + kept + following + rest, encoding="utf-8")
    return copy


def write_config(folder: Path) -> Path:
    """The demo's configuration, whose archive tells a flag."""
    path = folder / "config.toml"
    lines = (PROJECT / "config" / "demo.toml").read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if not line.startswith('state = { path = "lwzt"')]
    path.write_text("\n".join(kept) + FLAG, encoding="utf-8")
    return path


@pytest.fixture
def visitor(campus: CampusClient, tmp_path: Path) -> Iterator[Visitor]:
    changes = {
        "LIXIAO_CONFIG": str(write_config(tmp_path)),
        "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__FOLDER": str(write_mini_app(tmp_path)),
    }
    campus.reset()
    with running_service(campus, tmp_path, changes) as service:
        yield service.visit()


def test_a_flag_and_a_day_pass_a_step_are_shown_in_words_and_stand_on_the_slip(
    visitor: Visitor, campus: CampusClient
) -> None:
    campus.set_facts("TS23000002", "archive", state="已提交")
    page = visitor.sign_in("TS23000002")
    assert list_statuses(page)["archive"] == "outstanding"
    assert "尚未审核" in page.text
    assert visitor.submit().status_code == 422
    campus.set_facts("TS23000002", "archive", state="已审核", reviewed_on="2025-12-31")
    page = visitor.get(f"{APP}/clearance?wait=1")
    assert list_statuses(page)["archive"] == "outstanding"
    assert "早于今年" in page.text
    campus.set_facts("TS23000002", "archive", state="已审核", reviewed_on="2026-06-09")
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1"))["archive"] == "cleared"
    submitted = visitor.submit()
    assert submitted.status_code == 303
    slip = visitor.get(submitted.headers["Location"])
    assert "已审核" in slip.text
