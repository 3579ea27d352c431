"""Where a mini-app's pages come from: its own folder first, then the shared pages."""

from __future__ import annotations

from pathlib import Path

import pytest
from jinja2 import DictLoader, Environment, UndefinedError

from app.mini_apps.pages import add_pages, find_page_name
from app.settings import MiniAppSettings

SHARED = {
    "miniapp/guide.html": "shared {{ name }}{% block more %}{% endblock %}",
    "layouts/guide.html": "a layout",
}


def make_environment(tmp_path: Path, slug: str, **pages: str) -> Environment:
    folder = tmp_path / slug
    (folder / "pages").mkdir(parents=True)
    for page, text in pages.items():
        (folder / "pages" / f"{page}.html").write_text(text)
    environment = Environment(loader=DictLoader(SHARED), autoescape=True)
    settings = MiniAppSettings(
        slug=slug,
        folder=str(folder),
        period="2026-06",
        period_title="夏季",
        levels="all",
        opens_on="2026-06-01",
        closes_on="2026-06-01",
    )
    add_pages(environment, [settings])
    return environment


def render(environment: Environment, folder: Path, **data: str) -> str:
    return environment.get_template(find_page_name(folder.name, folder, "guide")).render(**data)


def test_a_page_that_the_folder_lacks_is_the_shared_one(tmp_path: Path) -> None:
    assert render(make_environment(tmp_path, "short"), tmp_path / "short", name="guide") == "shared guide"


def test_a_page_of_the_folder_comes_before_the_shared_one_and_may_extend_it(tmp_path: Path) -> None:
    own = '{% extends "miniapp/guide.html" %}{% block more %}, and more{% endblock %}'
    environment = make_environment(tmp_path, "longer", guide=own)
    assert render(environment, tmp_path / "longer", name="guide") == "shared guide, and more"


@pytest.mark.parametrize("slug", ["miniapp", "layouts", "mini_apps"])
def test_a_slug_like_a_shared_folders_name_hides_nothing_and_is_not_hidden(tmp_path: Path, slug: str) -> None:
    environment = make_environment(tmp_path, slug, guide="own")
    assert render(environment, tmp_path / slug) == "own"
    assert environment.get_template("layouts/guide.html").render() == "a layout"
    assert environment.get_template("miniapp/guide.html").render(name="guide") == "shared guide"


def test_a_name_that_a_page_gets_wrong_is_an_error(tmp_path: Path) -> None:
    environment = make_environment(tmp_path, "wrong", guide="{{ nmae }}")
    with pytest.raises(UndefinedError, match="nmae"):
        render(environment, tmp_path / "wrong", name="guide")
