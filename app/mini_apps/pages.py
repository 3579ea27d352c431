"""The pages of a mini-app's folder: which there may be, what is wrong with them, what they say, and their loader. A page
that a folder lacks is the shared one of the same name, `miniapp/<page>.html`, which a folder's page may extend.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateSyntaxError,
    nodes,
)

from app.mini_apps.files import Unreadable, read_text, refuse_excess
from app.settings import MiniAppSettings

PAGES = ("guide.html", "clearance.html", "action.html", "submission.html", "privacy.html", "faq.html")


def check_pages(folder: Path) -> list[str]:
    """What is wrong with the pages."""
    faults = []
    for path in _list_pages(folder):
        if path.name not in PAGES:
            faults.append(f"pages/{path.name} is no page: must be one of {', '.join(PAGES)}")
            continue
        try:
            _parse(path)
        except Unreadable as error:
            faults.append(f"pages/{path.name} cannot be read: {error}")
        except TemplateSyntaxError as error:
            faults.append(f"pages/{path.name} is not a template: {error}")
    return faults


def list_page_texts(folder: Path) -> Iterator[str]:
    """The texts that the pages give to `mini_app.say`; a page that is not a template says none."""
    for path in _list_pages(folder):
        try:
            page = _parse(path)
        except (TemplateSyntaxError, Unreadable):
            continue
        for call in page.find_all(nodes.Call):
            if _is_say(call.node):
                yield from (part.value for part in call.args if isinstance(part, nodes.Const))


def _list_pages(folder: Path) -> list[Path]:
    return sorted((folder / "pages").glob("*"))


def _parse(path: Path) -> nodes.Template:
    """Raises Unreadable or TemplateSyntaxError."""
    environment = Environment(autoescape=True, extensions=["jinja2.ext.i18n"])
    text = read_text(path)
    with refuse_excess(text):
        return environment.parse(text)


def _is_say(node: nodes.Expr) -> bool:
    return (
        isinstance(node, nodes.Getattr)
        and node.attr == "say"
        and isinstance(node.node, nodes.Name)
        and node.node.name == "mini_app"
    )


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


@lru_cache(maxsize=64)
def find_page_name(slug: str, folder: Path, page: str) -> str:
    """The template of a page such as `guide`: the mini-app's own, or else the shared one."""
    is_own = (folder / "pages" / f"{page}.html").exists()
    return f"{OWN}/{slug}/{page}.html" if is_own else f"{SHARED}/{page}.html"
