"""The departure slip 离校单: what is printed on it, its number, its digest, and how names are masked.

A slip is rendered from its stored `SlipRecord` alone. The record holds every printed field as the text
that stands on the paper, so the same record gives the same paper a year later.

The number 编号 is `LX`, two digits of the year, twelve random digits, one check character.

    LX26 483920175562 7

17 characters, written without spaces; only digits after the prefix, as a phone's number pad types them
(and an X at the end, as on an identity card). Random digits tell nobody how many slips there are; among
50,000 slips of a year two share a number once in 800 years, and the database's UNIQUE constraint sees it.

The check character is that of ISO 7064 MOD 11-2 over the fourteen digits. It finds every wrong digit and
every swap of two neighbours.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.domain.texts import fold_code, is_invisible, split_letters

COMPARED = ("name", "student_number", "level", "college")
"""The fields that stand beside the QR and are compared at a verification; of the student number only the last four."""

MAX_MASKED_NAME_BYTES = 9

COMPOUND_SURNAMES = frozenset(
    [
        "欧阳",
        "司马",
        "上官",
        "诸葛",
        "东方",
        "皇甫",
        "尉迟",
        "公孙",
        "慕容",
        "长孙",
        "宇文",
        "司徒",
        "司空",
        "夏侯",
        "令狐",
        "端木",
        "轩辕",
        "独孤",
        "南宫",
        "西门",
        "东郭",
        "百里",
        "呼延",
        "太史",
        "申屠",
        "闻人",
        "澹台",
        "濮阳",
        "赫连",
        "钟离",
    ]
)


@dataclass(frozen=True, slots=True)
class PrintedField:
    """One labelled value as it stands on the paper."""

    key: str
    label: str
    value: str


@dataclass(frozen=True, slots=True)
class PrintedStep:
    """One clearance step as it stands on the paper; `learnt_at` is local time as printed."""

    key: str
    department: str
    title: str
    status: str
    status_word: str
    facts: tuple[PrintedField, ...]
    learnt_at: str


@dataclass(frozen=True, slots=True)
class SlipRecord:
    """Everything printed on a slip except its code.

    `fields` are about the student (name, student number, college ...), in printed order.
    `submitted_at` is local time as printed; `issued_on` is the local date as ISO 8601, which also
    dates the PDF file. `second_title` and `second_office` are the title and the office in English on a slip whose words are in
    both languages. `office` issues the slip (落款); `seal` is the SHA-256 of the seal's picture in hexadecimal. Slips of
    before these were printed have them empty.
    """

    title: str
    number: str
    fields: tuple[PrintedField, ...]
    steps: tuple[PrintedStep, ...]
    statement: str
    submitted_at: str
    issued_on: str
    second_title: str = ""
    office: str = ""
    second_office: str = ""
    seal: str = ""

    def get_field(self, key: str) -> str:
        """The printed value of a student field, or "" where the slip does not print it."""
        return next((field.value for field in self.fields if field.key == key), "")

    def get_label(self, key: str) -> str:
        """What the slip calls a field, or "" where it does not print it."""
        return next((field.label for field in self.fields if field.key == key), "")

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready copy; `parse_slip_record` reads it back. What a slip does not print is left out, as it always was."""
        data = _list_values(self)
        data["fields"] = tuple(map(_list_values, self.fields))
        data["steps"] = tuple(
            _list_values(step) | {"facts": tuple(map(_list_values, step.facts))} for step in self.steps
        )
        return {key: value for key, value in data.items() if value or key not in _LATER}


_LATER = ("second_title", "office", "second_office", "seal")
"""What slips did not print at first."""


def _list_values(thing: PrintedField | PrintedStep | SlipRecord) -> dict[str, Any]:
    """Its values by name, as they are: `dataclasses.asdict` would copy each text, a tenth of a submission's work."""
    return {name: getattr(thing, name) for name in thing.__slots__}


def parse_slip_record(data: Mapping[str, Any]) -> SlipRecord:
    """Read back what `SlipRecord.to_json` wrote. Raises KeyError or TypeError on anything else."""
    values = dict(data)
    values["fields"] = tuple(PrintedField(**field) for field in values["fields"])
    values["steps"] = tuple(_parse_step(step) for step in values["steps"])
    return SlipRecord(**values)


def _parse_step(data: Mapping[str, Any]) -> PrintedStep:
    values = dict(data)
    values["facts"] = tuple(PrintedField(**fact) for fact in values["facts"])
    return PrintedStep(**values)


def get_content_digest(slip_id: bytes, record: SlipRecord) -> bytes:
    """The 16-byte digest of a slip's content that its code signs.

    SHA-256 over the slip id and the NFC form of every printed field, each preceded by its length in
    bytes as a 4-byte big-endian integer, cut to 16 bytes. Behind the date stands nothing, or the English title, or all
    four of English title, office, office in English and seal, so that slips without an office are signed as ever.
    """
    parts = [slip_id]
    for text in _list_printed_texts(record):
        encoded = unicodedata.normalize("NFC", text).encode()
        parts += (len(encoded).to_bytes(4, "big"), encoded)
    return hashlib.sha256(b"".join(parts)).digest()[:16]


def _list_printed_texts(record: SlipRecord) -> Iterator[str]:
    yield from (record.title, record.number, str(len(record.fields)))
    for field in record.fields:
        yield from (field.key, field.label, field.value)
    yield str(len(record.steps))
    for step in record.steps:
        yield from (
            step.key,
            step.department,
            step.title,
            step.status,
            step.status_word,
            str(len(step.facts)),
        )
        for fact in step.facts:
            yield from (fact.key, fact.label, fact.value)
        yield step.learnt_at
    yield from (record.statement, record.submitted_at, record.issued_on)
    later = [getattr(record, name) for name in _LATER]
    if any(later[1:]):
        yield from later
    elif record.second_title:
        yield record.second_title


def mask_name(name: str) -> str:
    """A name as a stranger may see it: the surname, and a star for each further letter, four at most.

    张三 -> 张*, 张三丰 -> 张**, 欧阳修 -> 欧阳*; a Latin name keeps its first letter: M****. A letter is shown with
    all its marks; one that has too many for the slip's code is a star too.
    """
    letters = split_letters(unicodedata.normalize("NFC", name.strip()))
    if not letters:
        return ""
    shown = 2 if len(letters) > 2 and "".join(letters[:2]) in COMPOUND_SURNAMES else 1
    surname = "".join(sign for sign in "".join(letters[:shown]) if not is_invisible(sign))
    if len(surname.encode()) > MAX_MASKED_NAME_BYTES:
        return "*" * min(len(letters), 4)
    return surname + "*" * min(len(letters) - shown, 4)


RANDOM_DIGITS = 12

_NUMBER = re.compile(r"LX([0-9]{14})([0-9X])", re.ASCII)
_CHECK_CHARACTERS = "0123456789X"


def create_slip_number(issued_on: date, random_below: Callable[[int], int]) -> str:
    """A new slip number. `random_below(n)` gives a number from 0 to n-1, as `secrets.randbelow` does."""
    digits = f"{issued_on.year % 100:02d}{random_below(10**RANDOM_DIGITS):0{RANDOM_DIGITS}d}"
    return f"LX{digits}{_get_check_character(digits)}"


def fold_slip_number(text: str) -> str:
    """A number as somebody typed it, in the form in which slips have it: see `fold_code`."""
    folded = fold_code(text)
    return f"LX{folded[2:]}" if folded.startswith("1X") else folded


def is_slip_number(text: str) -> bool:
    """Whether the text is written as a slip number is, with a right check character."""
    match = _NUMBER.fullmatch(text)
    return match is not None and _get_check_character(match[1]) == match[2]


def _get_check_character(digits: str) -> str:
    """ISO 7064 MOD 11-2: the character c with (... (d1 * 2 + d2) * 2 + ... + dn) * 2 + c = 1 modulo 11."""
    total = 0
    for digit in digits:
        total = (total + int(digit)) * 2 % 11
    return _CHECK_CHARACTERS[(1 - total) % 11]
