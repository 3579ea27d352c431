"""What an operator would ask a plain OAuth 2.0 platform."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.identity.base import SignInFault
from app.identity.checks import check_client, check_page
from app.identity.exchange import Exchange
from app.identity.finding import Finding, Fit


def check_oauth2(
    exchange: Exchange, authorize: str, userinfo: str, exchange_code: Callable[[], object], client_auth: str
) -> Iterator[Finding]:
    """Look at the three addresses, and show a code that nobody issued."""
    yield check_page(exchange, authorize, "the authorization address")
    yield check_client(exchange_code, client_auth)
    yield _check_userinfo(exchange, userinfo)


def _check_userinfo(exchange: Exchange, address: str) -> Finding:
    """Without a token any answer but "no such page" will do."""
    try:
        with exchange.get(address, withhold_token=True) as response:
            status = response.status_code
    except SignInFault as fault:
        return Finding(Fit.FAULT, f"the userinfo address cannot be reached: {fault.reason}")
    if status in (404, 410) or status >= 500:
        return Finding(Fit.FAULT, f"the userinfo address answers with HTTP status {status}")
    return Finding(Fit.FITS, "the userinfo address answers")
