"""Asking a provider what an operator would ask before opening day, and saying in words what fits.

Nothing is changed anywhere: discovery, keys and pages are read, and a code or ticket that nobody issued is
shown, to learn whether our address, identifier and secret are known. No secret stands in what is said.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from app.identity.base import CheckResult, ProviderMisbehaved, Severity, SignInError, SignInUnavailable
from app.identity.cas_xml import read_validation
from app.identity.http import Exchange, parse_answer
from app.identity.oidc_tokens import LEEWAY_SECONDS, Metadata, read_keys, read_metadata

NOBODYS_CODE = "lixiao-check-nobodys-code"


def check_clock(date: str | None, now: datetime) -> CheckResult:
    """Compare the provider's clock (its Date header) with ours: tokens hold for minutes."""
    try:
        moment = parsedate_to_datetime(date or "")
    except ValueError:
        return CheckResult(Severity.NOTE, "the provider does not tell the time")
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = abs((moment - now).total_seconds())
    if seconds > LEEWAY_SECONDS:
        return CheckResult(Severity.FAULT, f"the provider's clock and ours are {seconds:.0f} seconds apart")
    return CheckResult(Severity.FITS, "the provider's clock agrees with ours")


def check_page(exchange: Exchange, address: str, what: str) -> CheckResult:
    """Whether a page for browsers is there at all; a provider may answer with a page or send one on."""
    try:
        status = exchange.get_status(address, "text/html")
    except SignInError as fault:
        return CheckResult(Severity.FAULT, f"{what} cannot be reached: {fault.reason}")
    if status >= 400:
        return CheckResult(
            Severity.FAULT, f"{what} answers with HTTP status {status}: is our address registered?"
        )
    return CheckResult(Severity.FITS, f"{what} answers")


def check_client(exchange_code: Callable[[], object], client_auth: str) -> CheckResult:
    """Whether the token endpoint knows our identifier and secret, sent in the way that `client_auth` names: it must
    refuse the code, not the client.
    """
    try:
        exchange_code()
    except SignInUnavailable as fault:
        return CheckResult(Severity.FAULT, f"the token endpoint cannot be reached: {fault.reason}")
    except SignInError as fault:
        return _explain_refusal(fault.reason, client_auth)
    return CheckResult(Severity.FAULT, "the token endpoint accepts a code that nobody issued")


def _explain_refusal(reason: str, client_auth: str) -> CheckResult:
    if reason == "token:invalid_grant":
        return CheckResult(
            Severity.FITS, "the token endpoint knows our client and refuses a code that nobody issued"
        )
    if reason in ("token:invalid_client", "token:unauthorized_client", "token:http_401"):
        message = (
            "the token endpoint does not know our client_id and client_secret, or expects them in another way"
        )
        return CheckResult(Severity.FAULT, f"{message} than client_auth = {client_auth}: {reason}")
    if reason.startswith(("token:http_", "token:not_")):
        return CheckResult(Severity.FAULT, f"the token endpoint does not answer as configured: {reason}")
    return CheckResult(
        Severity.NOTE, f"the token endpoint refuses a code that nobody issued, in words of its own: {reason}"
    )


def collect(steps: Iterator[CheckResult]) -> list[CheckResult]:
    """All findings; a step that the provider's answer ends is a fault itself."""
    findings: list[CheckResult] = []
    try:
        findings.extend(steps)
    except SignInError as fault:
        findings.append(CheckResult(Severity.FAULT, f"the provider's answer cannot be used: {fault.reason}"))
    return findings


NOBODYS_TICKET = "ST-0-lixiaocheckofaticketthatnobodyissued"
NOBODYS_SERVICE = "https://nobody.invalid/"
UNKNOWN_SERVICE = ("validate:html", "validate:invalid_service", "validate:unauthorized_service")


def check_cas(
    exchange: Exchange,
    make_login: Callable[[str], str],
    service: str,
    validate: Callable[[str], bytes],
) -> Iterator[CheckResult]:
    """Look at the login page for our address and for one that nobody registered, and show a ticket that nobody
    issued: the server must refuse the ticket. Servers look at a ticket before they look at the address, so that
    this answer says nothing of our registration; the two pages may.
    """
    page = check_page(exchange, make_login(service), "the login page")
    yield page
    try:
        read_validation(validate(NOBODYS_TICKET))
    except SignInUnavailable as fault:
        yield CheckResult(Severity.FAULT, f"the validation cannot be reached: {fault.reason}")
    except SignInError as fault:
        yield _explain_cas_refusal(fault.reason)
    else:
        yield CheckResult(Severity.FAULT, "the server accepts a ticket that nobody issued")
    if page.fit is Severity.FITS:
        yield _compare_pages(exchange, make_login, service)


def _compare_pages(exchange: Exchange, make_login: Callable[[str], str], service: str) -> CheckResult:
    """Whether the server lets people sign in for our address, and not for any."""
    ours = _asks_for_password(exchange, make_login(service))
    if ours and not _asks_for_password(exchange, make_login(NOBODYS_SERVICE)):
        return CheckResult(
            Severity.FITS, "the login page knows our address, and not one that nobody registered"
        )
    why = (
        "its login page is the same for any address"
        if ours
        else "its login page shows no field for a password"
    )
    return CheckResult(
        Severity.NOTE, f"it is not proven that our address is registered: {why}. Sign in once to be sure"
    )


def _asks_for_password(exchange: Exchange, address: str) -> bool:
    try:
        page = exchange.get(address, "login", {"Accept": "text/html"}).body
    except SignInError:  # another way to say no
        return False
    return b'type="password"' in page.lower().replace(b"'", b'"')


def _explain_cas_refusal(reason: str) -> CheckResult:
    if reason == "validate:invalid_ticket":
        return CheckResult(
            Severity.FITS, "the validation answers by CAS and refuses a ticket that nobody issued"
        )
    if reason in UNKNOWN_SERVICE:
        return CheckResult(
            Severity.FAULT, f"the server does not know our callback address, or url is wrong: {reason}"
        )
    return CheckResult(Severity.FAULT, f"the validation does not answer as CAS does: {reason}")


def check_oauth2(
    exchange: Exchange, authorize: str, userinfo: str, exchange_code: Callable[[], object], client_auth: str
) -> Iterator[CheckResult]:
    """Look at the three addresses, and show a code that nobody issued."""
    yield check_page(exchange, authorize, "the authorization address")
    yield check_client(exchange_code, client_auth)
    yield _check_userinfo(exchange, userinfo)


def _check_userinfo(exchange: Exchange, address: str) -> CheckResult:
    """Without a token any answer but "no such page" will do."""
    try:
        status = exchange.get_status(address, "application/json")
    except SignInError as fault:
        return CheckResult(Severity.FAULT, f"the userinfo address cannot be reached: {fault.reason}")
    if status in (404, 410) or status >= 500:
        return CheckResult(Severity.FAULT, f"the userinfo address answers with HTTP status {status}")
    return CheckResult(Severity.FITS, "the userinfo address answers")


def check_oidc(
    exchange: Exchange,
    issuer: str,
    choose_client_auth: Callable[[Metadata], str],
    scopes: tuple[str, ...],
    begin: Callable[[], str],
    exchange_code: Callable[[Metadata], object],
    asks_userinfo: bool,
) -> Iterator[CheckResult]:
    """Look at discovery, issuer, clock, keys, PKCE, RFC 9207, the way of authentication, and our client.
    `begin` makes the address of a sign-in, and `exchange_code` shows a code that nobody issued. Raises SignInError where the provider's answer ends the look.
    """
    address = f"{issuer.rstrip('/')}/.well-known/openid-configuration"
    answer = exchange.get(address, "discovery")
    document = parse_answer(answer.body, "discovery")
    yield CheckResult(Severity.FITS, "the discovery document is there")
    yield check_clock(answer.headers.get("Date"), datetime.now(UTC))
    if document.get("issuer") != issuer:
        yield CheckResult(
            Severity.FAULT, "the document's issuer is not, letter by letter, the configured one"
        )
        return
    metadata = read_metadata(document, issuer)
    keys = read_keys(exchange.get_json(metadata.jwks_uri, "keys"))
    yield CheckResult(
        Severity.FITS, f"the issuer is the configured one; {len(keys)} signing key(s) can be used"
    )
    client_auth = choose_client_auth(metadata)
    yield from _read_promises(document, client_auth, scopes)
    if asks_userinfo and not metadata.userinfo_endpoint:
        yield CheckResult(
            Severity.NOTE, "there is no userinfo endpoint: every claim must stand in the id_token"
        )
    yield check_page(exchange, begin(), "the authorization endpoint")
    yield check_client(lambda: exchange_code(metadata), client_auth)


def _read_promises(
    document: Mapping[str, Any], client_auth: str, scopes: tuple[str, ...]
) -> Iterator[CheckResult]:
    has_pkce = "S256" in _list(document, "code_challenge_methods_supported")
    yield (
        CheckResult(Severity.FITS, "PKCE with S256 is supported")
        if has_pkce
        else CheckResult(
            Severity.NOTE, "PKCE is not promised; the nonce alone ties the answer to the browser"
        )
    )
    if document.get("authorization_response_iss_parameter_supported") is True:
        yield CheckResult(Severity.FITS, "the callback names its issuer (RFC 9207), which is checked")
    else:
        yield CheckResult(Severity.NOTE, "the callback does not name its issuer (RFC 9207)")
    # Not told means this one (OpenID Connect Discovery 1.0, 3).
    methods = _list(document, "token_endpoint_auth_methods_supported") or ["client_secret_basic"]
    if client_auth not in methods:
        yield CheckResult(
            Severity.FAULT, f"client_auth is {client_auth}, and the provider takes {', '.join(methods)}"
        )
    unknown = [scope for scope in scopes if scope not in (_list(document, "scopes_supported") or scopes)]
    if unknown:
        yield CheckResult(Severity.NOTE, f"the provider does not name these scopes: {', '.join(unknown)}")


def _list(document: Mapping[str, Any], name: str) -> list[str]:
    value = document.get(name, [])
    if not isinstance(value, list) or not all(isinstance(item, str) and item.isprintable() for item in value):
        raise ProviderMisbehaved(f"discovery:{name}")
    return value
