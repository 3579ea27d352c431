"""From the bytes of an answer to the tree that paths lead through: its content type, its encoding, JSON or XML, a SOAP
envelope around it, and further texts inside it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator
from pydantic import Field as Key

from app.config_model import Choice, Section, Tables, Texts
from app.connectors.base import FailureCode, UntrustedAnswer
from app.connectors.http.soap import Soap, unwrap
from app.connectors.json_paths import ListPath, Mark, look_up, read_json
from app.connectors.reading import NoRecord
from app.domain.exchanges import note_reason
from app.domain.json_reading import Json, Path
from app.domain.xml_reading import NoSuchRows, XmlError, XmlText, find_rows, read_xml


class Format(StrEnum):
    """How a text is written."""

    JSON = "json"
    XML = "xml"


MOST_INSIDE = 2
NO_TYPE = "none"
_FORMATS_TYPES: Mapping[Format, tuple[str, ...]] = {
    Format.JSON: ("application/json",),
    Format.XML: ("application/xml", "text/xml"),
}
_MEDIA_TYPE = re.compile(r"[a-z0-9.+\-]+/[a-z0-9.+\-]+")
_CONTENT_TYPE = re.compile(r'([^;,"\s]+)((?: *; *[\w\-]+="?[^;,"\s]*"?)*) *;?', re.ASCII)
_PARAMETER = re.compile(r'; *([\w\-]+)="?([^;,"\s]*)"?', re.ASCII)
_DECLARED = re.compile(r"""<\?xml\s[^>?]*?\sencoding\s*=\s*["']([^"'>]*)["']""", re.ASCII)
_LONGEST_DECLARATION = 200
_HTML = re.compile(r"\s*<(!doctype\s+html|html)\b", re.IGNORECASE)
_SAME: Mapping[str, tuple[str, ...]] = {
    "utf-8": ("utf-8", "utf8"),
    "gbk": ("gbk", "gb2312", "cp936"),
    "gb18030": ("gb18030", "gbk", "gb2312", "cp936"),
}
"""What each encoding may be called in an answer: a part of it is it as well."""
_WHOLE = re.compile(r"0|[1-9][0-9]{0,8}")


def _check_types(types: tuple[str, ...]) -> tuple[str, ...]:
    if not all(kind == NO_TYPE or _MEDIA_TYPE.fullmatch(kind) for kind in types):
        raise ValueError(f'must be content types in small letters such as text/html, or "{NO_TYPE}"')
    return types


class Inside(Section):
    """A text inside an answer that is JSON or XML itself."""

    path: ListPath = Key(
        description="where the text stands; paths then lead into it, as if it were a part of the answer"
    )
    format: Choice[Format] = Key(description="`json` or `xml`")


class AnswerText(Section):
    """How the bytes of a system's answers are to be understood."""

    content_types: Annotated[Texts, AfterValidator(_check_types)] = Key(
        (),
        description="Content-Types that its answers may have beside the usual ones, as `text/html` or `text/plain`; "
        f'`["{NO_TYPE}"]`: none at all. Costs the first sign of a page that is no answer; a page in HTML stays a fault',
    )
    encoding: Literal["utf-8", "gbk", "gb18030"] = Key(
        "utf-8",
        description="the encoding of its answers; a Content-Type or an XML declaration that names another one is a "
        "fault, and so are bytes that are none of its characters",
    )

    def check_type(self, header: str, usual: tuple[str, ...]) -> None:
        """Raise UntrustedAnswer unless `knows_type`."""
        if not self.knows_type(header, usual):
            raise UntrustedAnswer(FailureCode.CONTENT_TYPE)

    def knows_type(self, header: str, usual: tuple[str, ...]) -> bool:
        """Whether the Content-Type is one of the usual or the added ones, in this encoding if it names one."""
        if not header:
            return NO_TYPE in self.content_types
        parts = _CONTENT_TYPE.fullmatch(header)
        if parts is None or not self.knows_media_type(header, usual):
            return False
        parameters = [(name.lower(), value) for name, value in _PARAMETER.findall(parts[2])]
        return all(
            name == "action" or (name == "charset" and self._is_same(value)) for name, value in parameters
        )

    def knows_media_type(self, header: str, usual: tuple[str, ...]) -> bool:
        """Whether the Content-Type is one of the usual or the added ones, in whatever encoding."""
        parts = _CONTENT_TYPE.fullmatch(header)
        return parts is not None and parts[1].lower() in (*usual, *self.content_types)

    def decode(self, body: bytes, broken: FailureCode) -> str:
        """The text of a body, which is `broken` where it cannot be decoded; raises UntrustedAnswer.

        A mark of byte order in front of UTF-8 is left out: no JSON and no XML begins with it, so that whoever reads on
        reads the same.
        """
        try:
            text = body.decode("utf-8-sig" if self.encoding == "utf-8" else self.encoding)
        except UnicodeDecodeError:
            raise UntrustedAnswer(broken) from None
        if _HTML.match(text):
            raise UntrustedAnswer(FailureCode.CONTENT_TYPE)
        declared = _DECLARED.match(text)
        if declared and not self._is_same(declared[1]):
            raise UntrustedAnswer(FailureCode.ENCODING)
        return text

    def _is_same(self, name: str) -> bool:
        return name.lower() in _SAME[self.encoding]


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """How one kind of answer is built: JSON or XML, in an envelope or not, with which texts inside."""

    format: Format
    inside: tuple[Inside, ...] = ()
    soap: Soap | None = None

    @property
    def content_types(self) -> tuple[str, ...]:
        """The usual Content-Types of it."""
        return _FORMATS_TYPES[self.format] if self.soap is None else (self.soap.content_type,)

    def read(self, text: AnswerText, body: bytes) -> Json:
        """The tree of a body. Raises UntrustedAnswer."""
        decoded = text.decode(body, _BROKEN[self.format])
        document: Json
        if self.format is Format.JSON:
            document = read_json(decoded)
        else:
            found = _parse_xml(decoded)
            document = found.tree if self.soap is None else unwrap(found, self.soap)
        for inner in self.inside:
            document = _open(document, inner.path, inner.format)
        return document

    def is_foreign_fault(self, body: bytes) -> bool:
        """Whether a body is a SOAP fault in the encoding that its own XML declaration names, UTF-8 without one. Servers
        write faults apart from answers, often in another encoding; nothing else is read so.
        """
        declared = _DECLARED.match(body[:_LONGEST_DECLARATION].decode("latin-1"))
        named = declared[1].lower() if declared else "utf-8"
        encoding = next((own for own, names in _SAME.items() if named in names), None)
        if self.soap is None or encoding is None:
            return False
        try:
            unwrap(read_xml(body.decode(encoding)), self.soap)
        except UntrustedAnswer as error:
            return error.fault is FailureCode.SOAP_FAULT
        except (UnicodeDecodeError, XmlError):
            return False
        return False

    def find_format(self, path: Path) -> Format:
        """How that is written in which a path ends: the whole, or a text inside it."""
        formats = [inner.format for inner in self.inside if path[: len(inner.path)] == inner.path]
        return formats[-1] if formats else self.format

    def list_rows_contradictions(self, rows_path: Path) -> Iterator[tuple[str, str]]:
        """What is wrong with a path of rows in XML, where `$` is no element."""
        if self.find_format(rows_path) is Format.XML and not rows_path:
            yield "rows_path", "names no element: the path of a row begins with the root's name"

    def list_mark_contradictions(self, key: str, marks: tuple[Mark, ...]) -> Iterator[tuple[str, str]]:
        """Marks that can never hold, as everything in XML is a text."""
        for mark in marks:
            if self.find_format(mark.path) is Format.XML and not all(
                isinstance(value, str) for value in mark.values
            ):
                name = ".".join(map(str, mark.path))
                yield f"{key}.{name}", 'is no text, and in XML everything is one: write it as "0" or "true"'

    def look_up_rows(
        self, document: Json, path: Path, no_record: NoRecord, understood: Collection[Path]
    ) -> Json:
        """The rows at a path, in XML as JSON would have them; `understood` are the paths that are read beside them. Raises
        UntrustedAnswer.
        """
        if self.find_format(path) is Format.JSON:
            return look_up(document, path)
        try:
            may_be_absent = no_record is NoRecord.MARKED
            return find_rows(document, path, may_be_absent=may_be_absent, understood=understood)
        except NoSuchRows:
            raise UntrustedAnswer(FailureCode.MISSING_FIELD) from None

    def look_up_number(self, document: Json, path: Path) -> Json:
        """A whole number of the answer itself, which XML writes as a text. Raises UntrustedAnswer."""
        value = look_up(document, path)
        is_number = (
            self.find_format(path) is Format.XML and isinstance(value, str) and _WHOLE.fullmatch(value)
        )
        return int(value) if is_number else value  # type: ignore[arg-type]


_BROKEN = {Format.JSON: FailureCode.NOT_JSON, Format.XML: FailureCode.NOT_XML}
InsideTexts = Annotated[
    Tables[Inside],
    Key(
        (),
        description="a text inside the answer that is JSON or XML itself; two at most, each may stand inside the one "
        "before",
    ),
]


def read_rows_format(table: Mapping[str, Any]) -> Format | None:
    """How the rows of a connector's table are written, before the table is read; None where it does not say."""
    inside, path = table.get("inside", []), table.get("rows_path")
    if not isinstance(inside, list) or not isinstance(path, str):
        return None
    written = "xml" if table.get("kind") == "http_xml" else "json"
    for inner in inside:
        if isinstance(inner, dict) and f"{path}.".startswith(f"{inner.get('path')}."):
            written = inner.get("format", written)
    return Format(written) if written in set(Format) else None


def list_inside_contradictions(inside: tuple[Inside, ...]) -> Iterator[tuple[str, str]]:
    """What is wrong with the texts inside an answer together."""
    if len(inside) > MOST_INSIDE:
        yield "inside", f"has more than {MOST_INSIDE} tables"
    for index, inner in enumerate(inside):
        if not inner.path:
            yield f"inside[{index}].path", "must lead to a text inside the answer"


def _parse_xml(text: str) -> XmlText:
    try:
        return read_xml(text)
    except XmlError as error:
        note_reason(error.reason)
        raise UntrustedAnswer(FailureCode(error.fault)) from None


def _open(document: Json, path: Path, written: Format) -> Json:
    """The tree with a text of it as a tree of its own. Nothing is changed in place."""
    value = look_up(document, path)
    if not isinstance(value, str):
        raise UntrustedAnswer(FailureCode.WRONG_TYPE)
    inner = read_json(value) if written is Format.JSON else _parse_xml(value).tree
    return _replace(document, path, inner)


def _replace(node: Any, path: Path, value: Json) -> Json:
    if not path:
        return value
    first, *rest = path
    return {**node, first: _replace(node[first], tuple(rest), value)}
