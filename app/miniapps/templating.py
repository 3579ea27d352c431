"""Makes the pages of mini-app folders loadable as `<slug>/<page>.html` beside the shared templates."""

from __future__ import annotations

from jinja2 import BaseLoader, ChoiceLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined

from app.settings import MiniAppSettings


def add_pages(environment: Environment, mini_apps: list[MiniAppSettings]) -> None:
    """Let the environment load each mini-app's pages; a name that a page gets wrong is an error."""
    folders = {item.folder.name: FileSystemLoader(item.folder / "pages") for item in mini_apps}
    shared: BaseLoader | None = environment.loader
    environment.loader = ChoiceLoader([loader for loader in (shared, PrefixLoader(folders)) if loader])
    environment.undefined = StrictUndefined
