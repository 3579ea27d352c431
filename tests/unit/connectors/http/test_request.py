"""Requests carry the number and the credential where their system wants them, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from app.connectors.base import UntrustedAnswer
from app.connectors.http.places import Place
from app.connectors.http.request import Access, Request, RequestShape, build_request
from tests.unit.connectors.demo import STUDENT, demo_configs

CONFIGS = demo_configs()
NOW, NONCE = 1_780_000_000, "abcdef0123456789"


def ask(system: str, number: str = STUDENT) -> Request:
    return build_request(CONFIGS[system], CONFIGS[system], number, NOW, NONCE)


def test_the_library_gets_the_number_in_the_query_and_a_bearer_token() -> None:
    request = ask("library_loans")
    assert request.method == "GET"
    assert request.body is None
    assert request.url.endswith(f"/readers?readerId={STUDENT}")
    assert request.headers == {"Authorization": "Bearer secret-of-library_loans"}


def test_the_thesis_system_gets_the_number_in_the_path() -> None:
    assert urlsplit(ask("library_thesis").url).path == f"/systems/library_thesis/v2/students/{STUDENT}/thesis"


def test_the_archive_gets_a_form_signed_with_md5() -> None:
    request = ask("archive")
    fields = {name: values[0] for name, values in parse_qs((request.body or b"").decode()).items()}
    text = f"appid=lixiao-archive&nonce={NONCE}&timestamp={NOW}&xh={STUDENT}&key=secret-of-archive"
    assert fields.pop("sign") == hashlib.md5(text.encode()).hexdigest().upper()
    assert fields == {"xh": STUDENT, "appid": "lixiao-archive", "timestamp": str(NOW), "nonce": NONCE}
    assert b"secret-of" not in (request.body or b"")


def test_the_dormitory_gets_headers_signed_with_hmac() -> None:
    headers = ask("dormitory").headers
    message = f"lixiao-dormitory\n{NOW}\n{NONCE}\n{STUDENT}".encode()
    expected = hmac.new(b"secret-of-dormitory", message, hashlib.sha256).hexdigest()
    assert headers == {
        "X-App-Id": "lixiao-dormitory",
        "X-Timestamp": str(NOW),
        "X-Nonce": NONCE,
        "X-Signature": expected,
    }


def test_finance_gets_json_with_its_token_and_the_number_as_a_text() -> None:
    assert json.loads(ask("finance", "00420013").body or b"") == {
        "card_number": "00420013",
        "token": "secret-of-finance",
    }


@pytest.mark.parametrize("number", ["../TS1", "a/b", "a?b=c", "a#b", "a%2Fb", "王 1", "a&b=c"])
def test_a_number_is_percent_encoded_and_cannot_leave_its_place(number: str) -> None:
    in_path = urlsplit(ask("library_thesis", number).url)
    in_query = urlsplit(ask("library_loans", number).url)
    assert in_path.path.count("/") == 6
    assert not in_path.query
    assert not in_path.fragment
    assert parse_qs(in_query.query, strict_parsing=True) == {"readerId": [number]}


@pytest.mark.parametrize(
    "number", ["", ".", "..", " ", "a\nb", "a\r\nX-Admin: 1", "\x00", "\ud800", "x" * 65, "a\u202eb"]
)
def test_a_number_that_cannot_be_sent_as_it_is_is_not_sent(number: str) -> None:
    with pytest.raises(UntrustedAnswer):
        ask("library_thesis", number)


def test_a_fixed_query_in_the_address_is_kept() -> None:
    access = Access.model_validate({"base_url": "http://127.0.0.1", "credential_in": "none"})
    shape = RequestShape(path="/api?method=find", method="GET", number_in=Place.QUERY, number_name="no")
    assert (
        build_request(access, shape, STUDENT, NOW, NONCE).url
        == f"http://127.0.0.1/api?method=find&no={STUDENT}"
    )


@pytest.mark.parametrize("system", sorted(CONFIGS))
def test_neither_secrets_nor_numbers_show_in_the_text_of_a_request_or_a_configuration(system: str) -> None:
    shown = repr(ask(system)) + repr(CONFIGS[system])
    assert "secret-of" not in shown
    assert STUDENT not in shown
