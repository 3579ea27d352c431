"""The limit of a body holds before and after decompression."""

from __future__ import annotations

import gzip
import zlib

import pytest

from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.client import MAX_BODY, check_status, decompress

BOMB = gzip.compress(b" " * 50_000_000, mtime=0)


def test_a_plain_or_gzipped_body_is_read() -> None:
    assert decompress(b"{}", []) == b"{}"
    assert decompress(gzip.compress(b"x" * MAX_BODY, mtime=0), ["GZIP"]) == b"x" * MAX_BODY


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    assert len(BOMB) < MAX_BODY
    with pytest.raises(UntrustedAnswer) as refusal:
        decompress(BOMB, ["gzip"])
    assert refusal.value.fault is FailureCode.TOO_LARGE


def test_a_plain_decompression_swells_to_the_bombs_size() -> None:
    assert len(gzip.decompress(BOMB)) == 50_000_000


SMALL = gzip.compress(b"{}", mtime=0)


# Named by hand: bytes make poor names, and where they hold a time each worker collects another test.
@pytest.mark.parametrize(
    ("raw", "encodings"),
    [
        pytest.param(b"{}", ["br"], id="brotli"),
        pytest.param(b"{}", ["gzip"], id="plain called gzip"),
        pytest.param(zlib.compress(b"{}"), ["deflate"], id="deflate"),
        pytest.param(SMALL[:-3], ["gzip"], id="gzip cut short"),
        pytest.param(SMALL + b"{}", ["gzip"], id="gzip with more behind"),
        pytest.param(gzip.compress(SMALL, mtime=0), ["gzip, gzip"], id="gzip twice in one header"),
        pytest.param(SMALL, ["gzip", "gzip"], id="gzip in two headers"),
    ],
)
def test_any_other_encoding_is_refused(raw: bytes, encodings: list[str]) -> None:
    with pytest.raises(UntrustedAnswer) as refusal:
        decompress(raw, encodings)
    assert refusal.value.fault is FailureCode.ENCODING


@pytest.mark.parametrize("status", [201, 204, 206, 301, 302, 400, 401, 403, 404, 429, 500, 503, 999])
def test_only_the_status_200_counts(status: int) -> None:
    check_status(200)
    with pytest.raises(UntrustedAnswer):
        check_status(status)
