"""Every route has an access rule, written down here: a new one without a rule fails."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

import pytest
import requests
from flask import Flask
from jinja2 import StrictUndefined

from app.factory import create_app
from app.settings import load_settings
from app.web.language import LANGUAGES
from tests.conftest import Service
from tests.fixtures.staff_routes import STAFF_ROUTES
from tests.visitor import Visitor, get_csrf_token


class Access(StrEnum):
    """Who may use a route."""

    ANYBODY = "anybody"
    SIGNED_IN = "whoever is signed in"
    STUDENT = "students"
    STAFF = "guards and clerks; others are told so as JSON"
    GRANT = "whoever holds a grant that brings the right, see tests/fixtures/staff_routes.py"
    LINK_OR_OWNER = "whoever holds a signed link, and the slip's owner"


RULES = {
    "static": Access.ANYBODY,
    "ops.healthz": Access.ANYBODY,
    "ops.readyz": Access.ANYBODY,
    "ops.metrics": Access.ANYBODY,  # who holds the token: see test_metrics.py
    "auth.sign_in": Access.ANYBODY,
    "auth.begin": Access.ANYBODY,
    "auth.callback": Access.ANYBODY,
    "auth.end_session": Access.ANYBODY,
    "auth.enter": Access.ANYBODY,
    "auth.confirm": Access.ANYBODY,
    "auth.begin_session": Access.ANYBODY,
    "auth.sign_out": Access.ANYBODY,
    "mini_app.hall": Access.ANYBODY,
    "mini_app.guide": Access.ANYBODY,
    "mini_app.clearance": Access.STUDENT,
    "mini_app.refresh": Access.STUDENT,
    "mini_app.refresh_all": Access.STUDENT,
    "mini_app.confirm_action": Access.STUDENT,
    "mini_app.act": Access.STUDENT,
    "mini_app.check_answers": Access.STUDENT,
    "mini_app.submit_departure": Access.STUDENT,
    "desk_codes.show": Access.STUDENT,
    "desk_codes.open_code": Access.ANYBODY,
    "notices.privacy": Access.ANYBODY,
    "notices.faq": Access.ANYBODY,
    "notices.consent": Access.STUDENT,
    "notices.withdraw": Access.STUDENT,
    "slips.completed": Access.SIGNED_IN,
    "slips.slip": Access.SIGNED_IN,
    "slips.slip_pdf": Access.LINK_OR_OWNER,
    "slips.slip_png": Access.LINK_OR_OWNER,
    "verify.show": Access.ANYBODY,
    "verify.compare": Access.ANYBODY,
    "verify.enter": Access.ANYBODY,
    "verify.verify": Access.ANYBODY,
    "verify.slip_keys": Access.ANYBODY,
    "verify.slip_status": Access.ANYBODY,
    "verify.gate": Access.ANYBODY,
    "verify.gate_manifest": Access.ANYBODY,
    "verify.gate_worker": Access.ANYBODY,
    "verify.gate_session": Access.ANYBODY,
    "verify.gate_decoder": Access.ANYBODY,
    "verify.gate_scans": Access.STAFF,
    **dict.fromkeys(STAFF_ROUTES, Access.GRANT),
}

CHANGES_NOTHING = {"verify.compare", "verify.verify"}
"""Forms for strangers without a session: they ask and change nothing, so that no token protects them."""

NAMES_ITS_TICKET = {"auth.end_session"}
"""For the campus's server, which has no token: it ends only the session of the ticket that it names."""

ARGUMENTS = {
    "app_path": "graduate-departure",
    "step_key": "library_loans",
    "action_key": "cancel-card",
    "number": "LX260000000000000",
    "name": "campus",
    "code": "1",
    "token": "1",
    "filename": "lixiao.css",
    "grant_id": "1",
    "period": "2026-06",
    "key": "0" * 12,
    "request_id": "1",
    "app": "graduate-departure",
    "step": "archive",
}


@pytest.fixture(scope="module")
def app(running_service: Service) -> Flask:
    """The application, in this process."""
    return create_app(load_settings(running_service.environment))


def list_routes(app: Flask) -> Iterator[tuple[str, str, str]]:
    """Each route's endpoint, method and an address of it."""
    with app.test_request_context(base_url="http://127.0.0.1"):
        for rule in app.url_map.iter_rules():
            _, path = rule.build({name: ARGUMENTS[name] for name in rule.arguments}) or ("", "")
            for method in sorted((rule.methods or set()) & {"GET", "POST"}):
                yield rule.endpoint, method, path


def test_every_route_has_an_access_rule(app: Flask) -> None:
    endpoints = {endpoint for endpoint, _, _ in list_routes(app)}
    assert endpoints == RULES.keys()


def test_a_route_without_a_rule_is_noticed(running_service: Service) -> None:
    app = create_app(load_settings(running_service.environment))
    app.add_url_rule("/new", endpoint="new", view_func=lambda: "")
    with pytest.raises(AssertionError):
        test_every_route_has_an_access_rule(app)


def test_who_is_not_signed_in_is_led_to_the_sign_in_from_every_page_that_needs_one(
    service: Service, app: Flask
) -> None:
    for endpoint, method, path in list_routes(app):
        answer = requests.request(method, service.url + path, allow_redirects=False, timeout=30)
        is_led = answer.headers.get("Location", "").startswith("/sign-in?")
        assert is_led == (RULES[endpoint] not in (Access.ANYBODY, Access.STAFF)), (endpoint, method)


def test_who_is_no_staff_is_refused_by_every_page_for_staff(
    service: Service, visitor: Visitor, app: Flask
) -> None:
    token = get_csrf_token(visitor.sign_in("TS23000002"))
    for endpoint, method, path in list_routes(app):
        if RULES[endpoint] is Access.STAFF:
            answer = visitor.http.request(
                method, service.url + path, json={}, headers={"X-CSRFToken": token}, timeout=30
            )
            assert answer.status_code == 403, endpoint


def test_who_is_no_student_is_refused_by_every_page_for_students(
    service: Service, visitor: Visitor, app: Flask
) -> None:
    visitor.sign_in("00420013")
    token = visitor.get("/completed")
    for endpoint, method, path in list_routes(app):
        if RULES[endpoint] is not Access.STUDENT:
            continue
        answer = visitor.post(path, token) if method == "POST" else visitor.get(path)
        assert answer.status_code == 403, (endpoint, method)
        assert 'data-error="NotAStudent"' in answer.text


def test_every_changing_route_wants_a_csrf_token(service: Service, visitor: Visitor, app: Flask) -> None:
    visitor.sign_in("TS23000002")
    for endpoint, method, path in list_routes(app):
        if method == "POST" and endpoint not in CHANGES_NOTHING | NAMES_ITS_TICKET:
            answer = visitor.http.post(service.url + path, allow_redirects=False, timeout=30)
            assert answer.status_code == 400, endpoint


def test_every_template_compiles_and_none_is_lenient_about_undefined_names(app: Flask) -> None:
    environments = app.extensions["page_environments"].values()
    assert len(environments) == len(LANGUAGES)
    for environment in environments:
        assert environment.undefined is StrictUndefined
        names = environment.list_templates(extensions=["html"])
        assert {"layouts/page.html", "errors/error.html"} <= set(names)
        for name in names:
            environment.get_template(name)
