"""The pages whose speed and soundness are measured in a browser, and whoever may open them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import BrowserContext

from tests.browser.conftest import CHROMIUM
from tests.campus.client import CampusClient, running_campus
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import APP, Visitor

HOLDER = "TS23000002"
CLEARANCE = f"{APP}/clearance"


@dataclass(frozen=True)
class Pages:
    """A running service, a student of it who holds a slip, and the addresses that are looked at, by name."""

    service: Service
    campus: CampusClient
    holder: Visitor
    paths: dict[str, str]


@contextmanager
def running_pages() -> Iterator[Pages]:
    """The product with one slip. Raises RuntimeError where there is no browser to open it in."""
    if not CHROMIUM:
        raise RuntimeError("no Chromium here (apt-get install chromium)")
    with (
        tempfile.TemporaryDirectory() as folder,
        running_campus() as campus,
        running_service(campus, Path(folder)) as service,
    ):
        holder = service.visit()
        holder.sign_in(HOLDER, "/completed")
        slip = holder.submit().headers["Location"]
        code = re.search(r"/v/[0-9]+", holder.get(slip).text)
        assert code
        paths = {"guide": f"{APP}/", "clearance": CLEARANCE, "slip": slip, "verification": code[0]}
        yield Pages(service, campus, holder, paths)


def give_session(context: BrowserContext, visitor: Visitor) -> None:
    """Let a browser be whom this visitor signed in, with nothing of the service in its cache."""
    cookies = [(cookie.name, cookie.value or "") for cookie in visitor.http.cookies]
    context.add_cookies([{"name": name, "value": value, "url": visitor.url} for name, value in cookies])
