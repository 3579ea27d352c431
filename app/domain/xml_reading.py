"""Reads XML strictly, as the tree that JSON would give, so that the paths of `json_reading` lead through it.

| XML | becomes |
| --- | --- |
| the root `<r>` | an object with the one key `r` |
| child elements | keys by their local names, whatever their name spaces |
| several children of one name | a list; one alone is no list |
| an attribute | the key `@name` |
| an element with nothing but text, CDATA or nothing | its text as it stands, "" for nothing |
| the text of an element that has attributes | the key `#text` |
| `xsi:nil="true"` | null |

Everything is a text. What two readers could understand differently is refused: a document type, entities, text beside
child elements, text that a comment or a processing instruction cuts in two, one local name out of two name spaces or in
two cases, and null that says something after all, by an attribute. defusedxml reads it, so that there are no bombs,
files or addresses.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from xml.etree.ElementTree import ParseError

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import XMLParser

from app.domain.json_reading import MAX_DEPTH, Json, Path

MAX_ELEMENTS = 10_000
TEXT = "#text"
SPACES = " \t\r\n"
"""What XML takes for space; any other blank is text."""
_INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
_NIL = {"true": True, "1": True, "false": False, "0": False}


class XmlFault(StrEnum):
    """What is wrong with a text."""

    NOT_XML = "not_xml"
    DUPLICATE_KEY = "duplicate_key"


class XmlError(ValueError):
    """A text is no XML, or two readers could understand it differently. Holds nothing of the text; `reason` is a short word
    for what is wrong, where it is known.
    """

    def __init__(self, fault: XmlFault, reason: str = "") -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.reason = reason


class NoSuchRows(LookupError):
    """There is no place that could hold rows."""


@dataclass(frozen=True, slots=True)
class XmlText:
    """The root's name space, "" for none, and the tree."""

    space: str
    tree: dict[str, Json]


def read_xml(text: str) -> XmlText:
    """One XML text of at most MAX_ELEMENTS elements, MAX_DEPTH deep; it was decoded before, so that the encoding of its
    declaration says nothing any more. Raises XmlError.
    """
    builder = _Builder()
    parser = XMLParser(target=builder, forbid_dtd=True)
    try:
        parser.feed(text)
        parser.close()
    except XmlError:
        raise
    except DefusedXmlException:
        raise XmlError(XmlFault.NOT_XML, "document_type") from None
    except (ParseError, ValueError, LookupError):
        raise XmlError(XmlFault.NOT_XML) from None
    (name, (value,)), (space,) = *builder.document.children.items(), builder.document.spaces.values()
    return XmlText(space, {name: value})


def find_rows(
    tree: Json, path: Path, *, may_be_absent: bool = False, understood: Collection[Path] = ()
) -> Json:
    """The elements at a path as a list, as JSON would have it: one alone is a list of one, and there are none where the
    element around them is there and empty. None where either is nil. With `may_be_absent`, when something else says that
    there is none, None also where the element around them holds others alone or an empty one of the name, or where one
    further out is there and empty. What an empty element says in its attributes may be an error, or rows that were left
    out: it counts as empty only where all of them are `understood`, as their paths are read elsewhere.

    Raises NoSuchRows where the element around them is missing, or else holds others alone, or such attributes.
    """
    *way, name = path
    container = tree
    for depth, step in enumerate(way):
        if may_be_absent and _is_empty(container):
            _require_understood(container, path[:depth], understood)
            return None
        container = _step(container, step)
    if container is None:
        return None
    if _is_empty(container):
        _require_understood(container, tuple(way), understood)
        return []
    if not isinstance(container, dict) or (name not in container and not may_be_absent):
        raise NoSuchRows
    if name not in container and any(_fold(key) == _fold(str(name)) for key in container):
        raise NoSuchRows
    found = container.get(str(name), "")
    if may_be_absent and found == "":
        return None
    return found if found is None or isinstance(found, list) else [found]


def _step(value: Json, step: Any) -> Json:
    if isinstance(step, str) and isinstance(value, dict) and step in value:
        return value[step]  # type: ignore[no-any-return]
    raise NoSuchRows


def _require_understood(value: Json, place: Path, understood: Collection[Path]) -> None:
    attributes = [key for key in value if key != TEXT] if isinstance(value, dict) else []
    if any((*place, key) not in understood for key in attributes):
        raise NoSuchRows


def _is_empty(value: Json) -> bool:
    """Whether an element has neither children nor text; it may have attributes."""
    if isinstance(value, dict):
        is_leaf = all(name == TEXT or name.startswith("@") for name in value)
        return is_leaf and _is_empty(value.get(TEXT, ""))
    return isinstance(value, str) and not value.strip(SPACES)


@dataclass(slots=True)
class _Element:
    """An element that is being read."""

    attributes: dict[str, Json] = field(default_factory=dict)
    children: dict[str, list[Json]] = field(default_factory=dict)
    spaces: dict[str, str] = field(default_factory=dict)
    spellings: dict[str, str] = field(default_factory=dict)
    """The one spelling of each name of a child or an attribute, by what is left of it without its case."""
    text: list[str] = field(default_factory=list)
    is_nil: bool = False
    is_cut: bool = False

    def add(self, tag: str, value: Json) -> None:
        """Put a child into it."""
        space, name = _split(tag)
        if self.spaces.setdefault(name, space) != space:
            raise XmlError(XmlFault.DUPLICATE_KEY)
        self._require_one_spelling(name)
        self.children.setdefault(name, []).append(value)

    def read_attributes(self, found: dict[str, str]) -> None:
        """Take its attributes, but for those that tell of its type, which every text has here, and its schema."""
        for tag, value in found.items():
            space, name = _split(tag)
            if space == _INSTANCE:
                if name == "nil":
                    self.is_nil = _read_nil(value)
            elif f"@{name}" in self.attributes:
                raise XmlError(XmlFault.DUPLICATE_KEY)
            else:
                self._require_one_spelling(f"@{name}")
                self.attributes[f"@{name}"] = value

    def make(self) -> Json:
        """What it comes to."""
        text = "".join(self.text)
        has_text = bool(text.strip(SPACES))
        says_something = has_text or self.children or self.attributes
        if (has_text and (self.children or self.is_cut)) or (self.is_nil and says_something):
            raise XmlError(XmlFault.NOT_XML)
        if self.is_nil:
            return None
        if not self.children:
            return self.attributes | {TEXT: text} if self.attributes else text
        found = {name: values if len(values) > 1 else values[0] for name, values in self.children.items()}
        return self.attributes | found

    def _require_one_spelling(self, name: str) -> None:
        if self.spellings.setdefault(_fold(name), name) != name:
            raise XmlError(XmlFault.DUPLICATE_KEY)


class _Builder:
    """What the parser tells of what it reads."""

    def __init__(self) -> None:
        self.document = _Element()
        self._open = [self.document]
        self._elements = 0

    def start(self, _tag: str, attributes: dict[str, str]) -> None:
        self._elements += 1
        if len(self._open) > MAX_DEPTH or self._elements > MAX_ELEMENTS:
            raise XmlError(XmlFault.NOT_XML, "too_large")
        element = _Element()
        element.read_attributes(attributes)
        self._open.append(element)

    def data(self, text: str) -> None:
        self._open[-1].text.append(text)

    def end(self, tag: str) -> None:
        element = self._open.pop()
        try:
            value = element.make()
        except XmlError as error:
            raise XmlError(error.fault, _find_reason(element)) from None
        self._open[-1].add(tag, value)

    def comment(self, _text: str) -> None:
        self._open[-1].is_cut = True

    def pi(self, _target: str, _text: str | None = None) -> None:
        self._open[-1].is_cut = True

    def close(self) -> None:
        """The parser asks for nothing."""


def _fold(name: str) -> str:
    return name.casefold()


def _split(tag: str) -> tuple[str, str]:
    space, mark, name = tag.rpartition("}")
    return (space.removeprefix("{") if mark else "", name)


def _read_nil(value: str) -> bool:
    if value.strip(SPACES) not in _NIL:
        raise XmlError(XmlFault.NOT_XML, "nil_content")
    return _NIL[value.strip(SPACES)]


def _find_reason(element: _Element) -> str:
    """Why an element comes to nothing."""
    if element.is_nil:
        return "nil_content"
    return "mixed_text" if element.children else "cut_text"
