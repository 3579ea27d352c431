"""What nobody meant to show: a debugger, the words of an exception, a folder's list, the service's own files."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests
from flask import Flask
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client

from app.factory import create_app
from app.settings import load_settings
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.running import running_service
from tests.visitor import APP

PATH, WORDS = "/failing", "words of an exception"  # of tests/fixtures/failing.py
DEBUGGER = "?__debugger__=yes&cmd=resource&f=debugger.js"
DEVELOPERS = {
    "FLASK_DEBUG": "1",
    "FLASK_ENV": "development",
    "FLASK_TESTING": "1",
    "FLASK_PROPAGATE_EXCEPTIONS": "1",
    "WERKZEUG_RUN_MAIN": "true",
    "WERKZEUG_DEBUG_PIN": "off",
}
"""The variables by which Flask and Werkzeug are told that a developer looks on."""


@pytest.fixture(scope="module")
def careless(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with a page that fails, started with all of these variables."""
    folder = tmp_path_factory.mktemp("careless")
    with running_service(campus, folder, DEVELOPERS, target="tests.fixtures.failing:app") as service:
        yield service


def tells_of_itself(text: str) -> bool:
    """Whether an answer shows what only a developer should see."""
    return any(told in text for told in (WORDS, "RuntimeError", "Traceback", "EVALEX", "__debugger__", ".py"))


def test_no_variable_of_the_environment_opens_a_debugger(careless: Service) -> None:
    failed = requests.get(careless.url + PATH, timeout=30)
    assert failed.status_code == 500
    assert 'data-error="' in failed.text
    assert not tells_of_itself(failed.text)
    for path, status in ((f"/healthz{DEBUGGER}", 200), (f"/nowhere{DEBUGGER}", 404), ("/console", 404)):
        answer = requests.get(careless.url + path, timeout=30)
        assert answer.status_code == status
        assert not tells_of_itself(answer.text)
    log = careless.log.read_text(encoding="utf-8")
    assert "request failed" in log
    assert WORDS not in log


def test_flask_s_own_variable_does_not_reach_the_application(
    running_service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLASK_DEBUG", "1")
    assert not create_app(load_settings(running_service.environment)).debug
    assert Flask(__name__).debug, "control: it reaches any other"


def test_a_debugger_would_be_seen() -> None:
    """The control: the same requests, to Werkzeug's debugger."""
    app = Flask(__name__)

    @app.get(PATH)
    def fail() -> str:
        raise RuntimeError(WORDS)

    app.debug = True
    client = Client(DebuggedApplication(app, evalex=True, pin_security=False))
    assert tells_of_itself(client.get(PATH).text)
    assert tells_of_itself(client.get(f"/{DEBUGGER}").text)


@pytest.mark.parametrize(
    "path",
    [
        "/static",
        "/static/",
        "/static/vendor",
        "/static/vendor/",
        "/app/",
        "/app/factory.py",
        "/wsgi.py",
        "/config/demo.toml",
        "/static/../../config/demo.toml",
        "/.git/config",
        "/.env",
        "/lixiao.sqlite3",
    ],
)
def test_no_folder_is_listed_and_no_file_of_the_service_s_own_is_served(service: Service, path: str) -> None:
    with requests.Session() as browser:
        browser.trust_env = False
        request = requests.Request("GET", service.url).prepare()
        request.url = service.url + path  # as it stands: requests would resolve the dots
        assert browser.send(request, timeout=30, allow_redirects=False).status_code == 404


def test_no_answer_names_a_version(service: Service) -> None:
    for path in ("/", f"{APP}/", "/static/lixiao.css", "/nowhere", "/healthz"):
        headers = requests.get(service.url + path, timeout=30, allow_redirects=False).headers
        assert headers["Server"] == "granian"
        assert not {"X-Powered-By", "Via"} & headers.keys()
