"""Verification: what stands in the issued log and is truly signed is valid; everything else has its own word."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.slip_code import Verdict
from app.services.verification import verify_code, verify_short_code
from tests.fixtures.office import Office, open_office


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with open_office(tmp_path) as office:
        yield office


def test_an_issued_slip_is_valid_by_its_code_and_by_its_short_code(office: Office) -> None:
    number = office.issue("欧阳文静", "TS23000042")

    verification = verify_code(office.installation, office.get_digits(number))

    assert verification.verdict is Verdict.VALID
    assert verification.slip is not None
    assert (verification.slip.masked_name, verification.slip.last_four) == ("欧阳**", "0042")
    assert verification.digits == office.get_digits(number)
    assert verify_short_code(office.installation, office.get_short_code(number)) == verification
