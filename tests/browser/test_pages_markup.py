"""Our stylesheets, by the Nu checker; `test_pages` gives it the HTML of every page."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.browser.conftest import NU_CHECKER
from tests.campus.client import PROJECT

SECONDS = 120

pytestmark = pytest.mark.usefixtures("checker")


def list_errors(files: Iterable[Path], *options: str) -> list[str]:
    """What the checker finds wrong, a line for each."""
    command = ["java", "-jar", NU_CHECKER, "--errors-only", "--format", "gnu", *options, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    return done.stderr.splitlines()


def test_a_list_in_a_paragraph_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    page.write_text(
        '<!doctype html><html lang="en"><title>x</title><p><span><ul></ul></span></p>', encoding="utf-8"
    )
    assert list_errors([page])


def test_our_stylesheets_are_valid() -> None:
    assert list_errors((PROJECT / "app" / "static").glob("*.css"), "--css") == []


def test_a_property_that_does_not_exist_is_found(tmp_path: Path) -> None:
    sheet = tmp_path / "sheet.css"
    sheet.write_text("p { colr: red; }", encoding="utf-8")
    assert list_errors([sheet], "--css")
