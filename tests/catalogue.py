"""The catalogue of translations beside the texts of the programs and pages. As a program it adds new texts to
the catalogue, with no translation yet, and drops those that are no longer used.
"""

from __future__ import annotations

import io
import tomllib
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.pofile import read_po, write_po

ROOT = Path(__file__).resolve().parent.parent
CATALOGUE = ROOT / "app" / "translations" / "en" / "LC_MESSAGES" / "messages.po"
HEADER = b"""\
msgid ""
msgstr ""
"Language: en\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Plural-Forms: nplurals=2; plural=(n != 1);\\n"

"""
KEYWORDS = {**DEFAULT_KEYWORDS, "_l": None}
"""`_l` is a text that is translated when it is shown."""


def extract_texts() -> Catalog:
    """Every text that the programs and pages mark for translation."""
    mappings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["babel"]["mappings"]
    methods = [(mapping["pattern"], mapping["method"]) for mapping in mappings]
    options = {mapping["pattern"]: mapping for mapping in mappings}
    texts = Catalog()
    found = extract_from_dir(ROOT, methods, options, KEYWORDS)
    for name, _line, message, _comments, context in found:
        texts.add(message, None, [(name, None)], context=context)
    return texts


def read_catalogue() -> Catalog:
    """The catalogue as it is kept."""
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="en")


def bring_up_to_date() -> Catalog:
    """The catalogue with the texts of the programs and pages, as it should be kept."""
    catalogue = read_catalogue()
    catalogue.update(extract_texts(), no_fuzzy_matching=True)
    return catalogue


def write_catalogue(catalogue: Catalog) -> bytes:
    """The catalogue as a file: without what changes from day to day."""
    texts = io.BytesIO()
    write_po(
        texts, catalogue, 110, omit_header=True, sort_by_file=True, ignore_obsolete=True, include_lineno=False
    )
    return HEADER + texts.getvalue()


if __name__ == "__main__":
    up_to_date = bring_up_to_date()
    CATALOGUE.write_bytes(write_catalogue(up_to_date))
    for message in up_to_date:
        if message.id and not message.string:
            print("to translate:", message.id)
