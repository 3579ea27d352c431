"""Makes the pages of mini-app folders loadable beside the shared templates. A page that a folder lacks is the
shared one of the same name, `miniapp/<page>.html`, which a folder's page may extend.
"""

from __future__ import annotations

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    Template,
)

from app.settings import MiniAppSettings

SHARED = "miniapp"
OWN = "mini_apps"


def add_pages(environment: Environment, mini_apps: list[MiniAppSettings]) -> None:
    """Let the environment load each mini-app's pages; a name that a page gets wrong is an error."""
    folders = {item.slug: FileSystemLoader(item.folder / "pages") for item in mini_apps}
    # Under a prefix of their own: no slug can then hide a shared template or be hidden by one.
    own = PrefixLoader({OWN: PrefixLoader(folders)})
    shared: BaseLoader | None = environment.loader
    environment.loader = ChoiceLoader([loader for loader in (shared, own) if loader])
    environment.undefined = StrictUndefined


def list_page_names(slug: str, page: str) -> list[str | Template]:
    """The templates that may stand for a page, such as `guide`; the first that there is does."""
    return [f"{OWN}/{slug}/{page}.html", f"{SHARED}/{page}.html"]
