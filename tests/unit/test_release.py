"""What runs: its version, in every place that tells it, and the commit of the checkout, however git keeps it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from app.settings.sections import ROOT, read_commit
from app.version import VERSION


def run_git(folder: Path, *words: str) -> str:
    name = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    return subprocess.run(
        ["git", *name, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    run_git(tmp_path, "init", "-q")
    run_git(tmp_path, "commit", "-q", "--allow-empty", "-m", "first")
    return tmp_path


def test_the_branchs_commit_is_read(checkout: Path) -> None:
    assert read_commit(checkout) == run_git(checkout, "rev-parse", "HEAD")
    run_git(checkout, "commit", "-q", "--allow-empty", "-m", "second")
    assert read_commit(checkout) == run_git(checkout, "rev-parse", "HEAD")


def test_a_packed_branch_is_read(checkout: Path) -> None:
    run_git(checkout, "branch", "other")
    run_git(checkout, "pack-refs", "--all")
    assert list((checkout / ".git" / "refs" / "heads").iterdir()) == []
    assert read_commit(checkout) == run_git(checkout, "rev-parse", "HEAD")


def test_a_checked_out_commit_without_a_branch_is_read(checkout: Path) -> None:
    run_git(checkout, "checkout", "-q", "--detach")
    assert read_commit(checkout) == run_git(checkout, "rev-parse", "HEAD")


def test_a_linked_worktree_has_its_own_commit(checkout: Path) -> None:
    linked = checkout / "linked"
    run_git(checkout, "worktree", "add", "-q", str(linked))
    run_git(linked, "commit", "-q", "--allow-empty", "-m", "second")
    assert read_commit(linked) == run_git(linked, "rev-parse", "HEAD") != read_commit(checkout)


def test_a_folder_within_a_checkout_is_none(checkout: Path) -> None:
    folder = checkout / "unpacked"
    folder.mkdir()
    assert read_commit(folder) == ""


def test_a_folder_that_is_no_checkout_or_has_no_commit_has_none(tmp_path: Path) -> None:
    assert read_commit(tmp_path) == ""
    run_git(tmp_path, "init", "-q")
    assert read_commit(tmp_path) == ""


def list_releases(changelog: str) -> list[str]:
    """The releases that a changelog tells of, the newest first."""
    return re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)


def test_the_changelog_and_the_package_have_the_version() -> None:
    releases = list_releases((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert releases[0] == VERSION
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert package["project"]["version"] == VERSION


def test_a_release_without_a_day_is_none() -> None:
    assert list_releases("## [Unreleased]\n## [2.0.0]\n\n## [1.9.0] - 2026-01-02\n") == ["1.9.0"]


def test_every_release_begins_with_its_summary_in_chinese() -> None:
    parts = re.split(r"^## \[\d.*$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(parts) > 1
    assert all(part.lstrip().startswith("**摘要**：") for part in parts[1:])


def test_the_version_is_told_without_any_configuration(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app", "--version"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={"PATH": "", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"lixiao {VERSION}")
