"""The commit that runs is read from the checkout, however git keeps it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from app.settings.sections import read_commit


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
