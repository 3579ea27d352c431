"""The CAS server's addresses, all below `/cas`, and its control address."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from http.client import HTTPException
from urllib.parse import urlencode
from urllib.request import urlopen

from aiohttp import web
from flask import Blueprint, Response, abort, redirect, render_template, request

from tests.campus.accounts import DEMO_ACCOUNTS, find_account
from tests.campus.cas.answers import write_bomb, write_failure, write_logout, write_success
from tests.campus.cas.records import CasFault, CasRecords, TicketRefused
from tests.campus.credentials import PASSWORD
from tests.campus.sign_in.records import is_loopback_url
from tests.campus.signatures import is_same

COOKIE = "campus_tgc"
HANG_SECONDS = 8
HUGE_BYTES = 2_000_000
LOGOUT_SECONDS = 5


def create_cas(records: CasRecords) -> Blueprint:
    """Return the server's pages and machine addresses."""
    blueprint = Blueprint("cas", __name__, url_prefix="/cas")
    views = _Views(records)
    blueprint.add_url_rule("/login", view_func=views.login, methods=["GET", "POST"])
    blueprint.add_url_rule("/logout", view_func=views.logout)
    blueprint.add_url_rule("/serviceValidate", view_func=views.validate)
    blueprint.add_url_rule("/p3/serviceValidate", view_func=views.validate_with_attributes)
    return blueprint


def add_cas_control(app: web.Application, records: CasRecords) -> None:
    """Add `GET|PUT /control/cas` with `{"fault": "<name>"}`."""

    async def control(asked: web.Request) -> web.Response:
        if asked.method == "PUT":
            try:
                records.fault = CasFault((await asked.json())["fault"])
            except (ValueError, KeyError, TypeError):
                return web.json_response({"error": f"fault: one of {' '.join(CasFault)}"}, status=400)
        return web.json_response({"fault": records.fault})

    app.router.add_route("*", "/control/cas", control)


class _Views:
    def __init__(self, records: CasRecords) -> None:
        self.records = records

    def login(self) -> Response | str | tuple[str, int]:
        """Ask who it is, unless the browser is signed in already; then send it back with a ticket."""
        service = request.args.get("service", "")
        if service and not self.records.is_registered(service):
            return _show_unregistered()
        identifier = request.cookies.get(COOKIE, "")
        if request.method == "GET":
            known = self.records.sessions.get(identifier) and request.args.get("renew") != "true"
            return self._send_back(identifier, service) if known else _show_page()
        typed = request.form.get("username", "").strip()
        if find_account(typed.upper()) is None or not is_same(request.form.get("password", ""), PASSWORD):
            return _show_page("账号或密码不正确"), 401
        identifier = self.records.start_session(typed)
        response = self._send_back(identifier, service)
        response.set_cookie(COOKIE, identifier, path="/cas", httponly=True, samesite="Lax")
        return response

    def _send_back(self, identifier: str, service: str) -> Response:
        if not service:
            return Response(render_template("signed_out.html"))
        ticket = self.records.make_ticket(identifier, service)
        mark = "&" if "?" in service else "?"
        return _redirect(f"{service}{mark}{urlencode({'ticket': ticket})}")

    def validate(self) -> Response:
        """Protocol 2.0."""
        return self._validate(has_attributes=False)

    def validate_with_attributes(self) -> Response:
        """Protocol 3.0."""
        if self.records.fault is CasFault.OLD_SERVER:
            abort(404)
        return self._validate(has_attributes=True)

    def _validate(self, has_attributes: bool) -> Response:
        fault = self.records.fault
        wrong = _misbehave(fault)
        if wrong is not None:
            return wrong
        service, ticket = request.args.get("service", ""), request.args.get("ticket", "")
        if not service or not ticket:
            return _xml(write_failure("INVALID_REQUEST", fault))
        if not self.records.is_registered(service):
            return Response(_show_unregistered())
        try:
            typed = self.records.use_ticket(ticket, service)
        except TicketRefused as refused:
            return _xml(write_failure(str(refused), fault))
        person = find_account(typed.upper())
        assert person is not None
        return _xml(write_success(person, typed, has_attributes, fault))

    def logout(self) -> Response:
        """End the browser's session, tell every service that knows it, and send the browser on."""
        session = self.records.sessions.pop(request.cookies.get(COOKIE, ""))
        for ticket, service in session.validated if session else ():
            threading.Thread(target=_tell, args=(service, ticket), daemon=True).start()
        service = request.args.get("service", "")
        response = (
            _redirect(service) if is_loopback_url(service) else Response(render_template("signed_out.html"))
        )
        response.delete_cookie(COOKIE, path="/cas")
        return response


def _tell(service: str, ticket: str) -> None:
    form = urlencode({"logoutRequest": write_logout(ticket)}).encode()
    with suppress(OSError, HTTPException):  # a service that is gone needs no telling
        urlopen(service, form, LOGOUT_SECONDS).close()


def _misbehave(fault: CasFault) -> Response | None:
    if fault is CasFault.HANG:
        time.sleep(HANG_SECONDS)
    if fault is CasFault.HTTP_500:
        abort(500)
    if fault is CasFault.HTML:
        return Response(_show_unregistered())
    if fault is CasFault.HUGE:
        return _xml(" " * HUGE_BYTES)
    return _xml(write_bomb()) if fault is CasFault.BOMB else None


def _xml(text: str) -> Response:
    return Response(text, mimetype="application/xml")


def _redirect(address: str) -> Response:
    response = redirect(address)
    response.headers["Cache-Control"] = "no-store"
    assert isinstance(response, Response)
    return response


def _show_unregistered() -> str:
    """Real servers answer 200 with a page, to a browser and to a service alike."""
    return render_template("unregistered.html")


def _show_page(error: str | None = None) -> str:
    return render_template(
        "sign_in.html", accounts=DEMO_ACCOUNTS, error=error, username=request.form.get("username", "")
    )
