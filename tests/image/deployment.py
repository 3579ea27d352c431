"""The folder `deploy/` of compose.yaml, filled in for a test as an operator fills it in."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.campus.client import PROJECT
from tests.campus.credentials import DEMO

HOST = "lixiao.example.edu.cn"
CAMPUS_PORT = 8001
SERVICE_USER = 10001
SECRETS = "/etc/lixiao/secrets"


def make_deployment(folder: Path) -> None:
    """Write all that compose.yaml names."""
    (folder / "secrets").mkdir(parents=True)
    (folder / "tls").mkdir()
    (folder / "maintenance").mkdir()
    password = secrets.token_hex(16)
    _write_secret(folder / "secrets" / "secret_key", secrets.token_hex(32))
    _write_secret(folder / "secrets" / "postgres_password", password)
    url = f"postgresql+psycopg://lixiao:{password}@postgres:5432/lixiao"
    _write_secret(folder / "secrets" / "database_url", url)
    (folder / "lixiao.toml").write_text(_make_configuration(folder / "secrets"), encoding="utf-8")
    example = (PROJECT / "config" / "nginx.conf.example").read_text(encoding="utf-8")
    (folder / "nginx.conf").write_text(example, encoding="utf-8")
    _make_certificate(folder / "tls")


def _write_secret(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o400)
    os.chown(path, SERVICE_USER, SERVICE_USER)


def _make_configuration(secrets_folder: Path) -> str:
    """The demo's file, with the secrets in files of their own."""
    text = (PROJECT / "config" / "demo.toml").read_text(encoding="utf-8")
    named = {f"connectors.{name}": ("credential", secret) for name, secret in DEMO.of_systems.items()}
    named["sign_in.campus"] = ("client_secret", DEMO.client_secret)
    for section, (key, secret) in named.items():
        place = f"\n[{section}]\n"
        if place in text:
            _write_secret(secrets_folder / section, secret)
            text = text.replace(place, f'{place}{key}_file = "{SECRETS}/{section}"\n')
    return f'[service]\nbase_url = "https://{HOST}"\n\n{text}'


def _make_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))


def get_environment(folder: Path) -> Mapping[str, str]:
    """What compose.yaml reads of the environment."""
    return {
        "LIXIAO_DEPLOY": str(folder),
        "LIXIAO_HTTP_PORT": "127.0.0.1:8480",
        "LIXIAO_HTTPS_PORT": "127.0.0.1:8443",
    }
