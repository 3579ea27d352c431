"""Writes slip_code.json: codes, and the verdict that every verifier must reach on that day with those keys.

    python -m tests.vectors.make_slip_code_vectors

Each vector has `name`, `layer`, `text`, `host`, `today`, `keys` (the name of a ring in `rings`; each ring is
a JSON Web Key Set as the service publishes it), `verdict`, `verdict_if_issued` and `code` (null unless the
signature stands). A vector with a `record` says in `has_content` whether the code was made for it.
A vector that must fail has a `cure`: with only these members changed the same vector is `valid`, so
it fails in exactly one layer. `short_codes` are typed texts with the slip id in hex, or null.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.domain.slip import PrintedField, SlipRecord
from tests.vectors.make_broken_codes import list_broken_bodies, list_broken_signatures, list_broken_texts
from tests.vectors.short_codes import SHORT_CODES
from tests.vectors.slip_code_forge import (
    GOOD,
    HOST,
    RECORD,
    RING,
    RING_WITH_NINE,
    WIDER_RING,
    RawCode,
    count_days,
    forge,
    sign,
    write,
)
from tests.vectors.slip_code_json import Vector, make_vector, write_record

VECTOR_FILE = Path(__file__).with_name("slip_code.json")
RINGS = {"usual": RING, "wider": WIDER_RING, "with_nine": RING_WITH_NINE}


def make_vectors() -> dict[str, Any]:
    """The whole file as JSON-ready data."""
    vectors = [*_list_good(), *_list_malformed(), *_list_key_faults(), *_list_bad_signatures()]
    vectors += [*_list_hosts(), *_list_times(), *_list_compromised(), *_list_contents()]
    return {
        "about": "The slip's code, format 1: see make_slip_code_vectors.py. The keys are for tests only.",
        "rings": {name: ring.to_jwks() for name, ring in RINGS.items()},
        "vectors": vectors,
        "short_codes": [
            {"name": name, "text": text, "slip_id": slip_id} for name, text, slip_id in SHORT_CODES
        ],
    }


def render_vectors() -> str:
    """The file's text."""
    return json.dumps(make_vectors(), ensure_ascii=True, indent=1) + "\n"


def _good(title: str, day: str = "2026-06-21", keys: str = "usual", **changes: Any) -> Vector:
    raw = replace(GOOD, **changes)
    body = raw.to_body()
    return make_vector(title, "good", write(body, sign(body)), today=day, keys=keys, raw=raw)


def _list_good() -> Iterator[Vector]:
    yield _good("the usual code")
    yield _good("signed by the second live key", kid=2)
    yield _good("signed by the highest kid", kid=255)
    yield _good("signed by a retired key in its window", "2025-07-01", kid=3, issued=count_days("2025-06-20"))
    yield _good("never expires", expires=0)
    yield _good("on the day of issue", "2026-06-20")
    yield _good("on its last day", "2031-06-30")
    yield _good("good for one day", "2026-06-20", expires=count_days("2026-06-20"))
    yield _good("first day that can be written", "2020-01-02", kid=5, issued=1, expires=0)
    yield _good("last day that can be written", "2199-06-06", "wider", issued=65535, expires=65535)
    yield _good("first day of the key's window", issued=count_days("2026-06-01"), kid=2)
    yield _good("last day of the key's window", "2028-01-01", issued=count_days("2027-12-31"))
    yield _good("highest document type", document_type=255)
    yield _good("lowest status index", status_index=0)
    yield _good("highest status index", status_index=2**24 - 1)
    yield _good("slip id and digest of zeros", slip_id=bytes(10), digest=bytes(16))
    yield _good("slip id and digest of ones", slip_id=b"\xff" * 10, digest=b"\xff" * 16)
    yield _good("student number of one character", last_four=b"---7")
    yield _good("student number with small letters", last_four=b"ab9z")
    yield _good("no name", name=b"")
    yield _good("name of nine bytes", name="欧阳***".encode())
    yield _good("name with a character beyond the basic plane", name="𠮷**".encode())
    yield _good("name in Latin letters", name=b"M****")
    yield _good("name that begins with a byte order mark", name="\ufeff张*".encode())


def _list_malformed() -> Iterator[Vector]:
    cure = {"text": forge()}
    for layer, broken in (("text", list_broken_texts(forge())), ("body", list_broken_bodies())):
        for name, text in broken:
            yield make_vector(name, layer, text, verdict="malformed", cure=cure)


def _list_key_faults() -> Iterator[Vector]:
    nine = {"keys": "with_nine"}
    yield make_vector(
        "a kid that the ring does not hold", "key", forge(kid=9), verdict="unknown_key", cure=nine
    )
    early, late = forge(issued=count_days("2025-12-31")), forge(issued=count_days("2028-01-01"), expires=0)
    for name, text in (("issued a day before its key", early), ("issued a day after its key", late)):
        cure = {"keys": "wider"}
        yield make_vector(name, "key", text, today="2028-06-21", verdict="unknown_key", cure=cure)
    retired = forge(kid=3)
    cure = {"text": forge()}
    yield make_vector("signed after its key's end", "key", retired, verdict="unknown_key", cure=cure)


def _list_bad_signatures() -> Iterator[Vector]:
    for name, text, cured in list_broken_signatures():
        yield make_vector(name, "signature", text, verdict="bad_signature", cure={"text": cured})


def _list_hosts() -> Iterator[Vector]:
    yield make_vector("the host in capitals", "good", forge(), host=HOST.upper(), raw=GOOD)
    port = f"{HOST}:8443"
    yield make_vector("a host with a port", "good", forge(port), host=port, raw=GOOD)
    yield make_vector("an address for a host", "good", forge("[::1]:8000"), host="[::1]:8000", raw=GOOD)
    for name, host in (
        ("made for another host", "lixiao.example.com"),
        ("made for a host below ours", f"a.{HOST}"),
        ("made for the host above ours", "example.edu.cn"),
        ("made for our host with a port", port),
        ("made for our host with a final dot", f"{HOST}."),
    ):
        yield make_vector(name, "host", forge(host), verdict="bad_signature", cure={"host": host})


def _list_times() -> Iterator[Vector]:
    cure = {"today": "2026-06-21"}
    early = make_vector("a day before its issue", "time", forge(), today="2026-06-19", cure=cure, raw=GOOD)
    late = make_vector("a day after its end", "time", forge(), today="2031-07-01", cure=cure, raw=GOOD)
    yield {**early, "verdict": "not_yet_valid", "verdict_if_issued": "not_yet_valid"}
    yield {**late, "verdict": "expired", "verdict_if_issued": "expired"}
    short = replace(GOOD, expires=GOOD.issued)
    text = forge(expires=GOOD.issued)
    one_day = make_vector("a day after its only day", "time", text, cure={"today": "2026-06-20"}, raw=short)
    yield {**one_day, "verdict": "expired", "verdict_if_issued": "expired"}


def _list_compromised() -> Iterator[Vector]:
    raw = replace(GOOD, kid=4)
    for name, today, if_issued in (
        ("signed by a compromised key", "2026-06-21", "valid"),
        ("signed by a compromised key, not yet valid", "2026-06-19", "not_yet_valid"),
        ("signed by a compromised key, expired", "2031-07-01", "expired"),
    ):
        cure = {"text": forge(), "today": "2026-06-21"}
        vector = make_vector(name, "key state", forge(kid=4), today=today, cure=cure, raw=raw)
        yield {**vector, "verdict": "status_unknown", "verdict_if_issued": if_issued}


def _list_contents() -> Iterator[Vector]:
    name, rest = RECORD.fields[0], RECORD.fields[1:]
    decomposed = replace(name, value=unicodedata.normalize("NFD", name.value))
    fewer_facts = (replace(RECORD.steps[0], facts=RECORD.steps[0].facts[:1]),)
    for title, record, has_content in (
        ("the printed content", RECORD, True),
        ("the printed content with a decomposed letter", replace(RECORD, fields=(decomposed, *rest)), True),
        ("another name", _rename(PrintedField("name", "姓名", "欧阳e")), False),
        ("a byte moved from one text to the next", _rename(PrintedField("name", "姓名欧", "阳é")), False),
        ("a field left out", replace(RECORD, fields=rest), False),
        ("a fact left out", replace(RECORD, steps=fewer_facts), False),
        ("another number", replace(RECORD, number="LX264839201755634"), False),
        ("another time of submission", replace(RECORD, submitted_at="2026-06-20 09:31:01"), False),
    ):
        vector = make_vector(title, "content", forge(), raw=GOOD)
        yield {**vector, "record": write_record(record), "has_content": has_content}
    other_id = RawCode(slip_id=bytes(10))
    vector = make_vector("another slip id", "content", forge(slip_id=bytes(10)), raw=other_id)
    yield {**vector, "record": write_record(RECORD), "has_content": False}


def _rename(name: PrintedField) -> SlipRecord:
    return replace(RECORD, fields=(name, *RECORD.fields[1:]))


if __name__ == "__main__":
    VECTOR_FILE.write_text(render_vectors(), encoding="ascii")
