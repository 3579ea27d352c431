"""What an operator would ask a CAS server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.identity.base import SignInFault, SignInUnavailable
from app.identity.cas_xml import read_validation
from app.identity.checks import check_page
from app.identity.exchange import Exchange
from app.identity.finding import Finding, Fit

NOBODYS_TICKET = "ST-0-lixiaocheckofaticketthatnobodyissued"
UNKNOWN_SERVICE = ("validate:html", "validate:invalid_service", "validate:unauthorized_service")


def check_cas(exchange: Exchange, login: str, validate: Callable[[str], bytes]) -> Iterator[Finding]:
    """Look at the login page, and show a ticket that nobody issued: the server must know our address and
    refuse the ticket.
    """
    yield check_page(exchange, login, "the login page")
    try:
        read_validation(validate(NOBODYS_TICKET))
    except SignInUnavailable as fault:
        yield Finding(Fit.FAULT, f"the validation cannot be reached: {fault.reason}")
    except SignInFault as fault:
        yield _explain_refusal(fault.reason)
    else:
        yield Finding(Fit.FAULT, "the server accepts a ticket that nobody issued")


def _explain_refusal(reason: str) -> Finding:
    if reason == "validate:invalid_ticket":
        return Finding(Fit.FITS, "the validation answers by CAS and refuses a ticket that nobody issued")
    if reason in UNKNOWN_SERVICE:
        return Finding(Fit.FAULT, f"the server does not know our callback address, or url is wrong: {reason}")
    return Finding(Fit.FAULT, f"the validation does not answer as CAS does: {reason}")
