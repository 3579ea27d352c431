"""Addresses of this service's own pages and files, remembered: a page names a dozen, and most of them never change."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import request
from flask import url_for as build_url


def url_for(endpoint: str, **values: Any) -> str:
    """As Flask's, which builds the address anew each time. Takes whole endpoints, not those that begin with a dot."""
    return _build_url(request.root_path, endpoint, tuple(values.items()))


@lru_cache(maxsize=512)
def _build_url(_root: str, endpoint: str, values: tuple[tuple[str, Any], ...]) -> str:
    return build_url(endpoint, **dict(values))
