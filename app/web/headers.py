"""Security headers, in one place."""

from __future__ import annotations

from functools import partial

from flask import Flask, Response, g, request

CONTENT_SECURITY_POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)


def list_fixed_headers(is_https: bool) -> list[tuple[str, str]]:
    """The headers that every answer has, whatever it is."""
    headers = [
        ("X-Content-Type-Options", "nosniff"),
        ("Referrer-Policy", "same-origin"),
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Permissions-Policy", "geolocation=(), microphone=()"),
    ]
    return [*headers, ("Strict-Transport-Security", "max-age=31536000")] if is_https else headers


def register_headers(app: Flask) -> None:
    """Set the headers on every answer."""
    fixed = list_fixed_headers(app.extensions["installation"].settings.service.is_https)
    app.after_request(partial(_set_headers, fixed))


def _set_headers(fixed: list[tuple[str, str]], response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.extend(fixed)
    headers.add("X-Request-ID", g.get("request_id", ""))
    is_file = request.endpoint == "static" and response.status_code in (200, 206, 304)
    if is_file and "v" in request.args:
        headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif not is_file:
        headers.setdefault("Cache-Control", "private, no-store")
    return response
