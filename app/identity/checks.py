"""Asking a provider what an operator would ask before opening day, and saying in words what fits.

Nothing is changed anywhere: discovery, keys and pages are read, and a code or ticket that nobody issued is
shown, to learn whether our address, identifier and secret are known. No secret stands in what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from app.identity.base import SignInFault, SignInUnavailable
from app.identity.exchange import Exchange
from app.identity.finding import Finding, Fit
from app.identity.id_token import LEEWAY_SECONDS

NOBODYS_CODE = "lixiao-check-nobodys-code"


def check_clock(date: str | None, now: datetime) -> Finding:
    """Compare the provider's clock (its Date header) with ours: tokens hold for minutes."""
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        return Finding(Fit.NOTE, "the provider does not tell the time")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = abs((moment - now).total_seconds())
    if seconds > LEEWAY_SECONDS:
        return Finding(Fit.FAULT, f"the provider's clock and ours are {seconds:.0f} seconds apart")
    return Finding(Fit.FITS, "the provider's clock agrees with ours")


def check_page(exchange: Exchange, address: str, what: str) -> Finding:
    """Whether a page for browsers is there at all; a provider may answer with a page or send one on."""
    try:
        with exchange.get(address, withhold_token=True, headers={"Accept": "text/html"}) as response:
            status = response.status_code
    except SignInFault as fault:
        return Finding(Fit.FAULT, f"{what} cannot be reached: {fault.reason}")
    if status >= 400:
        return Finding(Fit.FAULT, f"{what} answers with HTTP status {status}: is our address registered?")
    return Finding(Fit.FITS, f"{what} answers")


def check_client(exchange_code: Callable[[], object], client_auth: str) -> Finding:
    """Whether the token endpoint knows our identifier and secret, sent in the way that `client_auth` names: it must
    refuse the code, not the client.
    """
    try:
        exchange_code()
    except SignInUnavailable as fault:
        return Finding(Fit.FAULT, f"the token endpoint cannot be reached: {fault.reason}")
    except SignInFault as fault:
        return _explain_refusal(fault.reason, client_auth)
    return Finding(Fit.FAULT, "the token endpoint accepts a code that nobody issued")


def _explain_refusal(reason: str, client_auth: str) -> Finding:
    if reason == "token:invalid_grant":
        return Finding(Fit.FITS, "the token endpoint knows our client and refuses a code that nobody issued")
    if reason in ("token:invalid_client", "token:unauthorized_client", "token:http_401"):
        says = (
            "the token endpoint does not know our client_id and client_secret, or expects them in another way"
        )
        return Finding(Fit.FAULT, f"{says} than client_auth = {client_auth}: {reason}")
    if reason.startswith(("token:http_", "token:not_")):
        return Finding(Fit.FAULT, f"the token endpoint does not answer as configured: {reason}")
    return Finding(
        Fit.NOTE, f"the token endpoint refuses a code that nobody issued, in words of its own: {reason}"
    )


def collect(steps: Iterator[Finding]) -> list[Finding]:
    """All findings; a step that the provider's answer ends is a fault itself."""
    findings: list[Finding] = []
    try:
        findings.extend(steps)
    except SignInFault as fault:
        findings.append(Finding(Fit.FAULT, f"the provider's answer cannot be used: {fault.reason}"))
    return findings
