"""The documents explain every key of the configuration, and say of each what its declaration says."""

from __future__ import annotations

from typing import Annotated

import pytest

from app.config_model import Section, Whole, between, read
from app.connectors import config, desk, fields, reading
from app.connectors.http import (
    answers,
    cursor,
    fixed,
    pages,
    request,
    signature,
    soap,
    templates,
    token,
)
from app.connectors.http import client as http_config
from app.connectors.sip2 import codec, patron
from app.connectors.sip2 import connector as sip2_config
from app.connectors.sql import config as sql_config
from app.domain import applies, mini_app, office, opening_hours, step
from app.domain.person import NumberForm
from app.identity import cas, oauth2, oidc
from app.identity import settings as identity
from app.settings import campus, mini_apps, sections
from tests.config_docs import DOCUMENTS, MARK, TABLES, fill_tables, find_section, make_table, write_default

MODULES = (
    *(sections, campus, mini_apps, identity, oidc, oauth2, cas),
    *(applies, mini_app, office, opening_hours, step),
    *(
        config,
        desk,
        fields,
        reading,
        http_config,
        answers,
        cursor,
        fixed,
        pages,
        request,
        signature,
        soap,
        templates,
        token,
        sql_config,
        sip2_config,
        codec,
        patron,
    ),
)
GIVEN = {
    "slug",
    "name",
    "numbers",
    "conventions",
    "only_shown_as",
    "key_form",
    "actions",
    "texts",
    "translations",
}
"""Fields that are no keys: what a table's reader gives beside it, and the actions of kinds that have none."""
TOLD_BY_MONDAY = set(opening_hours.DAYS[1:])
"""Keys that the line of another one tells of."""
CONTEXT = {"numbers": NumberForm(), "examples": (), "zone": None}


class Flower(Section):
    petals: Annotated[Whole, between(6, 9)] = 5


def list_sections() -> set[type[Section]]:
    found = {item for module in MODULES for item in vars(module).values() if isinstance(item, type)}
    return {item for item in found if issubclass(item, Section) and item is not Section}


def list_inner() -> set[object]:
    """Sections that are a key of another: their keys stand in its table, or in its text."""
    found, waiting = set[object](), list(TABLES.values())
    while waiting:
        inner = (
            {find_section(field.annotation) for field in waiting.pop().model_fields.values()} - found - {None}
        )
        found |= inner
        waiting += inner
    return found


def list_bases() -> set[type]:
    """Sections of whose keys each table of another section has all."""
    shown = {*TABLES.values(), *(inner for inner in list_inner() if isinstance(inner, type))}
    return {base for table in shown for base in table.__mro__[1:]} - set(TABLES.values())


def test_the_tables_of_keys_are_those_of_the_declarations() -> None:
    for document in DOCUMENTS:
        text = document.read_text(encoding="utf-8")
        assert fill_tables(text) == text, f"{document.name} is out of date: run make docs"


def test_a_table_that_was_changed_by_hand_is_told() -> None:
    text = DOCUMENTS[0].read_text(encoding="utf-8")
    assert fill_tables(text.replace("| `proxy_count` | `0` |", "| `proxy_count` | `1` |")) == text
    with pytest.raises(KeyError):
        fill_tables("<!-- keys: flower -->\n<!-- end -->")


def test_every_section_has_its_table() -> None:
    shown = {name for document in DOCUMENTS for _, name, _ in MARK.findall(document.read_text("utf-8"))}
    assert shown == set(TABLES)
    assert set(TABLES.values()) <= list_sections() <= {*TABLES.values(), *list_inner(), *list_bases()}


def test_every_key_says_what_it_means() -> None:
    silent = {
        name
        for section in TABLES.values()
        for name, field in section.model_fields.items()
        if not field.description
    }
    assert silent == GIVEN | TOLD_BY_MONDAY
    assert all(
        f"`{day}`" in make_table(opening_hours.Hours)
        for day in (opening_hours.DAYS[1], opening_hours.DAYS[-1])
    )
    # The control: a key without a meaning has no line, and would be among these.
    assert "petals" not in make_table(Flower)


def mistakes_of_defaults(section: type[Section]) -> list[str]:
    defaults = {
        key: write_default(field)
        for key, field in section.model_fields.items()
        if not field.is_required() and field.default and not isinstance(field.default, Section)
    }
    faults: list[str] = []
    if defaults:
        read(section, defaults, "x", faults, None, **CONTEXT)
    return [fault for fault in faults if " is missing" not in fault]


def test_every_default_could_be_configured() -> None:
    """pydantic takes defaults as they are: one out of its own bounds would never be told."""
    assert [mistake for section in TABLES.values() for mistake in mistakes_of_defaults(section)] == []
    assert mistakes_of_defaults(Flower) == ["x.petals must be from 6 to 9"]
