"""`config/demo_staff.toml`: archive and dormitory work on pages of this service, and each of the demo's staff has their rights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.campus.accounts import find_account
from tests.campus.client import PROJECT, CampusClient
from tests.campus.staff import GRANTS, STAFF_FILE, grant_all, is_staff_demo
from tests.conftest import Service
from tests.integration.staff.staff_pages import sign_in_staff
from tests.programs import run_flask
from tests.running import running_service

CONFIG = PROJECT / "config" / STAFF_FILE
TEACHER, DORMITORY = "00420013", "00420018"


@pytest.fixture(scope="module")
def demo(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The demo of staff, as `make run` starts it."""
    folder = tmp_path_factory.mktemp("demo")
    with running_service(campus, folder, configs=[CONFIG], before_start=grant_all) as service:
        yield service


def list_standing(demo: Service) -> list[str]:
    """The grants that stand, a line each."""
    done = run_flask(demo.environment, "staff", "list")
    assert done.code == 0, done.err
    return [line for line in done.out.splitlines() if line[:8].isdigit()]


def test_everybody_of_the_staff_has_their_rights_and_a_page(demo: Service) -> None:
    standing = list_standing(demo)
    assert [line.split()[:1] for line in sorted(standing)] == [[n] for n in sorted(g.number for g in GRANTS)]
    for grant in GRANTS:
        assert find_account(grant.number)
        visitor = sign_in_staff(demo, grant.number)
        assert visitor.get("/staff").status_code == 200, grant
    assert sign_in_staff(demo, TEACHER).get("/staff").status_code == 403


def test_a_clerk_enters_the_own_counter_alone(demo: Service) -> None:
    clerk = sign_in_staff(demo, DORMITORY)
    counters = {
        step: clerk.get(f"/staff/desk/graduate-departure/{step}").status_code
        for step in ("dormitory", "archive", "finance")
    }
    assert counters == {"dormitory": 200, "archive": 404, "finance": 404}


def test_a_second_start_gives_nothing_again(demo: Service) -> None:
    before = list_standing(demo)
    ended = run_flask(
        demo.environment, *("staff", "end", "00420020", "--by", "00420022", "--reason", "调离原岗位")
    )
    assert ended.code == 0, ended.err
    told = grant_all(demo.environment)
    assert list_standing(demo) == [line for line in before if not line.startswith("00420020")]
    assert told.keys() == {grant.number for grant in GRANTS}


def test_only_the_demo_of_staff_gives_rights() -> None:
    assert is_staff_demo([Path("config") / "demo_consent.toml", CONFIG])
    assert not is_staff_demo([Path("config") / "demo_consent.toml"])
