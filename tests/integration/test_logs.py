"""The service's log: one JSON object a line, with request ids, and nothing about a person or a secret in it."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import requests

from app.logs import JsonFormatter
from tests.campus.client import CampusClient
from tests.campus.credentials import DEMO, PASSWORD
from tests.conftest import Service
from tests.integration.test_actions import CANCEL
from tests.running import running_service
from tests.visitor import APP, Visitor, get_csrf_token

ACCEPTED = "TS23000009"
NAME = "欧阳䶮𠮷𬭎"


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service of this file alone, at the most talkative level."""
    campus.reset()
    folder = tmp_path_factory.mktemp("logs")
    with running_service(campus, folder, {"LIXIAO_SERVICE__LOG_LEVEL": "DEBUG"}) as running:
        yield running


@pytest.fixture(scope="module")
def told(service: Service) -> set[str]:
    """Whole journeys, good and bad; returns the texts that must not be in the log."""
    visitor = service.visit()
    page = visitor.sign_in("TS23000001")
    visitor.post(CANCEL, page)
    number = visitor.submit().headers["Location"].rpartition("/")[2]
    slip = visitor.get(f"/slips/{number}").text
    (link,) = re.findall(r'src="(/slips/[^"]+)"', slip)
    visitor.get(link.replace("&amp;", "&"))
    digits = re.search(r"/v/([0-9]+)", slip)
    codes = {digits[1]} if digits else set()
    for code in (*codes, "1" * 60):
        visitor.get(f"/v/{code}")
    secrets = {
        number,
        link.partition("token=")[2],
        get_csrf_token(page),
        *visitor.http.cookies.values(),
        *codes,
    }
    _go_wrong(service)
    private = {"TS23000001", "陈思远", "TS23000003", "TS23000004", PASSWORD + '"', ACCEPTED, NAME}
    return secrets | private | {DEMO.client_secret, DEMO.finance_token, DEMO.library_loans_token}


def _go_wrong(service: Service) -> None:
    for number in ("TS23000003", "TS23000004", "00420013", ACCEPTED):
        other = service.visit()
        other.sign_in(number)
        other.get(f"{APP}/submission")
        other.get("/slips/LX1")
        other.http.post(f"{service.url}{APP}/submission", timeout=30)
    for fault in ("http_500", "wrong_student", "bad_json", "timeout"):
        service.campus.set_fault("finance", fault)
        _submit_again(service)
    service.campus.set_fault("finance")
    requests.get(f"{service.url}/sign-in/campus/callback?code=TS23000004&state=TS23000004", timeout=30)
    requests.get(f"{service.url}/sign-in?next=/%0d%0a{ACCEPTED}", timeout=30)
    requests.get(f"{service.url}/{ACCEPTED}%0a%1b[31m%7f", timeout=30)
    requests.get(f"{service.url}/", headers={"Host": f"{ACCEPTED}.example"}, timeout=30)


def _submit_again(service: Service) -> None:
    visitor: Visitor = service.visit()
    visitor.sign_in(ACCEPTED)
    assert visitor.submit().status_code == 422


def read_lines(path: Path) -> list[str]:
    """The lines of a log."""
    return path.read_text(encoding="utf-8").splitlines()


def test_every_line_is_json_with_time_level_logger_and_message(service: Service, told: set[str]) -> None:
    lines = read_lines(service.log)
    assert len(lines) > 10
    for line in lines:
        assert {"time", "level", "logger", "message"} <= json.loads(line).keys(), line
        assert datetime.fromisoformat(json.loads(line)["time"]).utcoffset() == timedelta(0), line


def test_lines_of_a_request_carry_the_id_that_its_answer_names(service: Service, told: set[str]) -> None:
    visitor = service.visit()
    visitor.sign_in("00420013")
    answer = visitor.get(f"{APP}/clearance")
    number = answer.headers["X-Request-ID"]
    assert number in answer.text
    (line,) = [json.loads(line) for line in read_lines(service.log) if number in line]
    assert line["request_id"] == number
    assert line["fact"] == "NotAStudent"


def test_no_name_number_code_token_or_secret_is_in_the_log(service: Service, told: set[str]) -> None:
    log = "\n".join(read_lines(service.log))
    readable = log + "\n".join(str(json.loads(line)) for line in read_lines(service.log))
    assert not [text for text in told if len(text) > 3 and text in readable]
    assert not re.search(r"T[SB][0-9]{8}", readable)


def test_the_log_has_no_control_character(service: Service, told: set[str]) -> None:
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", service.log.read_bytes().decode())


def write(message: str, **options: object) -> str:
    """What one message becomes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter())
    record = logging.LogRecord("app.test", logging.ERROR, "", 0, message, (), None)
    for name, value in options.items():
        setattr(record, name, value)
    handler.handle(record)
    return stream.getvalue()


def test_a_forged_line_stays_within_its_line() -> None:
    text = 'a\nb\r{"level": "INFO"}\x00\x1b[31m\x7f\x85\u2028'
    line = write(text, odd=text)
    assert line.count("\n") == 1
    assert line.rstrip("\n").isprintable()
    assert json.loads(line)["message"] == text
    assert json.loads(line)["odd"] == text


def test_an_exception_is_told_by_its_kind_and_place_and_never_by_its_text() -> None:
    try:
        try:
            raise KeyError("TS23000001")
        except KeyError as error:
            raise ValueError("secret=abc") from error
    except ValueError as error:
        line = write("failed", exc_info=(type(error), error, error.__traceback__))
    told = json.loads(line)["exception"]
    assert "ValueError" in told
    assert "KeyError" in told
    assert "test_logs.py" in told
    assert "TS23000001" not in line
    assert "secret" not in line


def test_a_plain_formatter_would_have_told_the_text() -> None:
    try:
        raise ValueError("secret=abc")
    except ValueError as error:
        told = logging.Formatter().formatException((type(error), error, error.__traceback__))
    assert "secret=abc" in told
