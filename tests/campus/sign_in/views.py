"""The provider's addresses and its sign-in page."""

from __future__ import annotations

from typing import Any

from authlib.oauth2 import OAuth2Error
from flask import Blueprint, Response, jsonify, render_template, request

from tests.campus.accounts import DEMO_ACCOUNTS, Account, find_account
from tests.campus.credentials import PASSWORD
from tests.campus.sign_in.server import SCOPES, SESSION_COOKIE, Provider
from tests.campus.signatures import is_same


def create_sign_in(provider: Provider) -> Blueprint:
    """Return the provider's pages and machine addresses, all below `/oidc`."""
    blueprint = Blueprint("sign_in", __name__, url_prefix="/oidc")
    views = _Views(provider)
    blueprint.add_url_rule("/.well-known/openid-configuration", view_func=views.discovery)
    blueprint.add_url_rule("/jwks", view_func=views.jwks)
    blueprint.add_url_rule("/authorize", view_func=views.authorize, methods=["GET", "POST"])
    blueprint.add_url_rule("/token", view_func=views.token, methods=["POST"])
    blueprint.add_url_rule("/userinfo", view_func=views.userinfo, methods=["GET", "POST"])
    blueprint.add_url_rule("/sign-out", view_func=views.sign_out, methods=["GET", "POST"])
    return blueprint


def describe(issuer: str) -> dict[str, Any]:
    """Return the discovery document (OpenID Connect Discovery 1.0, RFC 9207)."""
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "end_session_endpoint": f"{issuer}/sign-out",
        "jwks_uri": f"{issuer}/jwks",
        "scopes_supported": list(SCOPES),
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "prompt_values_supported": ["none", "login"],
        "authorization_response_iss_parameter_supported": True,
        "claims_supported": [
            "sub",
            "number",
            "name",
            "college",
            "major",
            "level",
            "role",
            "graduation_period",
        ],
    }


class _Views:
    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def discovery(self) -> Response:
        return jsonify(describe(self.provider.issuer))

    def jwks(self) -> Response:
        return jsonify(self.provider.keys.as_dict(private=False))

    def authorize(self) -> Response | str | tuple[str, int]:
        """Ask who it is, unless the browser is signed in already; then answer the service."""
        person = self.provider.signed_in()
        try:
            grant = self.provider.server.get_consent_grant(end_user=person)
        except OAuth2Error as error:
            response: Response = self.provider.server.handle_error_response(None, error)
            self.provider.issuer_parameter.add_issuer_parameter(self.provider.server, response)
            return response
        if request.method == "POST":
            return self._answer_form(grant)
        if person is None or grant.prompt:
            return _render_page()
        return self._answer(grant, person)

    def _answer_form(self, grant: Any) -> Response | tuple[str, int]:
        if "cancel" in request.form:
            return self._answer(grant, None)
        person = find_account(request.form.get("username", "").strip())
        if person is None or not is_same(request.form.get("password", ""), PASSWORD):
            return _render_page("账号或密码不正确"), 401
        response = self._answer(grant, person)
        session_id = self.provider.records.start_session(person.number)
        response.set_cookie(SESSION_COOKIE, session_id, path="/oidc", httponly=True, samesite="Lax")
        return response

    def _answer(self, grant: Any, person: Account | None) -> Response:
        response: Response = self.provider.server.create_authorization_response(
            grant=grant, grant_user=person
        )
        response.headers["Cache-Control"] = "no-store"
        return response

    def token(self) -> Response:
        response: Response = self.provider.server.create_token_response()
        return response

    def userinfo(self) -> Response:
        response: Response = self.provider.server.create_endpoint_response("userinfo")
        return response

    def sign_out(self) -> Response | str:
        """End the browser's session and send it back when it says where to (RP-Initiated Logout 1.0)."""
        answer = self.provider.server.create_endpoint_response("end_session")
        response = answer or Response(render_template("signed_out.html"))
        response.delete_cookie(SESSION_COOKIE, path="/oidc")
        return response


def _render_page(error: str | None = None) -> str:
    return render_template(
        "sign_in.html", accounts=DEMO_ACCOUNTS, error=error, username=request.form.get("username", "")
    )
