"""What a request says may be long and always new: nothing of that length is remembered, and no more than so many."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from functools import _lru_cache_wrapper
from typing import Any

import pytest
import requests
from flask import Flask
from flask.testing import FlaskClient

from app.factory import create_app
from app.services.verification.scan_log import flush_scans
from app.settings import load_settings
from app.web import page_context
from tests.campus.run import make_environment
from tests.conftest import Service
from tests.fixtures.templates import prepare

HEADERS = (
    "Accept",
    "Accept-Language",
    "Accept-Encoding",
    "User-Agent",
    "X-Forwarded-For",
    "Referer",
    "Cookie",
)
LONG = 64 * 1024
PATHS = ("/v/1", "/verify", "/completed", "/nowhere")
NOBODY = "http://127.0.0.1:9"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The service behind a proxy that passes on whatever a client claims."""
    environment = make_environment(tmp_path_factory.mktemp("long"), 8000, NOBODY)
    prepare(environment)
    yield create_app(load_settings(environment | {"LIXIAO_SERVICE__PROXY_COUNT": "1"}))
    flush_scans()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A browser without cookies."""
    return app.test_client(use_cookies=False)


def list_caches() -> dict[str, Any]:
    """Each cache of the product's code by its name."""
    found = (item for item in gc.get_objects() if isinstance(item, _lru_cache_wrapper))
    return {
        f"{item.__module__}.{item.__qualname__}": item for item in found if item.__module__.startswith("app.")
    }


def list_texts(thing: object) -> Iterator[str]:
    if isinstance(thing, str):
        yield thing
    elif isinstance(thing, tuple):
        for part in thing:
            yield from list_texts(part)


def find_longest_key(cache: Any) -> int:
    """The characters of the longest text among a cache's keys."""
    # CPython's cache visits its keys, see `lru_cache_tp_traverse`.
    return max((len(text) for kept in gc.get_referents(cache) for text in list_texts(kept)), default=0)


def ask(client: FlaskClient, path: str, told: str) -> int:
    headers = dict.fromkeys(HEADERS, told) | {"Cookie": f"lixiao_language={told}"}
    method = "POST" if path == "/verify" else "GET"
    return client.open(
        f"{path}?x={told[:20_000]}",
        method=method,
        headers=headers,
        base_url="http://127.0.0.1:8000",
        data={"code": "0123456789ABCDEF"} if method == "POST" else None,
    ).status_code


def find_long_keys(client: FlaskClient) -> dict[str, int]:
    """The caches that remember something long after requests that say long things, each with how long."""
    for path in PATHS:
        assert ask(client, path, "x" * LONG) < 500
    return {name: size for name, cache in list_caches().items() if (size := find_longest_key(cache)) > 4096}


def test_nothing_long_is_remembered(client: FlaskClient) -> None:
    caches = list_caches()
    assert {"app.web.language.choose_language", "app.web.verify.answers._prefers_json"} <= caches.keys()
    assert find_long_keys(client) == {}


def test_without_that_bound_long_headers_would_be_remembered(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control."""
    monkeypatch.setattr(page_context, "MOST_READ", 10 * LONG)
    monkeypatch.setattr("app.web.limits.MOST_ADDRESS", 10 * LONG)
    try:
        assert find_long_keys(client).keys() >= {
            "app.services.verification.scan_log._hash_address",
            "app.web.language.choose_language",
            "app.web.limits.get_prefix",
            "app.web.transport._accepts_gzip",
            "app.web.verify.answers._prefers_json",
            "app.web.verify.openings._is_program",
        }
    finally:
        for cache in list_caches().values():
            cache.cache_clear()


def test_of_what_is_always_new_so_much_is_remembered_and_no_more(client: FlaskClient) -> None:
    for path in PATHS:
        ask(client, path, "first")
    unbounded = {name: item for name, item in list_caches().items() if item.cache_info().maxsize is None}
    before = {name: item.cache_info().currsize for name, item in unbounded.items()}
    for number in range(1100):
        for path in PATHS[: 1 if number % 10 else None]:
            assert ask(client, path, f"{number}-{'y' * 200}") < 500
    assert {name: item.cache_info().currsize for name, item in unbounded.items()} == before
    full = {
        name
        for name, item in list_caches().items()
        if item.cache_info().currsize == item.cache_info().maxsize
    }
    assert "app.web.language.choose_language" in full, "else it was not told enough"


@pytest.mark.parametrize("name", HEADERS)
def test_the_server_answers_a_long_header_and_goes_on(service: Service, name: str) -> None:
    for size in (2_000, 60_000, 300_000):
        answer = requests.get(f"{service.url}/v/1", headers={name: "x" * size}, timeout=30)
        assert answer.status_code in (200, 400, 431), size
    assert requests.get(f"{service.url}/v/1", timeout=30).status_code == 200
