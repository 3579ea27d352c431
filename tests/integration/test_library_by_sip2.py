"""The whole product with the library on SIP2: a student cancels the card and submits."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.client import CampusClient, running_campus
from tests.campus.credentials import DEMO
from tests.campus.run import PROJECT
from tests.conftest import get_free_port
from tests.running import running_service
from tests.visitor import APP, Visitor, list_statuses

CONFIG = PROJECT / "config"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Visitor, CampusClient]]:
    """A visitor of a service whose library answers by SIP2, and the campus."""
    sip2_port, folder = get_free_port(), tmp_path_factory.mktemp("service")
    with running_campus(0, "--sip2-port", str(sip2_port)) as campus:
        changes = {
            "LIXIAO_CONFIG": str(write_config(folder)),
            "LIXIAO_MINI_APPS__GRADUATE_DEPARTURE__STEPS__LIBRARY_LOANS": "library_sip2",
            "LIXIAO_CONNECTORS__LIBRARY_SIP2__PORT": str(sip2_port),
            "LIXIAO_CONNECTORS__LIBRARY_SIP2__LOGIN_PASSWORD": DEMO.library_loans_token,
        }
        with running_service(campus, folder, changes) as service:
            yield service.visit(), campus


def write_config(folder: Path) -> Path:
    """The demo's configuration with the fragment behind it."""
    path = folder / "config.toml"
    parts = [(CONFIG / name).read_text(encoding="utf-8") for name in ("demo.toml", "demo_sip2.toml")]
    path.write_text("\n".join(parts), encoding="utf-8")
    return path


def test_the_card_is_cancelled_by_sip2_and_the_student_submits(running: tuple[Visitor, CampusClient]) -> None:
    visitor, campus = running
    page = visitor.sign_in("TS23000001")
    assert list_statuses(page)["library_loans"] == "outstanding"
    assert visitor.submit().status_code == 422
    confirmation = visitor.get(f"{APP}/clearance/library_loans/cancel-card")
    visitor.post(f"{APP}/clearance/library_loans/cancel-card", confirmation)
    assert campus.get_facts("TS23000001", "library_loans")["card"] == "cancelled"
    assert list_statuses(visitor.get(f"{APP}/clearance?wait=1"))["library_loans"] == "cleared"
    submitted = visitor.submit()
    assert submitted.status_code == 303
    assert "/slips/" in submitted.headers["Location"]
    addresses = {call["address"] for call in campus.calls("library_loans")}
    assert addresses == {"SIP2 63", "SIP2 01"}
