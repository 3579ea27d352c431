"""The control of one number: where a campus's spellings are said to be different people, they are."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.stored import query
from tests.integration.auth.cas.test_one_number import CLEARED, DEBTOR, SPELLINGS, sign_in_as_typed
from tests.integration.auth.cas.visits import configure
from tests.running import running_service
from tests.visitor import APP, list_statuses


@pytest.fixture(scope="module")
def unfolded(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that takes numbers as they come."""
    changes = configure(campus) | {"LIXIAO_NUMBERS__CASE": "kept"}
    with running_service(campus, tmp_path_factory.mktemp("kept"), changes) as running:
        yield running


def test_without_folding_a_debtor_is_cleared_by_no_data(unfolded: Service) -> None:
    page = sign_in_as_typed(unfolded, DEBTOR.lower()).get(f"{APP}/clearance?wait=1")
    assert list_statuses(page)["finance"] == "cleared"


def test_without_folding_sessions_are_of_several_people(unfolded: Service) -> None:
    for spell in SPELLINGS:
        sign_in_as_typed(unfolded, spell(CLEARED))
    rows = query(unfolded.environment, "SELECT DISTINCT person_number FROM browser_sessions")
    assert len([number for (number,) in rows if str(number).upper() == CLEARED]) == len(SPELLINGS)
