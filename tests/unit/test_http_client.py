"""The limit of a body holds before and after decompression."""

from __future__ import annotations

import gzip
import zlib

import pytest

from app.http_client import HttpError, HttpFault, decompress

MAX_BODY = 256 * 1024

BOMB = gzip.compress(b" " * 50_000_000, mtime=0)


def test_a_plain_or_gzipped_body_is_read() -> None:
    assert decompress(b"{}", [], MAX_BODY) == b"{}"
    assert decompress(gzip.compress(b"x" * MAX_BODY, mtime=0), ["GZIP"], MAX_BODY) == b"x" * MAX_BODY


def test_a_gzip_bomb_is_stopped_at_the_limit() -> None:
    assert len(BOMB) < MAX_BODY
    with pytest.raises(HttpError) as refusal:
        decompress(BOMB, ["gzip"], MAX_BODY)
    assert refusal.value.fault is HttpFault.TOO_LARGE


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
    with pytest.raises(HttpError) as refusal:
        decompress(raw, encodings, MAX_BODY)
    assert refusal.value.fault is HttpFault.ENCODING
