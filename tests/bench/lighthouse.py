"""What Lighthouse says of the main pages: on a phone with a slow line and a slow processor, each page opened with
nothing in the cache.

The service speaks http on loopback, which browsers count as secure; tests of config/nginx.conf.example hold https.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from typing import Any

from playwright.sync_api import BrowserContext, sync_playwright

from tests.bench._pages import give_session, running_pages
from tests.browser.conftest import CHROMIUM
from tests.campus.client import PROJECT
from tests.conftest import get_free_port

PROGRAM = PROJECT / ".venv-lighthouse" / "node_modules" / "lighthouse" / "cli" / "index.js"
ASKED = {"accessibility": 100, "best-practices": 100, "performance": 98}
WAY = ("--form-factor=mobile", "--throttling-method=simulate", "--disable-storage-reset")
QUIETLY = ("--quiet", "--no-enable-error-reporting", "--output=json")
SECONDS = 120


def run() -> list[tuple[str, str, str]]:
    """What was measured, the figure, and the figure asked for ("-" if none is)."""
    if not shutil.which("node") or not PROGRAM.exists():
        raise RuntimeError("Lighthouse needs node and npm (apt-get install nodejs npm), then `make bench`")
    with running_pages() as pages, sync_playwright() as playwright, tempfile.TemporaryDirectory() as profile:
        port = get_free_port()
        # Lighthouse opens its pages in the profile itself, not in a context beside it.
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--accept-lang=zh-CN", f"--remote-debugging-port={port}"],
        )
        give_session(context, pages.holder)
        rows = []
        for name, path in pages.paths.items():
            _empty_cache(context)
            rows += _tell(name, _examine(pages.service.url + path, port))
        context.close()
    return rows


def _empty_cache(context: BrowserContext) -> None:
    devtools = context.new_cdp_session(context.pages[0])
    devtools.send("Network.clearBrowserCache")
    devtools.detach()


def _examine(url: str, port: int) -> dict[str, Any]:
    """Lighthouse's report of a page, opened in the browser with this debugging port."""
    categories = f"--only-categories={','.join(ASKED)}"
    command = ["node", str(PROGRAM), url, f"--port={port}", categories, *WAY, *QUIETLY]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(done.stderr)
    report: dict[str, Any] = json.loads(done.stdout)
    if report["finalDisplayedUrl"] != url or report.get("runtimeError"):
        raise RuntimeError(f"{url}: {report['finalDisplayedUrl']} {report.get('runtimeError')}")
    return report


def _tell(name: str, report: dict[str, Any]) -> list[tuple[str, str, str]]:
    """A row for each category; a score below the asked one names what cost points."""
    rows = []
    for key, asked in ASKED.items():
        category = report["categories"][key]
        score = round(category["score"] * 100)
        faults = _list_faults(category, report["audits"]) if score < asked else ""
        rows.append((f"{name}: {category['title'].lower()}", f"{score}{faults}", f">= {asked}"))
    return rows


def _list_faults(category: dict[str, Any], audits: dict[str, Any]) -> str:
    weighed = [audit["id"] for audit in category["auditRefs"] if audit["weight"]]
    return f" ({', '.join(key for key in weighed if (audits[key]['score'] or 0) < 1)})"
