"""The demo file's systems as parsed configuration, for tests of the pure parts."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from app.connectors.http.client import HttpConfig
from app.connectors.reading import read_records
from app.domain.clearance import Record
from tests.fixtures.connectors import read_config

DEMO_FILE = Path(__file__).resolve().parents[3] / "config" / "demo.toml"
JSON_TYPE = "application/json; charset=utf-8"
STUDENT = "TS23000003"


def demo_sections() -> dict[str, dict[str, Any]]:
    """The file's tables by system, each with a credential."""
    sections = tomllib.loads(DEMO_FILE.read_text(encoding="utf-8"))["connectors"]
    return {name: section | {"credential": f"secret-of-{name}"} for name, section in sections.items()}


def demo_configs() -> dict[str, HttpConfig]:
    """The parsed configuration of each system."""
    return {name: read_config(section, name) for name, section in demo_sections().items()}


def prove(config: HttpConfig, body: bytes, content_type: str = JSON_TYPE) -> tuple[Record, ...]:
    """What the connector makes of an answer about STUDENT; raises UntrustedAnswer."""
    form = config.get_form(config)
    config.check_type(content_type, form.content_types)
    return read_records(config, form.read(config, body), STUDENT)
