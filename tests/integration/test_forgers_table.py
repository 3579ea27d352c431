"""The forger's table: every trick that is known to us, tried on a running service; none may pass."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.conftest import CampusClient, Service
from tests.fixtures.forged_codes import FOREIGN, FORGED_CODES, issue_other
from tests.fixtures.forged_files import BY_OTHER, FORGED_FILES, fetch_pdf, take_other
from tests.fixtures.forged_signatures import FORGED_SIGNATURES
from tests.fixtures.issued_slips import IssuedSlip, issue_slip, revoke, supersede
from tests.fixtures.photos import draw_qr, photograph, save
from tests.running import running_service

JSON = {"Accept": "application/json"}
SECONDS = 60
OFTEN = {
    f"LIXIAO_RATE_LIMIT__{name}": "100000 per minute"
    for name in ("VERIFICATION", "UPLOAD", "TYPED", "REFRESH")
}
"""A forger has all the time in the world."""


@pytest.fixture(scope="module")
def service(campus: CampusClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service whose keys are changed by the way."""
    with running_service(campus, tmp_path_factory.mktemp("forged"), OFTEN) as started:
        yield started


@pytest.fixture(scope="module")
def slip(service: Service) -> IssuedSlip:
    """A genuine slip."""
    return issue_slip(service, "TS95000001")


@pytest.fixture(scope="module")
def pdf(service: Service, slip: IssuedSlip) -> bytes:
    """Its file, as its holder has it."""
    return fetch_pdf(service, slip)


def send(service: Service, file: bytes) -> dict[str, Any]:
    """What is said of a file: a verdict and its fields, or an error."""
    answer = requests.post(f"{service.url}/verify", files={"file": file}, headers=JSON, timeout=SECONDS)
    found: dict[str, Any] = answer.json()
    return found


def type_code(service: Service, text: str) -> dict[str, Any]:
    """What is said of what somebody typed or pasted."""
    answer = requests.post(f"{service.url}/verify", data={"code": text}, headers=JSON, timeout=SECONDS)
    found: dict[str, Any] = answer.json()
    return found


def judge(answer: dict[str, Any]) -> str:
    """The verdict, or why there is none."""
    if answer.get("error") == "ForeignCode":
        return FOREIGN
    return str(answer.get("verdict") or answer["error"])


def ask(url: str, **headers: str) -> str:
    """The verdict at an address."""
    return judge(requests.get(url, headers=JSON | headers, timeout=SECONDS).json())


def test_the_genuine_slip_passes_every_way_that_a_forger_tries(
    service: Service, slip: IssuedSlip, pdf: bytes
) -> None:
    assert ask(slip.url) == "valid"
    assert judge(send(service, save(draw_qr(slip.url), "PNG"))) == "valid"
    assert judge(send(service, photograph(pdf))) == "valid"
    assert judge(type_code(service, slip.url)) == judge(type_code(service, slip.short_code)) == "valid"
    for file in (pdf, fetch_pdf(service, slip, "png")):
        answer = send(service, file)
        assert (answer["verdict"], answer["file"]) == ("valid", "genuine")


@pytest.mark.parametrize("trick", FORGED_CODES)
def test_a_forged_code_is_refused(service: Service, slip: IssuedSlip, trick: str) -> None:
    forgery = FORGED_CODES[trick]
    text = forgery.make(service, slip)

    assert "valid" not in forgery.permitted
    assert text != slip.url
    assert judge(send(service, save(draw_qr(text), "PNG"))) in forgery.permitted
    if text.startswith(f"{service.url}/v/"):
        assert ask(text) in forgery.permitted - {FOREIGN}
    assert ask(slip.url) == "valid"


@pytest.mark.parametrize("trick", FORGED_FILES)
def test_a_forged_file_is_never_genuine(service: Service, slip: IssuedSlip, pdf: bytes, trick: str) -> None:
    forgery = FORGED_FILES[trick]
    answer = send(service, forgery.make(service, slip, pdf))

    assert judge(answer) in forgery.permitted
    assert answer.get("file", "") == forgery.state
    if answer.get("verdict") == "valid":
        whose = take_other(service).slip if trick in BY_OTHER else slip
        assert answer["last_four"] == whose.student_number[-4:]
    assert send(service, pdf)["file"] == "genuine"


@pytest.mark.parametrize("trick", FORGED_SIGNATURES)
def test_a_file_with_a_signature_that_is_not_ours_is_never_genuine(
    service: Service, slip: IssuedSlip, pdf: bytes, trick: str
) -> None:
    """A service that signs no files takes no signature for a proof either."""
    answer = send(service, FORGED_SIGNATURES[trick](pdf))
    assert (answer["verdict"], answer["file"]) == ("valid", "different")
    assert answer["last_four"] == slip.student_number[-4:]


def test_a_short_code_tells_of_its_own_slip_alone(service: Service, slip: IssuedSlip) -> None:
    other = take_other(service).slip
    answer = type_code(service, other.short_code)
    assert (answer["verdict"], answer["last_four"]) == ("valid", other.student_number[-4:])
    assert type_code(service, slip.short_code)["last_four"] == slip.student_number[-4:]


def test_a_short_code_of_a_slip_that_counts_no_more_is_not_valid(service: Service) -> None:
    revoked, superseded = issue_other(service), issue_other(service)
    revoke(service, revoked)
    supersede(service, superseded)
    assert judge(type_code(service, revoked.short_code)) == "revoked"
    assert judge(type_code(service, superseded.short_code)) == "superseded"


@pytest.mark.parametrize(
    "change",
    [
        lambda code: code[:-1] + ("8" if code[-1] != "8" else "B"),
        lambda code: code[8:] + code[:8],
        lambda code: code[::-1],
        lambda code: "0" * 16,
        lambda code: "Z" * 16,
        lambda code: code.translate(str.maketrans("8BS5Z2", "B85S2Z")) + "",
        lambda code: code[:-1],
        lambda code: code + "0",
        lambda code: code[:8] + "%00" + code[11:],
        lambda code: code[:15] + "*",
        lambda code: f"{code}' OR '1'='1",
    ],
)
def test_a_guessed_short_code_is_not_valid(service: Service, slip: IssuedSlip, change: Any) -> None:
    guess = change(slip.short_code)
    if guess == slip.short_code:  # it holds none of the letters that are taken for each other
        guess = guess[::-1]
    assert judge(type_code(service, guess)) != "valid"


@pytest.mark.parametrize(
    ("end", "headers"),
    [
        ("", {"Accept": "*/*"}),
        ("", {"Accept": "text/plain"}),
        ("", {"Accept": "application/json;q=0, text/html;q=0"}),
        ("", {"Accept": "application/json, valid/valid"}),
        ("", {"Accept": "application/vnd.api+json; verdict=valid"}),
        ("?verdict=valid", {}),
        ("?_method=PUT&verdict=valid", {"X-HTTP-Method-Override": "PUT"}),
        ("#valid", {}),
        ("", {"X-Forwarded-Host": "lixiao.other.example", "X-Forwarded-Proto": "https"}),
        ("", {"Cookie": "session=valid"}),
        ("", {"X-Original-URL": "/v/1", "X-Rewrite-URL": "/v/1"}),
    ],
    ids=str,
)
def test_no_way_of_asking_makes_a_forged_code_valid(
    slip: IssuedSlip, end: str, headers: dict[str, str]
) -> None:
    for url, is_valid in ((slip.tampered_url, False), (slip.url, True)):
        text = requests.get(url + end, headers=headers, timeout=SECONDS).text.replace(" ", "")
        assert ('"verdict":"valid"' in text or 'data-verdict="valid"' in text) is is_valid
