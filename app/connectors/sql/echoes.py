"""Whether a statement gives back its own parameter in the place of a row's student number, which then proves nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_TOKEN = re.compile(
    r"""(?P<left_out>--[^\n]*|/\*.*?\*/|'(?:[^']|'')*')"""
    r"""|"(?P<double>[^"]*)"|`(?P<back>[^`]*)`|\[(?P<square>[^\]]*)\]"""
    r"""|(?P<parameter>(?<!:):\w+)|(?P<word>\w+)|(?P<sign>[^\s\w])""",
    re.DOTALL,
)
_AFTER_COLUMNS = frozenset(("from", "where", "union", "intersect", "except", "minus"))


@dataclass(slots=True)
class _Part:
    """What stands between two brackets, or the whole, with the column of its SELECT that is being read."""

    is_select: bool = False
    is_in_columns: bool = False
    name: str = ""
    has_parameter: bool = False
    made_of_parameter: set[str] = field(default_factory=set)
    """The columns so far that are made of the parameter, by their names in small letters."""

    def begin_columns(self) -> None:
        self.is_select = self.is_in_columns = True
        self.name, self.has_parameter = "", False

    def end_column(self) -> None:
        if not self.is_in_columns:
            return
        if self.has_parameter:
            self.made_of_parameter.add(self.name.lower())
        self.name, self.has_parameter = "", False

    def end_columns(self) -> None:
        self.end_column()
        self.is_in_columns = False

    def gives_parameter(self) -> bool:
        """Whether what it comes to is made of the parameter; asked at its end."""
        return bool(self.made_of_parameter) if self.is_select else self.has_parameter


def gives_back_parameter(statement: str, column: str) -> bool:
    """Whether somewhere in a statement a column of this name is selected in whose making a parameter has a part, as in
    `SELECT :student_number AS xh` or `CAST(:student_number AS CHAR(10)) xh`. A condition inside an inner SELECT is none.
    """
    parts, found = [_Part()], set[str]()
    for token in _TOKEN.finditer(statement):
        part, kind = parts[-1], token.lastgroup
        text = token[kind or 0].lower()
        if kind == "parameter":
            part.has_parameter = True
        elif kind == "word" and text == "select":
            part.begin_columns()
        elif kind == "word" and text in _AFTER_COLUMNS:
            part.end_columns()
        elif text == ",":
            part.end_column()
        elif text == "(":
            parts.append(_Part())
        elif text == ")" and len(parts) > 1:
            part.end_columns()
            found |= parts.pop().made_of_parameter
            parts[-1].has_parameter |= part.gives_parameter()
        elif kind not in ("left_out", "sign"):
            part.name = text
    for part in parts:
        part.end_columns()
        found |= part.made_of_parameter
    return column.lower() in found
