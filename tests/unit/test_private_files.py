"""A file is its owner's alone when its mode lets nobody else do anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.private_files import WRITING, describe_openness


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """An empty file."""
    path = tmp_path / "secret"
    path.touch()
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o700, 0o000])
def test_a_file_without_rights_for_others_is_its_owners_alone(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert describe_openness(file) == ""


@pytest.mark.parametrize("mode", [0o640, 0o620, 0o610, 0o604, 0o602, 0o601, 0o777])
def test_every_right_of_others_is_told_with_the_mode(file: Path, mode: int) -> None:
    file.chmod(mode)
    assert describe_openness(file) == f"open to others (mode {mode:04o})"


def test_where_only_writing_is_forbidden_others_may_read(file: Path) -> None:
    file.chmod(0o644)
    assert describe_openness(file, WRITING) == ""
    file.chmod(0o664)
    assert describe_openness(file, WRITING) == "open to others (mode 0664)"


def test_a_link_is_as_open_as_what_it_leads_to(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    file.chmod(0o644)
    assert describe_openness(link) == "open to others (mode 0644)"


def test_what_is_not_there_cannot_be_looked_at(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        describe_openness(tmp_path / "nothing")
