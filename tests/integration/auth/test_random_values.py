"""What must not be guessed: how long it is, that each of its bits varies, and that nobody can foretell it."""

from __future__ import annotations

import random
from base64 import urlsafe_b64decode
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

import pytest

from app.domain.slip_code import parse_short_code
from app.services.row_keys import create_row_key
from app.web.page_context import make_request_id
from tests.fixtures.office import Office
from tests.integration.auth import odd_platforms, small_provider, test_cas
from tests.integration.auth.pages.site import get_cookie, open_site
from tests.integration.auth.small_provider import CALLBACK, SmallProvider
from tests.integration.conftest import MakeDatabase

DRAWN = 40
"""So many values: that a bit which is drawn is the same in all happens once in 5 × 10^11 times."""


def draw(make: Callable[[], Any]) -> list[Any]:
    """Values, each made after Python's own generator, which can be foretold, was put back to its start."""
    before = random.getstate()
    try:
        values = []
        for _ in range(DRAWN):
            random.seed(7)
            values.append(make())
        return values
    finally:
        random.setstate(before)


def count_bits(values: Sequence[bytes]) -> int:
    """How many bits are 1 in some of the values, which are of one length, and 0 in others."""
    assert len({len(value) for value in values}) == 1
    numbers = [int.from_bytes(value) for value in values]
    return (reduce(or_, numbers) & ~reduce(and_, numbers)).bit_count()


def decode(text: str) -> bytes:
    assert len(text) == 43, "32 bytes in base64url"
    return urlsafe_b64decode(text + "=")


@pytest.mark.parametrize(
    ("kind", "names"),
    [("oidc", {"state", "nonce", "verifier"}), ("oauth2", {"state", "verifier"}), ("cas", {"state"})],
)
def test_what_binds_a_sign_in_to_its_browser_has_256_bits(
    provider: SmallProvider, kind: str, names: set[str]
) -> None:
    client: Any = {
        "oidc": lambda: small_provider.make_client(provider.issuer),
        "oauth2": lambda: odd_platforms.make_client(provider),
        "cas": lambda: test_cas.make_client(provider.url),
    }[kind]()
    pending = draw(lambda: client.begin(CALLBACK).pending)
    assert {name for values in pending for name in values} == names
    for name in names:
        assert count_bits([decode(values[name]) for values in pending]) == 256
    everything = [value for values in pending for value in values.values()]
    assert len(set(everything)) == len(everything)


def test_a_session_s_identifier_has_256_bits(tmp_path: Path, provider: SmallProvider) -> None:
    with open_site(tmp_path, provider) as site:

        def sign_in() -> str:
            browser = site.browser()
            site.sign_in(browser)
            return get_cookie(browser)

        assert count_bits([decode(identifier) for identifier in draw(sign_in)]) == 256


@pytest.fixture(scope="module")
def make_database() -> MakeDatabase:
    """SQLite alone: no database draws these values."""
    return lambda folder: f"sqlite:///{folder.resolve()}/lixiao.sqlite3"


def test_a_slip_s_id_has_80_bits_and_is_its_short_code(office: Office) -> None:
    short_codes = draw(lambda: office.get_short_code(office.issue()))
    assert count_bits([parse_short_code(short_code) for short_code in short_codes]) == 80


def test_a_row_key_has_256_bits(tmp_path: Path) -> None:
    made = iter(range(DRAWN))
    keys = draw(lambda: create_row_key(tmp_path / str(next(made)), datetime(2026, 6, 20, tzinfo=UTC)))
    assert count_bits([key.secret for key in keys]) == 256


def test_what_python_s_own_generator_draws_would_be_seen() -> None:
    """The control: the number of a request, which is a name and no secret, is drawn by it."""
    assert len(set(draw(make_request_id))) == 1
    assert count_bits([bytes.fromhex(number) for number in draw(make_request_id)]) == 0
