"""An answer that is none has a name of the connectors, whatever the client calls it."""

from __future__ import annotations

import pytest

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.client import check_status
from app.http_client import HttpFault


@pytest.mark.parametrize("fault", HttpFault)
def test_every_fault_of_the_client_is_known_to_departments_by_the_same_word(fault: HttpFault) -> None:
    assert FailureCode(fault) == fault


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 400, 401, 403, 404, 429, 500, 503, 999])
def test_only_the_status_200_counts(status: int) -> None:
    check_status(200)
    with pytest.raises(UntrustedAnswer):
        check_status(status)
