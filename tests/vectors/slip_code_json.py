"""The shape of one vector in slip_code.json."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from app.domain.slip import SlipRecord
from tests.vectors.slip_code_forge import HOST, RawCode

Vector = dict[str, Any]


def make_vector(
    name: str,
    layer: str,
    text: str,
    *,
    host: str = HOST,
    today: str = "2026-06-21",
    keys: str = "usual",
    verdict: str = "valid",
    cure: dict[str, str] | None = None,
    raw: RawCode | None = None,
) -> Vector:
    """A vector; `raw` holds the fields to be found when the signature stands."""
    vector: Vector = {"name": name, "layer": layer, "text": text, "host": host, "today": today, "keys": keys}
    vector |= {"verdict": verdict, "verdict_if_issued": verdict, "code": write_code(raw) if raw else None}
    return vector | ({"cure": cure} if cure else {})


def write_code(raw: RawCode) -> dict[str, Any]:
    """A code's fields as JSON: bytes in hex, days in ISO 8601."""
    return {
        "kid": raw.kid,
        "slip_id": raw.slip_id.hex(),
        "issued_on": _write_day(raw.issued),
        "expires_on": _write_day(raw.expires) if raw.expires else None,
        "document_type": raw.document_type,
        "status_index": raw.status_index,
        "content_digest": raw.digest.hex(),
        "last_four": raw.last_four.decode(),
        "masked_name": raw.name.decode(),
    }


def write_record(record: SlipRecord) -> dict[str, Any]:
    """A slip's printed content as JSON."""
    return record.to_json()


def _write_day(days: int) -> str:
    return (date(2020, 1, 1) + timedelta(days=days)).isoformat()
