"""How calls travel: deadlines, limits, retries, certificates, and what is never sent."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import json
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.connectors.base import ActionOutcome, StaleView
from app.connectors.client import close_connectors, perform_action
from app.connectors.registry import build_connectors
from app.domain.clearance import Reading
from app.domain.conventions import USUAL
from app.domain.person import LetterCase, NumberForm
from tests.fixtures.connectors import read_config
from tests.integration.connectors.stand_in import (
    SECRET,
    SECTION,
    STUDENT,
    TRUTH,
    StandIn,
    ask,
    break_off,
    connect,
    drip,
    fault_of,
    hang,
    hang_up,
    pour,
    response,
    running_stand_in,
)


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running_stand_in() as stand_in:
        yield stand_in


def test_a_dripping_answer_ends_at_the_deadline(server: StandIn) -> None:
    server.will_answer(drip)
    started = time.monotonic()
    assert fault_of(connect(server.url, deadline_seconds=0.6)) == "timeout"
    assert time.monotonic() - started < 5


def test_a_time_out_for_each_read_does_not_end_a_dripping_answer(server: StandIn) -> None:
    async def read_with_plain_time_out() -> bytes:
        timeout = aiohttp.ClientTimeout(total=None, sock_read=0.6)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(server.url) as answer:
            return await answer.read()

    server.will_answer(drip)
    with pytest.raises(TimeoutError) as end:
        asyncio.run(asyncio.wait_for(read_with_plain_time_out(), 2))
    assert not isinstance(end.value, aiohttp.ServerTimeoutError)


def test_the_connection_of_a_late_answer_is_dropped(server: StandIn) -> None:
    server.will_answer(hang, response())
    connector = connect(server.url, deadline_seconds=0.3)
    assert fault_of(connector) == "timeout"
    assert isinstance(ask(connector), Reading)
    assert server.connections == 2


def test_a_good_answer_keeps_its_connection(server: StandIn) -> None:
    connector = connect(server.url)
    assert isinstance(ask(connector), Reading)
    assert isinstance(ask(connector), Reading)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (pour, "too_large"),
        (response(TRUTH + b" " * 300_000), "too_large"),
        (response(gzip.compress(TRUTH + b" " * 50_000_000), "Content-Encoding: gzip\r\n"), "too_large"),
        (response(TRUTH, "Content-Encoding: br\r\n"), "encoding"),
        (response(TRUTH, "Content-Type: text/html\r\n"), "content_type"),
        (response(TRUTH, content_type="application/json; charset=gbk"), "content_type"),
        (response(b"", "Location: /readers\r\n", "302 Found"), "redirect"),
        (response(TRUTH, status="203 Maybe"), "http_status"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "bad_http"),
        (response(TRUTH, "X-Long: " + "x" * 20_000 + "\r\n"), "bad_http"),
        (break_off, "disconnected"),
    ],
)
def test_an_answer_that_is_not_one_is_named_and_asked_for_once(
    server: StandIn, answer: bytes, fault: str
) -> None:
    server.will_answer(answer)
    assert fault_of(connect(server.url)) == fault
    assert len(server.requests) == 1


def test_a_gzipped_answer_is_read(server: StandIn) -> None:
    server.will_answer(response(gzip.compress(TRUTH), "Content-Encoding: gzip\r\n"))
    assert isinstance(ask(connect(server.url)), Reading)


@pytest.mark.parametrize("changes", [{}, {"method": "POST", "number_in": "json"}])
def test_a_question_is_asked_once_more_when_the_connection_broke_before_any_answer(
    server: StandIn, changes: dict[str, str]
) -> None:
    server.will_answer(hang_up, response())
    assert isinstance(ask(connect(server.url, **changes)), Reading)
    server.will_answer(hang_up)
    assert fault_of(connect(server.url, **changes)) == "disconnected"
    assert len(server.requests) == 4


def test_a_repeated_question_is_signed_with_a_new_nonce(server: StandIn) -> None:
    signature = {
        "method": "hmac-sha256",
        "app_id": "a",
        "message": "{nonce}{timestamp}{student_number}",
        "app_id_name": "X-App",
        "timestamp_name": "X-Time",
        "nonce_name": "X-Nonce",
        "signature_name": "X-Sign",
    }
    server.will_answer(hang_up, response())
    assert isinstance(ask(connect(server.url, signature=signature)), Reading)
    nonces = {
        line for request in server.requests for line in request.split("\r\n") if line.startswith("X-Nonce")
    }
    assert len(nonces) == 2
    assert not any(SECRET in request for request in server.requests)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_action_is_sent_once_even_over_a_connection_that_breaks(server: StandIn, method: str) -> None:
    action = {"path": "/cancel", "method": method, "number_in": "query", "number_name": "no", "echo": "no"}
    connector = connect(server.url, actions={"cancel": action | {"confirmed": {"code": 0}}})
    assert isinstance(ask(connector), Reading)
    server.will_answer(hang_up)
    assert perform_action(connector, "cancel", STUDENT, 10) is ActionOutcome.UNKNOWN
    assert len(server.requests) == 2
    server.will_answer(response())
    assert perform_action(connector, "cancel", STUDENT, 10) is ActionOutcome.CONFIRMED


def test_nobody_listening_is_unreachable() -> None:
    with running_stand_in() as gone:
        pass
    assert fault_of(connect(gone.url)) == "unreachable"


def test_cookies_are_not_kept_and_proxies_of_the_environment_are_not_used(
    server: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    server.will_answer(response(TRUTH, "Set-Cookie: session=of-another; Path=/\r\n"))
    connector = connect(server.url)
    assert isinstance(ask(connector), Reading)
    assert isinstance(ask(connector), Reading)
    assert "cookie" not in server.requests[1].lower()
    assert "\r\nUser-Agent: lixiao\r\n" in server.requests[1]


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    certificate, tls = make_certificate(tmp_path)
    with running_stand_in(tls) as server:
        assert fault_of(connect(server.url)) == "tls"
        assert server.requests == []
        trusting = connect(server.url, ca_file=str(certificate))
        assert isinstance(ask(trusting), Reading)
        close_connectors([trusting])


def test_a_certificate_of_another_host_is_refused(tmp_path: Path) -> None:
    certificate, tls = make_certificate(tmp_path, address="127.0.0.2")
    with running_stand_in(tls) as server:
        named, numbered = (
            connect(url, ca_file=str(certificate))
            for url in (server.url, server.url.replace("localhost", "127.0.0.1"))
        )
        assert fault_of(numbered) == "tls"
        assert server.requests == []
        assert isinstance(ask(named), Reading), "control: by the name that it is of"
        close_connectors([named, numbered])


def make_certificate(folder: Path, address: str = "127.0.0.1") -> tuple[Path, ssl.SSLContext]:
    """A certificate for localhost at this address signed by itself, and a server's context with it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address(address))]
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(path)
    return path, context


# --- of when the answer is

AS_OF = {"as_of": "at", "fresh_for_minutes": 60, "time_zone": "Asia/Shanghai"}


def say_at(moment: object) -> bytes:
    return response(json.dumps(json.loads(TRUTH) | {"at": moment}).encode())


def test_an_answer_of_old_data_is_unavailable_and_says_of_when_they_are(server: StandIn) -> None:
    server.will_answer(say_at("2026-06-01 08:00:00"))
    stale = ask(connect(server.url, **AS_OF))
    assert isinstance(stale, StaleView)
    assert stale.as_of == datetime(2026, 6, 1, tzinfo=UTC)
    assert isinstance(ask(connect(server.url)), Reading), "the control: without a limit it would be believed"


def test_an_answer_of_fresh_data_is_believed(server: StandIn) -> None:
    server.will_answer(say_at((datetime.now(UTC) - timedelta(minutes=30)).isoformat(timespec="seconds")))
    assert isinstance(ask(connect(server.url, **AS_OF)), Reading)


@pytest.mark.parametrize("moment", [None, "", "2026-06-01", "2099-01-01 00:00:00", 1781090000])
def test_a_time_that_is_none_is_not_believed(server: StandIn, moment: object) -> None:
    server.will_answer(say_at(moment))
    assert fault_of(connect(server.url, **AS_OF)) == "malformed_day"


def test_an_answer_without_its_time_is_not_believed(server: StandIn) -> None:
    assert fault_of(connect(server.url, **AS_OF)) == "missing_field"


@pytest.mark.parametrize("number", [STUDENT.lower(), f"{STUDENT}  ", f"\u00a0{STUDENT}"])
def test_a_number_that_another_system_writes_in_its_own_way_is_the_same_student(
    server: StandIn, number: str
) -> None:
    server.will_answer(response(TRUTH.replace(STUDENT.encode(), number.encode())))
    assert isinstance(ask(connect(server.url)), Reading)
    assert f"no={STUDENT}" in server.requests[0]


def test_where_the_case_of_letters_tells_people_apart_another_case_is_another_person(server: StandIn) -> None:
    server.will_answer(response(TRUTH.replace(STUDENT.encode(), STUDENT.lower().encode())))
    kept = replace(USUAL, numbers=NumberForm(case=LetterCase.KEPT))
    config = read_config(SECTION | {"base_url": server.url}, conventions=kept)
    assert fault_of(build_connectors({"x": config})["x"]) == "wrong_student"
