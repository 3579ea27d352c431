"""The address of a department that a file describes: its answers are made from the file's templates."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from xml.sax.saxutils import escape

from aiohttp import web

from tests.campus.described import FACT, HAS_RECORD, Department, DescribedFact
from tests.campus.facts import as_json
from tests.campus.kinds import in_fen
from tests.campus.signatures import is_same
from tests.campus.state import Fault, State
from tests.campus.systems.base import read_form, read_json_field

UNKNOWN = "待核（不明）"
"""What no department says, put where a known word should be."""
_CONTENT_TYPES = {"json": "application/json", "xml": "text/xml"}
Values = Mapping[str, Any]


class DescribedEndpoint:
    """`/systems/<name>` and the path of the description."""

    is_action = False

    def __init__(self, system: str, department: Department, state: State) -> None:
        self.system = system
        self.method = department.method
        self.path = f"/systems/{system}{department.path}"
        self.content_type = department.content_type or _CONTENT_TYPES[department.format]
        self.state = state
        self._described = department
        self._usual = {name: _write(each, each.get_usual()) for name, each in department.facts.items()}

    async def read_number(self, request: web.Request) -> str | None:
        """Return the student number that was asked for, or None when there is none."""
        given = await _read(request, self._described.number_in, self._described.number_name)
        return given or None

    async def is_authorized(self, request: web.Request) -> bool:
        """Tell whether the call carries this system's credential."""
        described = self._described
        if described.credential_in == "none":
            return True
        given = await _read(request, described.credential_in, described.credential_name)
        return is_same(given or "", described.credential_prefix + described.credential)

    def write(self, number: str, other: str, fault: Fault) -> str:
        """The text that a call is answered with: the truth without a fault, else near to a cleared answer."""
        if fault is Fault.NONE:
            held = self._find(number)
            return self._answer(number, *([] if held is None else [self._record(number, held)]))
        cleared = self._answer(number, self._record(number, self._usual))
        match fault:
            case Fault.BAD_JSON:
                return cleared[:-1]
            case Fault.EMPTY:
                return ""
            case Fault.WRONG_STUDENT:
                return self._answer(other, self._record(other, self._usual))
            case Fault.DUPLICATE_KEYS:
                return _contradict(self._described, cleared)
        return self._write_bad(number, other, fault) or cleared

    def _write_bad(self, number: str, other: str, fault: Fault) -> str | None:
        """An answer that is wrong in its content; None for a fault of another kind."""
        match fault:
            case Fault.ERROR_ENVELOPE:
                return self._render(self._described.error, {"number": number})
            case Fault.NULL_DATA:
                return self._write_null(number)
            case Fault.TWO_STUDENTS:
                return self._answer(number, *(self._record(each, self._usual) for each in (number, other)))
            case Fault.MISSING_FIELDS:
                return self._answer(number, self._render(_without_facts(self._described), {"number": number}))
            case Fault.NAN:
                return self._answer(number, self._record(number, self._spoil(float("nan"), "count", "money")))
            case Fault.UNKNOWN_VALUE:
                return self._answer(number, self._record(number, self._spoil(UNKNOWN, "choice", "text")))
        return None

    def _find(self, number: str) -> Values | None:
        """What is held, in the answer's words; None without a record."""
        found = self.state.find_facts(self._described.find_student(number), self.system)
        if found is None:
            return None
        values = as_json(found)
        if not values.pop(HAS_RECORD):
            return None
        return {name: _write(self._described.facts[name], value) for name, value in values.items()}

    def _record(self, number: str, facts: Values) -> str:
        return self._render(self._described.record, {"number": number, **facts})

    def _answer(self, number: str, *records: str) -> str:
        """The answer with its records put in as they are."""
        described = self._described
        if described.format == "xml":
            joined = "".join(records)
        elif described.records == "list" or len(records) > 1:
            joined = f"[{','.join(records)}]"
        else:
            joined = records[0] if records else "null"
        return self._put_in(number, joined, len(records))

    def _put_in(self, number: str, records: str, count: int) -> str:
        mark = '"{records}"' if self._described.format == "json" else "{records}"
        parts = self._described.answer.split(mark)
        rendered = (self._render(part, {"number": number, "count": count}) for part in parts)
        return records.join(rendered)

    def _render(self, template: str, values: Values) -> str:
        return _fill(template, values, self._described.format)

    def _write_null(self, number: str) -> str:
        if self._described.format == "json":
            return self._put_in(number, "null", 0)
        without = re.sub(r"<([\w:.-]+)(\s[^<>]*)?>\s*\{records\}\s*</\1>", "", self._described.answer)
        return self._render(without.replace("{records}", ""), {"number": number, "count": 0})

    def _spoil(self, value: object, *kinds: str) -> Values:
        """The usual facts with a value in the first one of these kinds, or else in the first of all."""
        facts = self._described.facts
        name = next((name for name, each in facts.items() if each.kind in kinds), next(iter(facts)))
        return {**self._usual, name: value}


def _write(fact: DescribedFact, value: object) -> object:
    """A fact's value as the answer has it."""
    if fact.codes:
        return fact.codes.get(str(value).lower() if isinstance(value, bool) else str(value), value)
    if fact.written.startswith("fen"):
        fen = in_fen(str(value))
        return fen if fact.written == "fen_text" else int(fen)
    return str(value) if fact.written == "text" and value is not None else value


def _fill(template: str, values: Values, form: str) -> str:
    """Put values into a template. In JSON a text that is one placeholder becomes the value in its own type."""
    if form == "xml":
        return FACT.sub(lambda found: _write_xml(values[found[1]]), template)
    typed = re.sub(rf'"{FACT.pattern}"', lambda found: _write_json(values[found[1]]), template)
    return FACT.sub(lambda found: _write_json(str(values[found[1]]))[1:-1], typed)


def _write_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _write_xml(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return escape("NaN" if value != value else str(value), {'"': "&quot;"})


def _without_facts(described: Department) -> str:
    """The record's template without what holds a fact."""
    names = "|".join(described.facts)
    if described.format == "xml":
        bare = re.sub(rf"<([\w:.-]+)(\s[^<>]*)?>\s*\{{({names})\}}\s*</\1>", "", described.record)
        return re.sub(rf'\s[\w:.-]+="\{{({names})\}}"', "", bare)
    marks = {f"{{{name}}}" for name in described.facts}

    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if inner not in marks}
        return [strip(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(strip(json.loads(described.record)), ensure_ascii=False)


def _contradict(described: Department, text: str) -> str:
    """Say the first fact once more before its place, in an unknown word: a lenient reader sees the last one."""
    name = next(iter(described.facts))
    if described.format == "xml":
        found = re.search(rf"<([\w:.-]+)(\s[^<>]*)?>\s*\{{{name}\}}", described.record)
        if found is None:
            return text
        return text.replace(f"<{found[1]}", f"<{found[1]}>{UNKNOWN}</{found[1]}><{found[1]}", 1)
    found = re.search(rf'("[^"]+")\s*:\s*"\{{{name}\}}"', described.record)
    if found is None:
        return text
    return text.replace(f"{found[1]}:", f"{found[1]}:{_write_json(UNKNOWN)},{found[1]}:", 1)


async def _read(request: web.Request, place: str, name: str) -> str | None:
    """A value that a request carries; None when it is not there."""
    match place:
        case "path":
            return request.match_info.get(name)
        case "query":
            return request.query.get(name)
        case "header":
            return request.headers.get(name)
        case "form":
            return (await read_form(request)).get(name)
        case "json":
            return await read_json_field(request, name)
    found = re.search(rf"<(?:[\w.-]+:)?{re.escape(name)}(?:\s[^<>]*)?>([^<]*)</", await request.text())
    return found[1].strip() if found else None
