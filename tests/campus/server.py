"""Listens on one loopback port: the department systems and control natively, the pages and the provider by Flask."""

from __future__ import annotations

import asyncio
import ipaddress
import signal
import socket
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from aiohttp import web
from flask import Flask

from tests.campus.cas.records import CasRecords
from tests.campus.cas.views import add_cas_control, create_cas
from tests.campus.control import add_control_routes, name_errors
from tests.campus.credentials import Credentials
from tests.campus.department import add_department_routes
from tests.campus.described import Department
from tests.campus.equipment import add_equipment_routes
from tests.campus.pages import create_pages
from tests.campus.sign_in.records import Client
from tests.campus.sign_in.server import Provider
from tests.campus.sign_in.views import create_sign_in
from tests.campus.sip2_server import start_sip2
from tests.campus.state import State
from tests.campus.wsgi_bridge import create_wsgi_handler

BACKLOG = 1024
FLASK_THREADS = 4
# aiohttp takes 0 for no limit at all.
SHUTDOWN_SECONDS = 0.1
TOKEN_SECONDS = 600


class NotLoopbackError(ValueError):
    """The host to listen on is not this machine's own."""


def bind_loopback(host: str, port: int) -> socket.socket:
    """Return a listening socket; raises NotLoopbackError for any other host, OSError when the port is taken."""
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError as error:
        raise NotLoopbackError(host) from error
    if not address.is_loopback:
        raise NotLoopbackError(host)
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((str(address), port))
    listener.listen(BACKLOG)
    return listener


def address_of(listener: socket.socket) -> str:
    """Return the socket's address as a URL with no trailing slash."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def create_flask_app(
    url: str, state: State, credentials: Credentials, redirect_uris: tuple[str, ...], cas: CasRecords
) -> Flask:
    """Return the pages and both sign-in servers."""
    app = Flask(__name__)
    app.config["OAUTH2_TOKEN_EXPIRES_IN"] = {"authorization_code": TOKEN_SECONDS}
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    client = Client(credentials.client_id, credentials.client_secret, redirect_uris)
    app.register_blueprint(create_sign_in(Provider(app, f"{url}/oidc", client)))
    app.register_blueprint(create_cas(cas))
    app.register_blueprint(create_pages(state))
    return app


async def serve(
    listener: socket.socket,
    credentials: Credentials,
    redirect_uris: tuple[str, ...],
    sip2_listener: socket.socket | None = None,
    described: Mapping[str, Department] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then drop every connection; the library by SIP2 too if it has a socket. `described` are
    the departments that files describe.
    """
    stop = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stop.set)
    url, state, cas = address_of(listener), State(described), CasRecords(redirect_uris)
    with ThreadPoolExecutor(FLASK_THREADS, "campus-pages") as executor:
        app = web.Application(middlewares=[name_errors])
        add_department_routes(app, state, credentials)
        add_equipment_routes(app)
        add_cas_control(app, cas)
        add_control_routes(app, state)
        flask_app = create_flask_app(url, state, credentials, redirect_uris, cas)
        app.router.add_route("*", "/{rest:.*}", create_wsgi_handler(flask_app, executor))
        # Callers that hang are part of the play: their handlers end with their connection, and nobody waits at the end.
        runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS
        )
        await runner.setup()
        await web.SockSite(runner, listener, backlog=BACKLOG).start()
        if sip2_listener is not None:
            await start_sip2(sip2_listener, state, credentials)
            print("library by SIP2 on port", sip2_listener.getsockname()[1], flush=True)
        print(f"campus ready {url}/", flush=True)
        await stop.wait()
        await runner.cleanup()
