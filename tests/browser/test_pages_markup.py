"""The HTML of every page and our stylesheets, by the Nu checker, which NU_CHECKER names (the path of vnu.jar)."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.screens import Screens
from tests.browser.test_pages import ALL, get_service
from tests.campus.client import PROJECT

NU_CHECKER = os.environ.get("NU_CHECKER", "")
MISSING = "NU_CHECKER or java is missing: the pages' HTML was not checked"
SECONDS = 120


@pytest.fixture(autouse=True)
def _checker() -> None:
    if not NU_CHECKER or not shutil.which("java"):
        if os.environ.get("CI") == "true":
            pytest.fail(MISSING)
        pytest.skip(MISSING)


def list_errors(files: Iterable[Path], *options: str) -> list[str]:
    """What the checker finds wrong, a line for each."""
    command = ["java", "-jar", NU_CHECKER, "--errors-only", "--format", "gnu", *options, *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    return done.stderr.splitlines()


def test_the_html_of_every_page_is_valid(
    request: pytest.FixtureRequest, browser: Browser, sources: dict[str, str], tmp_path: Path
) -> None:
    for place, name in enumerate(sorted(ALL.keys() - sources.keys())):
        service = get_service(request, name)
        screens = Screens(browser, service.url)
        sources[name] = screens.get_source(ALL[name](screens, service, f"TS9{place + 5000:07d}"))
        screens.close()
    files = []
    for name, source in sources.items():
        files.append(tmp_path / f"{name.replace(' ', '-')}.html")
        files[-1].write_text(source, encoding="utf-8")
    assert list_errors(files) == []


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
