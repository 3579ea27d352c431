"""The body of a request from a template, whose placeholders `{name}` are filled with values that are escaped for their
place: in text and attributes of XML, in strings of JSON, in values of a form. No value can add an element, a key or a
field.

A template is looked at when the service starts: it must be well-formed, and a placeholder may stand nowhere else. What
is sent is the template's own text but for the placeholders, so that prefixes and their order stay as a system's makers
wrote them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote_plus
from xml.etree.ElementTree import ParseError
from xml.sax.saxutils import escape

from defusedxml.ElementTree import fromstring
from pydantic import Field as Key

from app.config_model import Choice, PathText, Section, matching
from app.domain.json_reading import JsonError, JsonReader

STUDENT_NUMBER = "student_number"
INSIDE = "inside"
MAX_TEMPLATE = 64 * 1024
_PLACEHOLDER = re.compile(r"\{([A-Za-z0-9_.\-]+)\}")
_CDATA = re.compile(r"<!\[CDATA\[.*?\]\]>", re.DOTALL)
_DECLARED = re.compile(r"""<\?xml\s[^>]*encoding\s*=\s*["'](?!utf-?8["'])""", re.IGNORECASE)
_STAND_IN = "PLACEHOLDER"
_IN_ATTRIBUTES = {'"': "&quot;", "'": "&apos;", "\t": "&#9;", "\n": "&#10;", "\r": "&#13;"}


class BodyFormat(StrEnum):
    """How a body is written."""

    XML = "xml"
    JSON = "json"
    FORM = "form"


class Template(Section):
    """A text with placeholders."""

    format: Choice[BodyFormat] = Key(description="`xml`, `json` or `form`")
    template: str = Key(
        "",
        json_schema_extra={"default": "must be set, or `template_file`"},
        description="the text; `{name}` are its placeholders, in text and attributes of XML, strings of JSON, values of "
        "a form",
    )
    template_file: PathText | None = Key(
        None,
        description="the file that holds it, in UTF-8. A relative path starts at the folder in which the service is "
        "started",
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        yield from super().list_contradictions()
        if (self.template_file is None) == (not self.template):
            yield "template", "is missing" if self.template_file is None else "and template_file are both set"
            return
        try:
            text = self.text
        except (OSError, ValueError) as error:
            yield "template_file", f"names a file that cannot be read: {_explain(error)}"
            return
        if wrong := find_mistake(text, self.format):
            yield "template" if self.template_file is None else "template_file", wrong

    @cached_property
    def text(self) -> str:
        """The template itself. Raises OSError and ValueError for a file that cannot be read."""
        if self.template_file is None:
            return self.template
        text = Path(self.template_file).read_text(encoding="utf-8")
        if len(text) > MAX_TEMPLATE:
            raise ValueError(f"it has more than {MAX_TEMPLATE} characters")
        return text

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of its placeholders."""
        return frozenset(_PLACEHOLDER.findall(self.text))

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with every placeholder filled."""
        return fill(self.text, self.format, values)


class Body(Template):
    """The body of a request."""

    content_type: Annotated[str, matching(r"[A-Za-z0-9.+\-]+/[A-Za-z0-9.+\-]+(; ?[\w\-]+=[\w\-]+)*")] = Key(
        "",
        json_schema_extra={"default": "that of the format"},
        description="the Content-Type to send",
    )
    inside: Template | None = Key(
        None,
        description="a second template, for a text in the first one that is XML, JSON or a form itself: it goes to the "
        "first one's placeholder `{inside}`",
    )

    def list_contradictions(self) -> Iterator[tuple[str, str]]:
        """See Section."""
        mistakes = list(super().list_contradictions())
        yield from mistakes
        if not mistakes and (INSIDE in super().placeholders) != (self.inside is not None):
            yield "inside", f"is missing, or no place in the template is {{{INSIDE}}}"

    @property
    def placeholders(self) -> frozenset[str]:
        """The names of all its placeholders but for the inner template's own."""
        inner = self.inside.placeholders if self.inside else frozenset()
        return (super().placeholders - {INSIDE}) | inner

    def fill(self, values: Mapping[str, str]) -> str:
        """The text with every placeholder filled."""
        if self.inside is not None:
            values = {**values, INSIDE: self.inside.fill(values)}
        return super().fill(values)

    @property
    def headers(self) -> dict[str, str]:
        """The headers of a request with this body."""
        return {"Content-Type": self.content_type or _CONTENT_TYPES[self.format]}


def find_placeholders(text: str) -> frozenset[str]:
    """The names of the placeholders of a text."""
    return frozenset(_PLACEHOLDER.findall(text))


def list_placeholder_mistakes(found: frozenset[str], needed: set[str], optional: set[str]) -> Iterator[str]:
    """What is wrong with the placeholders of a template that must have some and may have others, as predicates."""
    for name in sorted(needed - found):
        yield f"lacks the placeholder {{{name}}}"
    for name in sorted(found - needed - optional):
        yield f"has {{{name}}}, which nothing fills"


def fill(text: str, written: BodyFormat, values: Mapping[str, str]) -> str:
    """A template of this format with every placeholder filled. Raises KeyError for one without a value."""
    return _PLACEHOLDER.sub(lambda found: _ESCAPES[written](values[found[1]]), text)


def list_spellings(value: str) -> frozenset[str]:
    """How a value may stand in a body that templates fill, an inner one's text being escaped once more."""
    once = {escape_value(value) for escape_value in _ESCAPES.values()}
    return frozenset(once | {escape_value(text) for escape_value in _ESCAPES.values() for text in once})


def find_mistake(text: str, written: BodyFormat) -> str:
    """What is wrong with a template, as a predicate; empty if nothing is."""
    # A text that a template cannot hold by itself takes each placeholder's place, and is looked for afterwards.
    stand_in = _STAND_IN
    while stand_in in text:
        stand_in += "_"
    wanted = len(_PLACEHOLDER.findall(text))
    try:
        texts = list(_LISTS[written](_PLACEHOLDER.sub(stand_in, text)))
    except (ParseError, JsonError, ValueError, LookupError):
        return f"is not well-formed {_TITLES[written]}"
    if sum(value.count(stand_in) for value in texts) != wanted:
        return f"has a placeholder elsewhere than in {_PLACES[written]}"
    if written is BodyFormat.XML:
        if any(_PLACEHOLDER.search(part) for part in _CDATA.findall(text)):
            return "has a placeholder in CDATA: use [.inside], or write &lt; for <"
        if _DECLARED.match(text):
            return "declares an encoding: it is sent in UTF-8"
    return ""


def _list_xml_texts(text: str) -> Iterator[str]:
    for element in fromstring(text, forbid_dtd=True).iter():
        yield from (element.text or "", element.tail or "", *element.attrib.values())


def _list_json_texts(text: str) -> Iterator[str]:
    waiting: list[Any] = [JsonReader(max_digits=18).read(text)]
    while waiting:
        value = waiting.pop()
        if isinstance(value, str):
            yield value
        waiting += value if isinstance(value, list) else value.values() if isinstance(value, dict) else ()


def _list_form_texts(text: str) -> Iterator[str]:
    if not text.isascii() or not text.isprintable() or " " in text:
        raise ValueError
    yield from (value for _, value in parse_qsl(text, keep_blank_values=True, strict_parsing=True))


def _escape_xml(value: str) -> str:
    return escape(value, _IN_ATTRIBUTES)


def _escape_json(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)[1:-1]


def _explain(error: Exception) -> str:
    if isinstance(error, OSError):
        return error.strerror or "it cannot be opened"
    return "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)


_LISTS: Mapping[BodyFormat, Callable[[str], Iterator[str]]] = {
    BodyFormat.XML: _list_xml_texts,
    BodyFormat.JSON: _list_json_texts,
    BodyFormat.FORM: _list_form_texts,
}
_ESCAPES: Mapping[BodyFormat, Callable[[str], str]] = {
    BodyFormat.XML: _escape_xml,
    BodyFormat.JSON: _escape_json,
    BodyFormat.FORM: quote_plus,
}
_TITLES = {BodyFormat.XML: "XML", BodyFormat.JSON: "JSON", BodyFormat.FORM: "form fields"}
_PLACES = {
    BodyFormat.XML: "the text of an element or the value of an attribute",
    BodyFormat.JSON: "a string that is a value",
    BodyFormat.FORM: "a field's value",
}
_CONTENT_TYPES = {
    BodyFormat.XML: "application/xml; charset=utf-8",
    BodyFormat.JSON: "application/json; charset=utf-8",
    BodyFormat.FORM: "application/x-www-form-urlencoded",
}
