"""What is said of a provider that an operator asks about."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from app.identity.base import (
    CheckResult,
    ProviderMisbehaved,
    Severity,
    SignInError,
    SignInRefused,
    SignInUnavailable,
)
from app.identity.diagnostics import check_client, check_clock, collect

NOW = datetime(2026, 6, 1, 8, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("date", "fit"),
    [
        ("Mon, 01 Jun 2026 08:00:59 GMT", Severity.FITS),
        ("Mon, 01 Jun 2026 07:59:01 GMT", Severity.FITS),
        ("Mon, 01 Jun 2026 08:01:01 GMT", Severity.FAULT),
        ("Mon, 01 Jun 2026 16:00:00 +0800", Severity.FITS),
        ("Mon, 01 Jun 2026 16:00:00 GMT", Severity.FAULT),
        ("soon", Severity.NOTE),
        (None, Severity.NOTE),
    ],
)
def test_clocks_may_be_a_minute_apart(date: str | None, fit: Severity) -> None:
    assert check_clock(date, NOW).fit is fit


@pytest.mark.parametrize(
    ("fault", "fit"),
    [
        (SignInRefused("token:invalid_grant"), Severity.FITS),
        (ProviderMisbehaved("token:invalid_client"), Severity.FAULT),
        (ProviderMisbehaved("token:http_404"), Severity.FAULT),
        (ProviderMisbehaved("token:not_json"), Severity.FAULT),
        (SignInRefused("token:refused"), Severity.NOTE),
        (SignInUnavailable("timeout"), Severity.FAULT),
    ],
)
def test_a_code_of_nobody_tells_whether_the_client_is_known(fault: SignInError, fit: Severity) -> None:
    def refuse() -> None:
        raise fault

    assert check_client(refuse, "client_secret_post").fit is fit


def test_a_provider_that_takes_any_code_does_not_fit() -> None:
    assert check_client(lambda: {"access_token": "x"}, "client_secret_post").fit is Severity.FAULT


def test_what_was_found_before_a_fault_is_told_too() -> None:
    def look() -> Iterator[CheckResult]:
        yield CheckResult(Severity.FITS, "the discovery document is there")
        raise ProviderMisbehaved("keys:none")

    assert [finding.fit for finding in collect(look())] == [Severity.FITS, Severity.FAULT]
