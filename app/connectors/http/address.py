"""How the configuration writes where a system is."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator
from yarl import URL

from app.config_model import NOT_EMPTY, Text, matching

NOT_ENCRYPTED = "must start with https://, or plain_http must be true"


def _check_base_url(url: str) -> str:
    try:
        URL(url)
    except ValueError:
        raise ValueError("is not an address") from None
    return url.rstrip("/")


OptionalBaseUrl = Annotated[
    str,
    matching(r"https?://[A-Za-z0-9.\-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~/\-]*)?"),
    AfterValidator(_check_base_url),
]
BaseUrl = Annotated[OptionalBaseUrl, NOT_EMPTY]
AddressPath = Annotated[Text, matching(r"/[A-Za-z0-9._~/?&=%,:@+{}\-]*")]
"""What stands behind a base: perhaps with a fixed query."""


def is_encrypted_enough(url: str, *, plain_http: bool) -> bool:
    """Whether secrets may travel to an address: encrypted, to this machine, or as the configuration allows."""
    return url.startswith("https://") or plain_http or URL(url).host in ("127.0.0.1", "localhost")
