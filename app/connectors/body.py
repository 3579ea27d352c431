"""Reads an answer's body up to a limit that holds before and after decompression."""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import aiohttp

from app.connectors.base import Fault, UntrustedAnswer

MAX_BODY = 256 * 1024

_GZIP_WINDOW = 16 + zlib.MAX_WBITS
_STATUS_FAULTS: Mapping[int, Fault] = {
    401: Fault.CREDENTIAL_REFUSED,
    403: Fault.CREDENTIAL_REFUSED,
    429: Fault.TOO_MANY_REQUESTS,
}


def check_status(status: int) -> None:
    """Raise UntrustedAnswer for every status but 200, whatever the body says."""
    if status == 200:
        return
    if status in _STATUS_FAULTS:
        raise UntrustedAnswer(_STATUS_FAULTS[status])
    if 300 <= status < 400:
        raise UntrustedAnswer(Fault.REDIRECT)
    raise UntrustedAnswer(Fault.SERVER_ERROR if status >= 500 else Fault.HTTP_STATUS)


async def read_body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body, decompressed, of at most 256 KiB; raises UntrustedAnswer."""
    raw = bytearray()
    try:
        async for chunk in response.content.iter_any():
            raw += chunk
            if len(raw) > MAX_BODY:
                raise UntrustedAnswer(Fault.TOO_LARGE)
    except (aiohttp.ClientError, OSError):
        raise UntrustedAnswer(Fault.DISCONNECTED) from None
    return decompress(bytes(raw), response.headers.getall("Content-Encoding", []))


def decompress(raw: bytes, encodings: list[str]) -> bytes:
    """The body behind its Content-Encoding: none or gzip; raises UntrustedAnswer for any other."""
    if not encodings:
        return raw
    if [name.strip().lower() for name in encodings] != ["gzip"]:
        raise UntrustedAnswer(Fault.ENCODING)
    inflater = zlib.decompressobj(_GZIP_WINDOW)
    try:
        body = inflater.decompress(raw, MAX_BODY + 1)
    except zlib.error:
        raise UntrustedAnswer(Fault.ENCODING) from None
    if len(body) > MAX_BODY:
        raise UntrustedAnswer(Fault.TOO_LARGE)
    if not inflater.eof or inflater.unused_data:
        raise UntrustedAnswer(Fault.ENCODING)
    return body
