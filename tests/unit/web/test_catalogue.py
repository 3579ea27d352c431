"""The English catalogue is complete, and holds nothing else."""

from __future__ import annotations

import re

import pytest
from babel.messages.catalog import Catalog

from tests.catalogue import CATALOGUE, bring_up_to_date, extract_texts, read_catalogue, write_catalogue

PLACEHOLDER = re.compile(r"%\(\w+\)s|<[^>]+>")


def list_gaps(catalogue: Catalog) -> list[str]:
    """What keeps the catalogue from being complete."""
    texts = {message.id for message in extract_texts() if message.id}
    kept = {message.id: message for message in catalogue if message.id}
    gaps = [f"not translated: {text}" for text in texts if text not in kept or not kept[text].string]
    gaps += [f"no longer used: {text}" for text in kept if text not in texts]
    gaps += [f"uncertain: {text}" for text, message in kept.items() if message.fuzzy]
    gaps += [f"no longer used: {text}" for text in catalogue.obsolete]
    return gaps + [
        f"other placeholders or marks: {text}"
        for text, message in kept.items()
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(message.string))
    ]


def test_every_text_of_programs_and_pages_has_its_translation_and_no_other_is_kept() -> None:
    assert list_gaps(read_catalogue()) == []


def test_the_catalogue_is_kept_as_it_is_written() -> None:
    assert write_catalogue(bring_up_to_date()) == CATALOGUE.read_bytes()


def test_many_texts_are_found() -> None:
    """An extraction that finds nothing would find nothing missing."""
    assert len(list(extract_texts())) > 200


@pytest.mark.parametrize("change", ["drop", "empty", "add", "fuzzy", "placeholder"])
def test_a_gap_is_noticed(change: str) -> None:
    catalogue = read_catalogue()
    message = catalogue["此前 <b>%(count)s</b> 次"]
    assert message is not None
    if change == "drop":
        catalogue.delete(message.id)
    elif change == "empty":
        message.string = ""
    elif change == "add":
        catalogue.add("新的", "New")
    elif change == "fuzzy":
        message.flags.add("fuzzy")
    else:
        message.string = "<b>%(number)s</b>"
    assert list_gaps(catalogue) != []
