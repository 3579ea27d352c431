"""`flask mini-apps new|check`, as programs, where there is no configuration, no database and no campus."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.campus.client import PROJECT
from tests.integration.test_undergraduate_departure import read_pdf

SECONDS = 120
SHIPPED = ("graduate_departure", "undergraduate_departure", "postdoc_departure")


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """The command in an environment that names no configuration."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIXIAO_")}
    command = [sys.executable, "-m", "flask", "--app", "wsgi", "mini-apps", *words]
    return subprocess.run(
        command, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
    )


def list_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("slug", SHIPPED)
def test_the_mini_apps_that_are_shipped_are_proven_and_shown(slug: str, tmp_path: Path) -> None:
    done = run("check", f"miniapp_templates/{slug}", "--preview", str(tmp_path))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"miniapp_templates/{slug}: no mistakes; open {tmp_path}/index.html" in done.stdout
    files = list_files(tmp_path)
    pages = ("guide", "faq", "privacy", "submission", *(f"clearance-{name}" for name in STATES))
    assert {f"{language}/{page}.html" for language in ("zh-CN", "en") for page in pages} <= files
    assert {"index.html", "slip.pdf", "slip.png", "slip-english.pdf", "static/lixiao.css"} <= files


STATES = ("cleared", "outstanding", "unavailable", "waived")


def test_a_new_folder_passes_and_its_pages_and_slip_say_what_it_says(tmp_path: Path) -> None:
    folder, shown = tmp_path / "my_departure", tmp_path / "shown"
    begun = run("new", str(folder))
    assert begun.returncode == 0
    assert list_files(folder) == {"manifest.toml", "en.toml", "sample.json"}
    again = run("new", str(folder))
    assert (again.returncode, again.stdout) == (1, "")
    assert "is not empty: nothing was written" in again.stderr
    assert run("check", str(folder), "--preview", str(shown)).returncode == 0
    wrong = (shown / "zh-CN" / "clearance-outstanding.html").read_text("utf-8")
    for words in (
        "还有 2 件物品未归还",
        "有 ¥12.50 赔偿金未缴",
        'data-status="outstanding"',
        "../static/lixiao.css",
    ):
        assert words in wrong, words
    english = (shown / "en" / "clearance-outstanding.html").read_text("utf-8")
    assert "Things not returned yet: 2" in english
    assert "/static/" not in english.replace("../static/", "")
    assert "Passed" in read_pdf((shown / "slip-english.pdf").read_bytes())
    assert "离校单" in read_pdf((shown / "slip.pdf").read_bytes())


def test_mistakes_are_told_all_at_once_with_exit_code_1_and_nothing_is_shown(tmp_path: Path) -> None:
    folder, shown = tmp_path / "some_departure", tmp_path / "shown"
    assert run("new", str(folder)).returncode == 0
    manifest = folder / "manifest.toml"
    manifest.write_text(manifest.read_text("utf-8").replace('rule = "value_is"', 'rule = "always"'), "utf-8")
    (folder / "sample.json").write_text("{}", "utf-8")
    done = run("check", str(folder), "--preview", str(shown))
    assert done.returncode == 1
    assert "manifest.toml, line 83: steps[1].rule must be one of" in done.stdout
    assert "sample.json is not a slip record: fields is missing" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not shown.exists()


def test_a_page_of_the_folder_that_names_what_is_not_there_is_a_mistake(tmp_path: Path) -> None:
    folder = Path(
        shutil.copytree(PROJECT / "miniapp_templates" / "graduate_departure", tmp_path / "graduate_departure")
    )
    page = folder / "pages" / "guide.html"
    page.write_text(page.read_text("utf-8") + "{% block more2 %}{% endblock %}", "utf-8")
    assert run("check", str(folder)).returncode == 0
    (folder / "pages" / "faq.html").write_text("{{ mini_app.titel }}", "utf-8")
    done = run("check", str(folder))
    assert done.returncode == 1
    assert "pages/faq.html cannot be rendered: UndefinedError: " in done.stdout
