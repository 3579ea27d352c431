"""Nothing in the product knows a mini-app, its steps or its departments by name, nor imports the tests."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.mini_app import MiniApp
from app.mini_apps.loader import load_mini_app

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = sorted(path.parent for path in (ROOT / "miniapp_templates").glob("*/manifest.toml"))
SUFFIXES = {".py", ".html", ".js", ".css", ".mako", ".toml"}
OUTSIDE = {"tests", "miniapp_templates", "config"}


def list_sources(root: Path) -> Iterator[Path]:
    """Every text file of the product."""
    return (path for path in sorted(root.rglob("*")) if path.suffix in SUFFIXES)


def load(folder: Path) -> MiniApp:
    """The mini-app in a folder that has no faults."""
    faults: list[str] = []
    mini_app = load_mini_app(folder, faults)
    assert faults == []
    assert mini_app is not None
    return mini_app


def list_names(mini_app: MiniApp) -> set[str]:
    """Whatever would tell that code was written for this mini-app."""
    names = {mini_app.slug, mini_app.path, mini_app.title, mini_app.slip.title, *mini_app.step_keys}
    for step in mini_app.steps:
        names |= {step.title, step.department, *(action.key for action in step.actions)}
        names |= {fact.key for fact in step.facts if "_" in fact.key}
    return names


def find_names(names: set[str], root: Path) -> list[tuple[str, str]]:
    """The files that hold a name as a whole word, with the name. A plain English word (an archive of files)
    counts only in quotation marks, as code would write a key.
    """
    forms = [
        rf"(?<=[\"']){name}(?=[\"'])" if name.isascii() and name.isalpha() else name for name in sorted(names)
    ]
    pattern = re.compile(rf"(?<![A-Za-z0-9_])({'|'.join(forms)})(?![A-Za-z0-9_])")
    return [
        (path.name, found)
        for path in list_sources(root)
        for found in pattern.findall(path.read_text("utf-8"))
    ]


def list_imports(root: Path) -> set[str]:
    """The top-level packages that the product's modules import."""
    found = set()
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_nothing_in_the_product_names_a_mini_app_or_its_steps(folder: Path) -> None:
    assert find_names(list_names(load(folder)), ROOT / "app") == []


def test_there_are_several_mini_apps_and_a_name_of_each_would_be_found(tmp_path: Path) -> None:
    names = [list_names(load(folder)) for folder in FOLDERS]
    assert len(names) == 3
    (tmp_path / "shortcut.py").write_text('step.key == "campus_card" or slug == "graduate_departure"')
    (tmp_path / "plain.py").write_text('step.key in ("archive",)  # nothing of an archive or of finance')
    (tmp_path / "page.html").write_text("<p>到档案馆</p>")
    assert {found for each in names for found in find_names(each, tmp_path)} == {
        ("shortcut.py", "campus_card"),
        ("shortcut.py", "graduate_departure"),
        ("plain.py", "archive"),
        ("page.html", "档案馆"),
    }


def test_the_product_imports_nothing_that_stands_beside_it() -> None:
    imported = list_imports(ROOT / "app")
    assert "flask" in imported
    assert imported & OUTSIDE == set()
    assert "tests" in list_imports(ROOT / "tests")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_mini_app_holds_no_code(folder: Path) -> None:
    assert {path.suffix for path in folder.rglob("*") if path.is_file()} <= {
        ".toml",
        ".json",
        ".html",
        ".png",
    }
