"""A department behind OAuth 2.0 client credentials (RFC 6749) and bearer tokens (RFC 6750), as Authlib's server gives and
checks them.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from authlib.integrations.flask_oauth2 import AuthorizationServer, ResourceProtector
from authlib.oauth2.rfc6749 import ClientMixin, TokenMixin
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6750 import BearerTokenValidator
from flask import Flask, request
from werkzeug.serving import make_server

from app.connectors.base import Connector
from app.domain.clearance import Reading
from tests.fixtures.connectors import connect_all
from tests.integration.connectors.stand_in import SECTION, STUDENT, ask, fault_of

CLIENT, SECRET = "lixiao", "geheim-0819"


class Client(ClientMixin):  # type: ignore[misc]
    """The one client that it knows."""

    def check_client_secret(self, client_secret: str) -> bool:
        return client_secret == SECRET

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method in ("client_secret_basic", "client_secret_post")

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == "client_credentials"

    def get_allowed_scope(self, scope: str) -> str:
        return scope or ""


@dataclass
class Token(TokenMixin):  # type: ignore[misc]
    """A token that it gave; times are unix seconds."""

    text: str
    expires_at: float
    is_over: bool = False

    def is_expired(self) -> bool:
        return self.expires_at < time.time()

    def is_revoked(self) -> bool:
        return self.is_over

    def get_scope(self) -> str:
        return ""


@dataclass
class Department:
    """What the independent server gave, and how often it was asked."""

    tokens: dict[str, Token] = field(default_factory=dict)
    questions: int = 0
    url: str = ""

    def make_app(self) -> Flask:
        """Its token endpoint, and a question that a bearer token opens."""
        app = Flask(__name__)
        server = AuthorizationServer(app, lambda name: Client() if name == CLIENT else None, self._keep)

        class Grant(ClientCredentialsGrant):  # type: ignore[misc]
            TOKEN_ENDPOINT_AUTH_METHODS: ClassVar[list[str]] = ["client_secret_basic", "client_secret_post"]

        server.register_grant(Grant)
        protect = ResourceProtector()
        protect.register_token_validator(_make_validator(self))
        app.add_url_rule("/oauth/token", "token", server.create_token_response, methods=["POST"])

        @app.get("/readers")
        @protect()
        def read() -> dict[str, Any]:
            self.questions += 1
            return {"code": 0, "no": request.args["no"], "rows": [{"books": 0}]}

        return app

    def _keep(self, token: dict[str, Any], _request: Any) -> None:
        text = token["access_token"]
        self.tokens[text] = Token(text, time.time() + token["expires_in"])


def _make_validator(department: Department) -> BearerTokenValidator:
    class Validator(BearerTokenValidator):  # type: ignore[misc]
        def authenticate_token(self, token_string: str) -> Token | None:
            return department.tokens.get(token_string)

    return Validator()


@pytest.fixture
def department(monkeypatch: pytest.MonkeyPatch) -> Iterator[Department]:
    monkeypatch.setenv("AUTHLIB_INSECURE_TRANSPORT", "1")
    running = Department()
    server = make_server("127.0.0.1", 0, running.make_app(), threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    running.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield running
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def connect(department: Department, **changes: Any) -> Connector:
    token = {
        "path": "/oauth/token",
        "method": "POST",
        "fixed": {"form": {"grant_type": "client_credentials"}},
        "credentials_in": "basic",
        "id": CLIENT,
        "secret": SECRET,
        "token_path": "access_token",
        "life_path": "expires_in",
        "placed_in": "header",
        "name": "Authorization",
        "prefix": "Bearer ",
    }
    table = {key: value for key, value in SECTION.items() if not key.startswith("credential")}
    further = {"base_url": department.url, "credential_in": "none", "token": token | changes}
    return connect_all({"x": table | further})["x"]


@pytest.mark.parametrize(
    "changes", [{}, {"credentials_in": "form", "id_name": "client_id", "secret_name": "client_secret"}]
)
def test_a_token_of_authlib_opens_the_department(department: Department, changes: dict[str, str]) -> None:
    connector = connect(department, **changes)
    for _ in range(3):
        answer = ask(connector)
        assert isinstance(answer, Reading), answer
        assert answer.student_number == STUDENT
    assert (len(department.tokens), department.questions) == (1, 3)


def test_a_token_that_authlib_has_revoked_is_renewed(department: Department) -> None:
    connector = connect(department)
    assert isinstance(ask(connector), Reading)
    for token in department.tokens.values():
        token.is_over = True
    assert isinstance(ask(connector), Reading)
    assert len(department.tokens) == 2


@pytest.mark.parametrize("changes", [{"secret": "geheim-wrong"}, {"id": "nobody"}, {"fixed": {}}])
def test_what_authlib_refuses_is_told_as_refused(department: Department, changes: dict[str, Any]) -> None:
    assert fault_of(connect(department, **changes)) == "token_refused"
    assert department.questions == 0
