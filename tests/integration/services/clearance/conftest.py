"""Departments in the test's process."""

from __future__ import annotations

import pytest

from tests.fixtures.departments import Department, make_departments


@pytest.fixture
def departments() -> dict[str, Department]:
    """All let everybody go."""
    return make_departments()


@pytest.fixture
def finance(departments: dict[str, Department]) -> Department:
    """The one that students owe money to."""
    return departments["finance"]
