"""Every static file is kept for ever under the hash of its content, and under no other address."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import requests
from flask import Flask

from app.domain.colours import Colours
from app.web import page_context
from app.web.page_context import register_static_files
from tests.conftest import Service

STATIC = Path(page_context.__file__).parents[1] / "static"
NAMES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
FOR_EVER = "public, max-age=31536000, immutable"
NO_HASH = (
    "",
    "?v",
    "?v=",
    "?v=1",
    "?v=0123456789ab",
    "?v={upper}",
    "?v={longer}",
    "?x={hash}",
    "?v=1&v={hash}",
)


def fetch(service: Service, address: str) -> requests.Response:
    answer = requests.get(f"{service.url}/static/{address}", timeout=30)
    assert answer.status_code == 200, address
    return answer


def hash_body(answer: requests.Response) -> str:
    return hashlib.sha256(answer.content).hexdigest()[:12]


@pytest.mark.parametrize("name", NAMES)
def test_a_static_file_is_kept_for_ever_under_the_hash_of_its_content_alone(
    service: Service, name: str
) -> None:
    right = hash_body(fetch(service, name))
    assert fetch(service, f"{name}?v={right}").headers["Cache-Control"] == FOR_EVER
    other = {"hash": right, "upper": right.upper() + "F", "longer": right + "0"}
    for query in NO_HASH:
        answer = fetch(service, name + query.format(**other))
        assert answer.headers["Cache-Control"] == "no-cache", query
        assert answer.headers["ETag"], "else nobody could ask whether it is still the same"


def test_what_is_asked_again_or_in_part_is_kept_as_the_whole_is(service: Service) -> None:
    name = "vendor/zxing_reader.wasm"
    whole = fetch(service, name)
    for query, kept in ((f"?v={hash_body(whole)}", FOR_EVER), ("?v=1", "no-cache"), ("", "no-cache")):
        address = f"{service.url}/static/{name}{query}"
        same = requests.get(address, headers={"If-None-Match": whole.headers["ETag"]}, timeout=30)
        part = requests.get(address, headers={"Range": "bytes=0-9"}, timeout=30)
        assert (same.status_code, part.status_code) == (304, 206)
        assert same.headers["Cache-Control"] == part.headers["Cache-Control"] == kept


def test_a_file_that_is_not_there_is_kept_by_nobody(service: Service) -> None:
    for name in ("nothing.css", "vendor/", "../factory.py", "%2e%2e/factory.py"):
        answer = requests.get(f"{service.url}/static/{name}?v=0123456789ab", timeout=30)
        assert answer.status_code == 404
        assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_file_that_was_replaced_while_the_service_runs_is_not_kept_under_the_old_hash(
    tmp_path: Path,
) -> None:
    file = tmp_path / "program.js"
    file.write_text("old")
    app = Flask(__name__, static_folder=str(tmp_path), static_url_path="/static")
    register_static_files(app, Colours(), None)

    def is_kept(body: str) -> bool:
        version = hashlib.sha256(body.encode()).hexdigest()[:12]
        with app.test_client().get(f"/static/program.js?v={version}") as answer:
            return answer.headers["Cache-Control"] == FOR_EVER

    assert (is_kept("old"), is_kept("new!")) == (True, False)
    file.write_text("new!")
    assert (is_kept("old"), is_kept("new!")) == (False, True)
