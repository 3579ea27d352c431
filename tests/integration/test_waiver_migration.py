"""The migration that lets waivers be withdrawn, on databases with rows."""

from __future__ import annotations

import flask_migrate
from sqlalchemy import text

from app.extensions import db
from app.services.clearance.waivers import grant_waiver, list_waivers, withdraw_waiver
from app.services.operations.row_codes import adopt_rows
from tests.fixtures.office import Office

BEFORE = "0006"
STUDENT, CLERK = "TS23000005", "00420014"


def count_rows() -> int:
    """How many waivers there are, whatever their columns."""
    with db.engine.connect() as connection:
        return int(connection.scalar(text("SELECT count(*) FROM waivers")) or 0)


def test_waivers_from_before_stand_and_going_back_keeps_only_those_that_stand(office: Office) -> None:
    installed = office.installation.mini_apps["graduate-departure"]
    for step in ("archive", "dormitory"):
        grant_waiver(installed, step, STUDENT, "线下归档", CLERK, accepts_unknown=True)
    withdraw_waiver(installed, "dormitory", STUDENT, "录错", CLERK)
    assert count_rows() == 2
    db.session.remove()

    flask_migrate.downgrade(revision=BEFORE)
    assert count_rows() == 1
    flask_migrate.upgrade()

    assert list(list_waivers(installed, STUDENT)) == [], "rows of before wait until somebody looked at them"
    adopt_rows(office.installation.row_keys, office.installation.settings.numbers, 1, CLERK, "从上一版带来")
    assert list(list_waivers(installed, STUDENT)) == ["archive"]
    withdraw_waiver(installed, "archive", STUDENT, "录错", CLERK)
    grant_waiver(installed, "archive", STUDENT, "线下归档", CLERK, accepts_unknown=True)
    assert count_rows() == 2
