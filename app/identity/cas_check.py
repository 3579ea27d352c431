"""What an operator would ask a CAS server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.identity.base import SignInFault, SignInUnavailable
from app.identity.cas_xml import read_validation
from app.identity.checks import check_page
from app.identity.exchange import Exchange
from app.identity.finding import Finding, Fit

NOBODYS_TICKET = "ST-0-lixiaocheckofaticketthatnobodyissued"
NOBODYS_SERVICE = "https://nobody.invalid/"
UNKNOWN_SERVICE = ("validate:html", "validate:invalid_service", "validate:unauthorized_service")


def check_cas(
    exchange: Exchange,
    make_login: Callable[[str], str],
    service: str,
    validate: Callable[[str], bytes],
) -> Iterator[Finding]:
    """Look at the login page for our address and for one that nobody registered, and show a ticket that nobody
    issued: the server must refuse the ticket. Servers look at a ticket before they look at the address, so that
    this answer says nothing of our registration; the two pages may.
    """
    page = check_page(exchange, make_login(service), "the login page")
    yield page
    try:
        read_validation(validate(NOBODYS_TICKET))
    except SignInUnavailable as fault:
        yield Finding(Fit.FAULT, f"the validation cannot be reached: {fault.reason}")
    except SignInFault as fault:
        yield _explain_refusal(fault.reason)
    else:
        yield Finding(Fit.FAULT, "the server accepts a ticket that nobody issued")
    if page.fit is Fit.FITS:
        yield _compare_pages(exchange, make_login, service)


def _compare_pages(exchange: Exchange, make_login: Callable[[str], str], service: str) -> Finding:
    """Whether the server lets people sign in for our address, and not for any."""
    ours = _asks_for_password(exchange, make_login(service))
    if ours and not _asks_for_password(exchange, make_login(NOBODYS_SERVICE)):
        return Finding(Fit.FITS, "the login page knows our address, and not one that nobody registered")
    why = (
        "its login page is the same for any address"
        if ours
        else "its login page shows no field for a password"
    )
    return Finding(
        Fit.NOTE, f"it is not proven that our address is registered: {why}. Sign in once to be sure"
    )


def _asks_for_password(exchange: Exchange, address: str) -> bool:
    try:
        response = exchange.get(address, withhold_token=True, headers={"Accept": "text/html"})
        page = exchange.read_body(response, "login")
    except SignInFault:  # another way to say no
        return False
    return b'type="password"' in page.lower().replace(b"'", b'"')


def _explain_refusal(reason: str) -> Finding:
    if reason == "validate:invalid_ticket":
        return Finding(Fit.FITS, "the validation answers by CAS and refuses a ticket that nobody issued")
    if reason in UNKNOWN_SERVICE:
        return Finding(Fit.FAULT, f"the server does not know our callback address, or url is wrong: {reason}")
    return Finding(Fit.FAULT, f"the validation does not answer as CAS does: {reason}")
