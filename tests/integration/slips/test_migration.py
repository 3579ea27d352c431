"""Slips that were issued before there was an issued log stand in it afterwards."""

from __future__ import annotations

from pathlib import Path

import flask_migrate
from sqlalchemy import inspect

from app.domain.slip_code import Verdict
from app.extensions import db
from app.services.slips.issued_log import find_log_faults
from app.services.slips.issuing import reissue_slip
from app.services.verification.verification import verify_code
from tests.fixtures.office import open_office
from tests.integration.conftest import MakeDatabase


def test_slips_from_before_the_log_are_entered_in_it(tmp_path: Path, make_database: MakeDatabase) -> None:
    with open_office(tmp_path, database_url=make_database(tmp_path)) as office:
        numbers = [office.issue(name) for name in ("李文静", "欧阳䶮𠮷", "Li Na")]
        codes = [office.get_digits(number) for number in numbers]
        db.session.remove()

        flask_migrate.downgrade(revision="0002")
        assert "slip_log_entries" not in inspect(db.engine).get_table_names()
        flask_migrate.upgrade()

        assert [verify_code(office.installation, digits).verdict for digits in codes] == [Verdict.VALID] * 3
        reissue_slip(office.installation, numbers[0], reason="补打", by="00420014")
        assert verify_code(office.installation, codes[0]).verdict is Verdict.SUPERSEDED
        with db.engine.connect() as connection:
            assert list(find_log_faults(connection)) == []
