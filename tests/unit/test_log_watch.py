"""The watch over the log lines of a test run: it knows secrets by their look, and has seen every service."""

from __future__ import annotations

import logging
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from tests import log_watch
from tests.log_watch import LogWatch, find_secrets, keep_log

SECRETS = {
    "GET /sign-in/campus/callback?code=SplxlOBeZQQYbYS6&x=1": "a value of a query or a form",
    "url=https://id.example.edu/login?service=x&ticket=ST-1-abcdef": "a CAS ticket",
    "got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln": "a JSON Web Token",
    "Authorization: Basic bGl4aWFvOnMzY3JldA==": "a credential",
    "Cookie: lixiao_session=abc": "a cookie",
    "Cookie: __Host-lixiao-sign_in_3=abc": "a cookie",
    '{"session": "' + "aB3" + "x" * 40 + '"}': "a random value of 256 bits",
    f"/v/{'1' * 273}": "a slip's code",
    "actor TS23000002 did it": "a student's number",
}
HARMLESS = (
    '{"time": "2026-11-26T23:30:15.123+00:00", "level": "INFO", "logger": "app.services.sign_in.sign_in", "message": "signed_in"}',
    '{"exception": "builtins.ValueError\\n  /srv/lixiao/app/services/verification/issued_codes.py:123 find_issued_code"}',
    "test_a_callback_that_comes_several_times_at_once_is_exchanged_once",
    f"commit {'0123456789abcdef' * 4}",
    "missing_claim:student_number",
)


@pytest.mark.parametrize("line", SECRETS)
def test_a_secret_is_known_by_its_look(line: str) -> None:
    assert f"{SECRETS[line]}: {line}" in find_secrets([line])


def test_every_value_that_a_sign_in_draws_is_known() -> None:
    drawn = [secrets.token_urlsafe(32) for _ in range(1000)]
    assert len(find_secrets(f'"{value}"' for value in drawn)) >= 990  # few have no digit


@pytest.mark.parametrize("line", HARMLESS)
def test_an_ordinary_line_holds_none(line: str) -> None:
    assert find_secrets([line]) == []


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> LogWatch:
    """A watch of the test's own: that of the run does not see what it sees."""
    monkeypatch.setattr(log_watch, "_kept", [])
    monkeypatch.setattr(log_watch, "_is_watching", False)
    monkeypatch.setattr(logging.Logger, "handle", lambda logger, record: None)
    return LogWatch()


def test_the_watch_reads_what_the_product_logs_in_this_process(watch: LogWatch) -> None:
    logger = logging.getLogger("app.test")
    logger.error("before TS23000003")
    watch.start()
    logger.error("told", extra={"number": "TS23000004"})
    logging.getLogger("urllib3").error("TS23000005")
    (found,) = watch.end()
    assert "TS23000004" in found
    logger.error("after TS23000006")
    assert watch.end() == [found]


def test_the_watch_reads_the_log_of_a_program_even_if_it_is_gone(tmp_path: Path, watch: LogWatch) -> None:
    assert keep_log(None) is None
    watch.start()
    log = tmp_path / "service.log"
    with log.open("wb") as file:
        for target in (keep_log(file.fileno()), keep_log(None)):
            subprocess.run([sys.executable, "-c", "print('TS23000004')"], stdout=target, check=True)
    log.unlink()
    assert len(watch.end()) == 2
