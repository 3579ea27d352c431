"""Providers over TLS: whom the client trusts, and that its deadline holds there too."""

from __future__ import annotations

import ipaddress
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.http_client import HttpClient
from app.identity import http
from app.identity.base import SignInUnavailable
from tests.integration.auth.small_provider import SmallProvider, sign_in
from tests.integration.auth.small_server import Answer, running_server

LOOPBACK = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
OTHER = x509.DNSName("id.example.edu")


def make_certificate(path: Path, name: x509.GeneralName) -> None:
    """Write a key and its self-signed certificate into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "small provider")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([name]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    secret = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, plain)
    path.write_bytes(secret + certificate.public_bytes(encoding))


@pytest.fixture
def certificate(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """The provider's certificate; for 127.0.0.1 unless the test says otherwise."""
    path = tmp_path / "provider.pem"
    make_certificate(path, getattr(request, "param", LOOPBACK))
    return path


@pytest.fixture
def tls_provider(certificate: Path) -> Iterator[SmallProvider]:
    """A small provider over TLS."""
    server = SmallProvider()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.use_tls(context)
    server.issuer = server.url
    with running_server(server):
        yield server


@pytest.fixture
def trusting(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The provider's certificate is among the system's authorities."""
    client = HttpClient(ssl.create_default_context(cafile=str(certificate)), http.MAX_ANSWER_BYTES)
    monkeypatch.setattr(http, "get_client", lambda: client)


@pytest.mark.usefixtures("trusting")
def test_a_provider_that_the_system_trusts_is_spoken_to(tls_provider: SmallProvider) -> None:
    assert sign_in(tls_provider).number == "TS23000002"


def test_a_provider_that_nobody_trusts_is_not_spoken_to(tls_provider: SmallProvider) -> None:
    with pytest.raises(SignInUnavailable, match="unreachable"):
        sign_in(tls_provider)
    assert tls_provider.asked == []


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("certificate", [OTHER], indirect=True)
def test_a_certificate_of_another_host_is_not_accepted(tls_provider: SmallProvider) -> None:
    with pytest.raises(SignInUnavailable, match="unreachable"):
        sign_in(tls_provider)
    assert tls_provider.asked == []


@pytest.mark.usefixtures("trusting")
@pytest.mark.parametrize("answer", [Answer(delay=3), Answer(b" " * 60, drip=0.05)])
def test_the_deadline_holds_over_tls(answer: Answer, tls_provider: SmallProvider) -> None:
    tls_provider.answers["/token"] = lambda asked: answer
    begun = time.monotonic()
    with pytest.raises(SignInUnavailable, match="timeout"):
        sign_in(tls_provider, deadline_seconds=0.5)
    assert time.monotonic() - begun < 2.5
