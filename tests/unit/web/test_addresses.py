"""Addresses that are remembered."""

from __future__ import annotations

import flask
import pytest
from flask import Flask
from werkzeug.routing import BuildError

from app.web.errors import find_retry_path
from app.web.page_context import url_for


@pytest.fixture
def app() -> Flask:
    app = Flask(__name__)
    app.add_url_rule("/slips/<number>", endpoint="slip", view_func=lambda number: number)
    return app


@pytest.mark.parametrize("root", ["", "/below"])
def test_a_remembered_address_is_flasks_wherever_the_service_is_mounted(app: Flask, root: str) -> None:
    for _ in range(2):
        with app.test_request_context("/", environ_overrides={"SCRIPT_NAME": root}):
            assert url_for("slip", number="离 1", v=2) == flask.url_for("slip", number="离 1", v=2)
            assert url_for("slip", number="2") == f"{root}/slips/2"


def test_a_page_that_there_is_not_has_no_address(app: Flask) -> None:
    with app.test_request_context("/"), pytest.raises(BuildError):
        url_for("nowhere")


@pytest.mark.parametrize("path", ["//example.org/x", "///example.org/x"])
def test_the_way_to_try_again_never_leads_to_another_host(app: Flask, path: str) -> None:
    with app.test_request_context("/?a=1", environ_overrides={"PATH_INFO": path}):
        assert find_retry_path() == "/example.org/x?a=1"
