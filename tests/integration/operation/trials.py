"""`flask connectors try` at systems out of tables."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from click.testing import Result

from app.factory import create_app
from app.settings import load_settings
from tests.campus.run import make_environment
from tests.fixtures.templates import prepare
from tests.integration.connectors.stand_in import SECTION, STUDENT


def write_toml(value: object) -> str:
    """A value as TOML writes it, tables in one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{json.dumps(key)} = {write_toml(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(write_toml, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


class Trials:
    """An installation in a folder, made anew for each table."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def run(self, table: Mapping[str, Any], *words: str, number: str = STUDENT, further: str = "") -> Result:
        """Try one system."""
        config = self._folder / "config.toml"
        config.write_text(f"{further}\n[connectors]\nx = {write_toml(table)}\n", encoding="utf-8")
        environment = make_environment(self._folder / "data", 1, "http://127.0.0.1:9", [config])
        prepare(environment)
        app = create_app(load_settings(environment))
        return app.test_cli_runner().invoke(args=["connectors", "try", "x", number, *words], color=True)


def make_http(url: str, **changes: Any) -> dict[str, Any]:
    """The table of the stand-in server."""
    return SECTION | {"base_url": url} | changes


def get_verdict(done: Result) -> str:
    """The line that says whether the answer is believed."""
    lines = [line for line in done.output.splitlines() if line.startswith(("understood", "unavailable"))]
    return lines[0] if lines else done.output
