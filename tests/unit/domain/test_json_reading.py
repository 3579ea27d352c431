"""One strict reader and one language of paths, for departments' answers and for claims."""

from __future__ import annotations

import json
import re

import pytest

from app.domain.json_reading import (
    INDEX,
    MAX_DEPTH,
    PATH_PATTERN,
    AmbiguousNumber,
    DuplicateKey,
    EntryWith,
    JsonError,
    JsonReader,
    NoSuchValue,
    Path,
    look_up,
    make_path_pattern,
    parse_path,
)

READER = JsonReader(max_digits=18)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{}{}", JsonError),
        ('{"a":' * MAX_DEPTH + "1" + "}" * MAX_DEPTH, JsonError),
        (r'{"a":"\ud800"}', JsonError),
        ('{"a":1,"a":1}', DuplicateKey),
        ('{"a":-0}', AmbiguousNumber),
        ('{"a":Infinity}', AmbiguousNumber),
        ('{"a":' + "9" * 19 + "}", AmbiguousNumber),
    ],
)
def test_what_is_wrong_is_told_by_its_kind_and_nothing_of_the_text(text: str, error: type[JsonError]) -> None:
    with pytest.raises(JsonError) as refusal:
        READER.read(text)
    assert type(refusal.value) is error
    assert refusal.value.__cause__ is None
    assert text not in str(refusal.value)


def test_a_reader_may_take_longer_numbers_and_half_characters() -> None:
    text = '{"id":' + "9" * 19 + r',"name":"\ud800"}'
    assert JsonReader(40, takes_lone_surrogates=True).read(text) == json.loads(text)


def test_a_fraction_keeps_how_it_was_written() -> None:
    assert str(READER.read("12.50")) == "12.50"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("a.b", ("a", "b")),
        ("a[0][12].b", ("a", 0, 12, "b")),
        ("a[kind=x.y].b", ("a", EntryWith("kind", "x.y"), "b")),
        ("_id.$oid", ("_id", "$oid")),
    ],
)
def test_a_path_has_a_step_for_each_key_place_and_entry(text: str, path: Path) -> None:
    assert re.fullmatch(PATH_PATTERN, text)
    assert parse_path(text) == path


@pytest.mark.parametrize(
    "text",
    ["", ".", "a.", ".a", "a..b", "$.a", "$a", "a[", "a[x]", "a[-1]", "a[1234]", "[0]", "a=b", "a[b=]"],
)
def test_what_is_no_path_matches_no_pattern(text: str) -> None:
    assert not re.fullmatch(PATH_PATTERN, text)


def test_a_narrower_pattern_lacks_the_steps_that_it_does_not_name() -> None:
    assert re.fullmatch(make_path_pattern(INDEX), "a[0].b")
    assert not re.fullmatch(make_path_pattern(INDEX), "a[kind=x].b")
    assert not re.fullmatch(make_path_pattern(), "a[0].b")


DOCUMENT = {"rows": [{"kind": "x", "n": 1}, {"kind": "y", "n": 2}, {"kind": "y", "n": 3}], "one": {"n": None}}


@pytest.mark.parametrize(
    ("text", "value"),
    [("$", DOCUMENT), ("rows[1].n", 2), ("rows[kind=x].n", 1), ("one.n", None)],
)
def test_a_path_leads_to_its_value(text: str, value: object) -> None:
    assert look_up(DOCUMENT, parse_path(text)) == value


@pytest.mark.parametrize(
    "text", ["none", "rows.n", "rows[3].n", "rows[kind=y].n", "rows[kind=z].n", "one[0].n", "one.n.more"]
)
def test_a_path_that_leads_nowhere_or_to_several_is_refused(text: str) -> None:
    with pytest.raises(NoSuchValue):
        look_up(DOCUMENT, parse_path(text))


def test_what_stands_alone_is_a_list_of_one_only_where_that_is_asked_for() -> None:
    assert look_up(DOCUMENT, parse_path("one[0]"), takes_lone_entries=True) == {"n": None}
    with pytest.raises(NoSuchValue):
        look_up(DOCUMENT, parse_path("one.n[0]"), takes_lone_entries=True)
