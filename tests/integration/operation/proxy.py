"""The example of a reverse proxy, run as it stands in config/ with ports and folders of a test."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.campus.client import PROJECT
from tests.campus.run import stop

EXAMPLE = PROJECT / "config" / "nginx.conf.example"
START_SECONDS = 20
MAIN = """daemon off;
master_process off;
pid {folder}/pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


def require_nginx() -> str:
    """Where nginx is. Skips where it is missing, and fails where everything must be there."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if program is None:
        if os.environ.get("CI") == "true":
            pytest.fail("nginx is missing")
        pytest.skip("nginx is not installed: the example of a reverse proxy was not tested")
    return program


@contextmanager
def running_nginx(
    folder: Path, service_port: int, port: int, changes: Mapping[str, str] | None = None
) -> Iterator[Path]:
    """The example on `port` with TLS, before the service; `changes` replace texts of it. Gives the certificate."""
    folder.mkdir()
    certificate = make_certificate(folder)
    shutil.copy(EXAMPLE.with_name("maintenance.html"), folder)
    (folder / "site.conf").write_text(_adapt(folder, service_port, port, changes or {}), encoding="utf-8")
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    process = subprocess.Popen(
        [require_nginx(), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    )
    try:
        _wait_until_open(process, port, folder)
        yield certificate
    finally:
        stop(process)


def _adapt(folder: Path, service_port: int, port: int, changes: Mapping[str, str]) -> str:
    text = EXAMPLE.read_text(encoding="utf-8")
    places = {
        "server 127.0.0.1:8000;": f"server 127.0.0.1:{service_port};",
        "listen 80;": f"listen unix:{folder}/plain.sock;",
        "listen 443 ssl http2;": f"listen 127.0.0.1:{port} ssl http2;",
        "/etc/lixiao/tls": str(folder),
        "/var/log/nginx": str(folder),
        "/etc/nginx": str(folder),
        "/opt/lixiao/config": str(folder),
        "/var/cache/nginx": str(folder),
    }
    for old, new in {**places, **changes}.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def make_certificate(folder: Path) -> Path:
    """A certificate of 127.0.0.1, `fullchain.pem`, and its key, `key.pem`; returns the former."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "fullchain.pem"
    path.write_bytes(made.public_bytes(Encoding.PEM))
    (folder / "key.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return path


def _wait_until_open(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    for _ in range(START_SECONDS * 10):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"nginx did not start: {(folder / 'error.log').read_text()}")
