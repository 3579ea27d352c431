"""A running service with a certificate: its files are signed, and known again where they are shown to it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from app.settings import ROOT
from tests.campus.client import CampusClient
from tests.conftest import Service
from tests.fixtures.certificates import PASSWORD, Pkcs12, make_p12
from tests.fixtures.forged_signatures import FORGED_SIGNATURES
from tests.running import running_service
from tests.unit.documents.test_file_signature import add_overlay, validate
from tests.visitor import get_verdict


@pytest.fixture(scope="module")
def p12(tmp_path_factory: pytest.TempPathFactory) -> Pkcs12:
    return make_p12(tmp_path_factory.mktemp("p12"), "ec")


@pytest.fixture(scope="module")
def signing(campus: CampusClient, p12: Pkcs12, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    changes = {"LIXIAO_SLIP__P12_FILE": str(p12.path), "LIXIAO_SLIP__P12_PASSWORD": PASSWORD}
    with running_service(campus, tmp_path_factory.mktemp("signing"), changes) as service:
        yield service


@pytest.fixture(scope="module")
def file(signing: Service) -> bytes:
    """A student's PDF file."""
    student = signing.visit()
    student.sign_in("TS23000002")
    answer = student.get(student.submit().headers["Location"] + ".pdf")
    assert answer.headers["Content-Type"] == "application/pdf"
    return answer.content


def show(service: Service, data: bytes) -> tuple[str, str]:
    """The verdict on the code in a file that a stranger uploads, and the file's own state."""
    answer = requests.post(f"{service.url}/verify", files={"file": ("slip.pdf", data)}, timeout=30)
    state = re.search(r'data-file="(\w+)"', answer.text)
    return get_verdict(answer), state[1] if state else ""


def test_a_downloaded_file_is_signed_as_a_whole(file: bytes, p12: Pkcs12) -> None:
    assert validate(file, p12.root).bottom_line


def test_a_signed_file_is_genuine_when_it_is_shown_and_an_overlaid_one_is_not(
    signing: Service, file: bytes
) -> None:
    assert show(signing, file) == ("valid", "genuine")
    assert show(signing, add_overlay(file, b"q 1 g 200 600 100 40 re f Q")) == ("valid", "different")


GENUINE, COMPARE = "此文件与签发的原件完全相同", "以签发记录中的内容为准"


@pytest.mark.parametrize("trick", FORGED_SIGNATURES)
def test_a_file_with_a_forged_signature_is_never_the_original(
    signing: Service, file: bytes, trick: str
) -> None:
    forged = FORGED_SIGNATURES[trick](file)
    answer = requests.post(f"{signing.url}/verify", files={"file": ("slip.pdf", forged)}, timeout=30)
    assert 'data-file="different"' in answer.text
    assert COMPARE in answer.text
    assert GENUINE not in answer.text


def test_the_true_file_is_told_to_be_the_original(signing: Service, file: bytes) -> None:
    """The control."""
    answer = requests.post(f"{signing.url}/verify", files={"file": ("slip.pdf", file)}, timeout=30)
    assert 'data-file="genuine"' in answer.text
    assert GENUINE in answer.text
    assert COMPARE not in answer.text


def test_the_service_says_in_one_line_why_it_does_not_start(signing: Service, tmp_path: Path) -> None:
    file = make_p12(tmp_path, "ec")
    file.path.chmod(0o644)
    changes = {"LIXIAO_SLIP__P12_FILE": str(file.path)}
    done = subprocess.run(
        [sys.executable, "-c", "import wsgi"],
        cwd=ROOT,
        env={**os.environ, **signing.environment, **changes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert done.stderr.splitlines()[-1] == f"{file.path} is open to others (mode 0644); make it 0600"
    assert PASSWORD not in done.stderr
