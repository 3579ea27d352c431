"""What commands print: texts of departments, of names and of files reach a terminal as texts alone, never as commands to
it, and never so that they look like something else.
"""

from __future__ import annotations

import unicodedata

import click

_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories (unicode.org/reports/tr44, General_Category) of controls, of formats such as the bidirectional
and zero-width ones, of halves of characters, and of separators of lines.
"""
_KEPT = "\n\t"


def make_visible(text: str) -> str:
    r"""The text with each character that is not seen, but for tabs and ends of lines, as `\x1b` or `\u202e`."""
    return "".join(_spell(character) for character in text)


def make_line(text: str) -> str:
    r"""The same as one line: what a system sent begins no line of its own."""
    return make_visible(text).replace("\n", r"\n")


def echo(text: str, *, err: bool = False) -> None:
    """Print a text, to standard error with `err`."""
    click.echo(make_visible(text), err=err)


def _spell(character: str) -> str:
    if " " <= character <= "~" or character in _KEPT or unicodedata.category(character) not in _UNSEEN:
        return character
    code = ord(character)
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"
